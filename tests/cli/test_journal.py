"""`tlswitness journal` as it is typed."""

import pytest

from tlswitness.cli import main
from tlswitness.cli.status import Status


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["tail"], Status.OK),
        (["stat"], Status.OK),
        (["stat", "--json"], Status.OK),
        (["stat", "--count"], Status.OK),
        (["verify"], Status.OK),
        (["verify", "--json"], Status.OK),
        (["export", "--since", "2026-01-30", "--until", "2026-01-31"], Status.OK),
        (["export", "--since", "2026-01-31", "--until", "2026-01-31"], Status.USAGE),
        (["export", "--since", "soon"], Status.USAGE),
        (["import", "/nonexistent"], Status.USAGE),
        (["import"], Status.USAGE),
    ],
)
def test_the_command_on_a_journal_that_is_not_there(config_file, args, status, capsys):
    assert main(["--config", str(config_file), "journal", *args]) == status
    assert bool(capsys.readouterr().err) == (status != Status.OK)
