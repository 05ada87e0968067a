import io

import pytest

from tlswitness.cli import main
from tlswitness.cli.send import MAX_MESSAGE, read_message
from tlswitness.cli.status import Status

MESSAGE = b"From: a@sender.example\nSubject: hello\n\nJust this.\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "there is no message"),
        (b"hello\n", "does not begin with a header field"),
        (b"\nhello\n", "does not begin with a header field"),
        (b"From a@b Mon Jan  1\nSubject: x\n", "does not begin with a header field"),
    ],
)
def test_what_is_no_message(data, words):
    assert words in read_message(io.BytesIO(data))


def test_a_message_has_a_largest_size(monkeypatch):
    monkeypatch.setattr("tlswitness.cli.send.MAX_MESSAGE", 20)
    assert read_message(io.BytesIO(b"Subject: 12345678901")) == b"Subject: 12345678901"
    assert read_message(io.BytesIO(b"Subject: 123456789012")) == "the message is larger than 20 octets"
    assert MAX_MESSAGE > 10_000_000


@pytest.fixture
def typed(monkeypatch):
    def typed(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    return typed


def test_a_closed_input(config_file, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", None)
    assert main(["--config", str(config_file), "send", "-f", "", "you@example.com"]) == Status.NO_INPUT
    assert "the standard input is closed" in capsys.readouterr().err


def test_the_command(config_file, typed, capsys):
    """Up to the resolver, at which nobody answers; options as mail programs give them."""
    typed(MESSAGE)
    args = ["--config", str(config_file), "send", "-i", "-oi", "-f", "<>", "--", "you@example.com"]
    assert main(args) == Status.TEMPFAIL
    assert capsys.readouterr().err.startswith("you@example.com: deferred: 4.4.3 ")


@pytest.mark.parametrize(("option", "required"), [([], False), (["--require-tls"], True)])
def test_the_command_may_require_tls(config_file, typed, monkeypatch, option, required):
    jobs = []

    async def run_send(config, job, **how):
        jobs.append(job)
        return Status.OK

    monkeypatch.setattr("tlswitness.cli.send_run.run_send", run_send)
    typed(MESSAGE)
    args = ["--config", str(config_file), "send", *option, "-f", "me@example.org", "you@example.com"]
    assert main(args) == Status.OK
    assert [job.envelope().require_tls for job in jobs] == [required]


def test_the_command_shows_attempts(config_file, typed, capsys):
    typed(MESSAGE)
    assert main(["--config", str(config_file), "send", "-v", "-f", "", "you@example.com"]) == Status.TEMPFAIL
    assert " info delivery: domain=example.com relay=none " in capsys.readouterr().err


def test_no_message(config_file, typed, capsys):
    typed(b"")
    assert main(["--config", str(config_file), "send", "-f", "", "you@example.com"]) == Status.DATA
    assert capsys.readouterr().err == "error: there is no message on the standard input\n"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["you@example.com"], "Missing option '--from'"),
        (["-f", "me@example.org"], "Missing argument 'RCPT...'"),
        (["-f", "not an address", "you@example.com"], "it is no address"),
        (["-f", "me@example.org", "-t"], "No such option"),
        (["-f", "me@example.org", *(["a@b.example"] * 10_001)], "more than 10000"),
    ],
)
def test_wrong_usage(args, text, capsys):
    assert main(["send", *args]) == Status.USAGE
    assert text in capsys.readouterr().err
