import json

import pytest
from tests.service.support import module, status

from tlswitness.cli import health_run
from tlswitness.cli.health_run import run_status, words
from tlswitness.cli.status import Status
from tlswitness.config import Config, Loaded
from tlswitness.hooks.supervisor.snapshot import State
from tlswitness.service.ask import NoDaemon
from tlswitness.service.status import Held, Reload


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Runs the command against a daemon that answers so."""

    def run(answer, **how):
        monkeypatch.setattr(health_run, "ask", lambda path: answer)
        return run_status(Loaded(Config(state_dir=tmp_path), None), **how)

    return run


def test_all_is_well(asked, capsys):
    said = status(
        module(behind=2048, lag=3.0),
        journal={"segments": 2, "chains": 1, "octets": 3 << 20, "oldest": 0.0, "free": 5 << 30},
        metrics="127.0.0.1:9815",
        reload=Reload(at=0.0, applied=True, changes=("told started",)),
        held=(Held(name="gone", until=0.0),),
    )
    assert asked(said) == Status.OK
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[:6] == [
        "tlswitness 1.2, process 41, running for 16 minutes",
        "configuration  /etc/tlswitness.toml",
        "last reload    1970-01-01 00:00 UTC: told started",
        (
            "journal        3.0 MiB in 2 segments of 1 writer, from 1970-01-01 00:00 UTC, "
            "in /var/lib/tlswitness/journal; 5.0 GiB are free"
        ),
        "metrics        http://127.0.0.1:9815/metrics",
        "kept for       gone, which is configured no more, until 1970-01-01 00:00 UTC",
    ]
    row = next(line for line in out.splitlines() if line.startswith("told "))
    assert row.split() == ["told", "python", "running", "2.0", "KiB,", "3", "seconds", "7", "2", "1", "6"]
    assert out.endswith("all is well\n")


def test_what_is_wrong_is_said(asked, capsys):
    sick = status(
        module("bad\x1b[31m", state=State.FAILED, refused="no such file\nat all"),
        reload=Reload(at=0.0, applied=False, problems=("line 3",)),
    )
    assert asked(sick) == Status.NO
    out, err = capsys.readouterr()
    assert "refused, the old configuration holds" in out
    assert "all is well" not in out
    assert "\x1b" not in out + err
    assert "error: hook bad?[31m does not load: no such file?at all\n" in err
    assert "error: the last reload: line 3\n" in err


def test_why_a_module_waits_is_said_and_is_no_trouble_until_it_lags(asked, capsys):
    waiting = {"state": State.RETRYING, "last_error": "asks to be told again: Connection refused", "behind": 5}
    assert asked(status(module(**waiting))) == Status.OK
    out, err = capsys.readouterr()
    assert "hook told is retrying: asks to be told again: Connection refused\nall is well\n" in out
    assert err == ""
    assert asked(status(module(lag=100.0, **waiting))) == Status.NO
    said = "error: hook told is 100 s behind, 5 octets of the journal: asks to be told again: Connection refused\n"
    assert capsys.readouterr().err == said


def test_for_programs(asked, capsys):
    assert asked(status(module(lag=100.0, behind=5)), json=True) == Status.NO
    said = json.loads(capsys.readouterr().out)
    assert said["running"] is True
    assert said["modules"][0]["now"]["counts"]["calls"] == 7
    assert said["troubles"] == ["hook told is 100 s behind, 5 octets of the journal"]


@pytest.mark.parametrize(
    ("answer", "exits"),
    [
        (NoDaemon("nobody"), Status.UNAVAILABLE),
        (NoDaemon("busy", running=True), Status.UNAVAILABLE),
        (NoDaemon("not yours", running=True, forbidden=True), Status.NO_PERMISSION),
    ],
)
def test_no_answer(asked, answer, exits, capsys):
    assert asked(answer) == exits
    assert answer.reason in capsys.readouterr().err
    assert asked(answer, json=True) == exits
    assert json.loads(capsys.readouterr().out) == {"running": answer.running, "error": answer.reason}


def test_nothing_is_configured():
    said = list(words(status(config="")))
    assert "configuration  none: every option has its default" in said
    assert said[-1] == "no hook module is configured"
