from pathlib import Path

import pytest

from tlswitness.cli import main
from tlswitness.cli.status import Status


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["list"], Status.OK),
        (["list", "--json"], Status.OK),
        (["replay", "none", "--since", "1d"], Status.USAGE),
        (["replay", "none", "--since", "soon"], Status.USAGE),
        (["replay", "none", "--since", "2026-01-31", "--until", "2026-01-30"], Status.USAGE),
        (["test", "none", "--file", "-"], Status.USAGE),
        (["test", "none.py"], Status.USAGE),
    ],
)
def test_the_command(config_file, args, status, capsys):
    assert main(["--config", str(config_file), "hooks", *args]) == status
    out, err = capsys.readouterr()
    assert bool(out) == (status == Status.OK)
    assert bool(err) == (status != Status.OK)


@pytest.mark.parametrize("verb", ["list", "test", "replay", "include-dir"])
def test_help(verb, capsys):
    assert main(["hooks", verb, "--help"]) == Status.OK
    assert "Exit status:" in capsys.readouterr().out


def test_the_directory_of_the_headers(capsys):
    assert main(["hooks", "include-dir"]) == Status.OK
    directory = Path(capsys.readouterr().out.strip())
    assert (directory / "tlsrpt.h").is_file()
    assert (directory / "hooks/core/smtp_tls_reporting.h").is_file()
