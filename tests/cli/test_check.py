import pytest

from tlswitness.cli import main
from tlswitness.cli.status import Status


def test_the_command(config_file, capsys):
    """Up to the resolver, at which nobody answers."""
    assert main(["--config", str(config_file), "check", "example.com"]) == Status.TEMPFAIL
    out, err = capsys.readouterr()
    assert out.startswith("example.com\n  Mail would be deferred (4.4.3)")
    assert err == "", "the log says nothing that the findings do not"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ([], "Missing argument 'DOMAIN...'"),
        (["a..b"], "'a..b': it has an empty label"),
        (["--mx", "192.0.2.1", "example.com"], "'192.0.2.1': it looks like an IP address"),
    ],
)
def test_wrong_usage(args, text, capsys):
    assert main(["check", *args]) == Status.USAGE
    assert text in capsys.readouterr().err


def test_help(capsys):
    assert main(["check", "--help"]) == Status.OK
    out = capsys.readouterr().out
    assert "Exit status:" in out
    assert "Examples:" in out
