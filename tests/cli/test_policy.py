import pytest

from tlswitness.cli import main
from tlswitness.cli.status import Status


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["list"], Status.OK),
        (["list", "--json"], Status.OK),
        (["show", "example.com"], Status.NO),
        (["purge", "--dry-run"], Status.OK),
        (["refresh", "example.com"], Status.NO),
        (["show", "a..b"], Status.USAGE),
        (["refresh"], Status.USAGE),
    ],
)
def test_the_command(config_file, args, status, capsys):
    assert main(["--config", str(config_file), "policy", *args]) == status
    out, err = capsys.readouterr()
    assert bool(out) == (status == Status.OK)
    assert bool(err) == (status != Status.OK)
