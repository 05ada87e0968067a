import fcntl
import json
import os
from dataclasses import replace

import pytest
from tests.service.support import module as module_status
from tests.service.support import status

from tlswitness.cli import hooks_run
from tlswitness.cli.hooks_run import run_list, run_replay
from tlswitness.cli.status import Status
from tlswitness.config import parse_config
from tlswitness.datapoint import DataPoint, Policy, PolicyType
from tlswitness.datapoint.finding import Finding
from tlswitness.hooks.host.surroundings import LOCK
from tlswitness.hooks.progress import FILE, Progress
from tlswitness.hooks.supervisor.snapshot import State
from tlswitness.journal import JournalSettings, Writer, new_chain
from tlswitness.service.ask import NoDaemon

HEAD = "def core_smtp_tls_reporting(p):\n    "


def point(epoch, kind=PolicyType.STS):
    return epoch, Finding(DataPoint(epoch=epoch, type=1, policy=Policy(policy_type=kind, policy_domain="example.org")))


@pytest.fixture
def config(tmp_path):
    (tmp_path / "m.py").write_text(HEAD + "print(p.epoch)")
    text = 'state_dir = "s"\n[[hook]]\npython = "m.py"\nsessions = "policy"'
    return parse_config(text, file=tmp_path / "c.toml")


@pytest.fixture
def journal(config):
    """Ten points, and one without a policy."""
    config.journal.directory.mkdir(parents=True)
    writer = Writer(JournalSettings(directory=config.journal.directory), new_chain("test"))
    writer.append([*(point(epoch) for epoch in range(10)), point(5, PolicyType.NONE)])
    writer.close()


def module(config, code):
    (config.state_dir.parent / "m.py").write_text(code)


def test_a_span_is_told_again(config, journal, capsys):
    assert run_replay(config, "m", 3, 7) == Status.OK
    log = config.state_dir / "hooks/m/paniclog"
    assert log.read_text() == "".join(f"{epoch}:scriptlet: {epoch}\n" for epoch in range(3, 7))
    out, err = capsys.readouterr()
    assert out.startswith("4 points told to m, 0 errors")
    assert "1 not shown" in out
    assert not err
    assert not (config.state_dir / "hooks/m" / FILE).exists(), "its cursor is the daemon's"


def test_a_module_that_asks_for_it_is_told_again(config, journal, capsys):
    module(
        config,
        "from tlswitness.hooks import Retry\nn = []\n"
        + HEAD
        + (
            "n.append(1)\n    if len(n) in (2, 3): raise Retry('busy')\n"
            "    if len(n) == 5: raise Retry(after=9)\n    print(p.epoch)"
        ),
    )
    slept = []
    assert run_replay(config, "m", 0, None, json=True, sleep=slept.append) == Status.OK
    found = json.loads(capsys.readouterr().out)
    assert (found["told"], found["retries"], found["errors"], found["ended"]) == (10, 3, 0, True)
    assert slept == [1.0, 2.0, 9]
    lines = (config.state_dir / "hooks/m/paniclog").read_text().splitlines()
    assert [int(line.rpartition(" ")[2]) for line in lines] == list(range(10))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1", "does not load"),
        (HEAD + "raise ValueError('oops')", "ValueError: oops"),
        (HEAD + "import os; os.abort()", "died of SIGABRT"),
    ],
)
def test_what_goes_wrong(config, journal, capfd, code, said):
    module(config, code)
    assert run_replay(config, "m", 0, None) == Status.NO
    assert said in capfd.readouterr().err


def test_no_journal_and_no_module(config, capsys):
    assert run_replay(config, "m", 0, None) == Status.OK
    assert run_replay(config, "other", 0, None) == Status.USAGE
    assert "configured are: m" in capsys.readouterr().err


def test_the_list(config, journal, capsys):
    assert run_list(config, json=True) == Status.OK
    [row] = json.loads(capsys.readouterr().out)["modules"]
    assert row == {"name": "m", "kind": "python", "state": "new", "behind": None}
    home = config.state_dir / "hooks/m"
    home.mkdir(parents=True)
    with Progress.create(home / FILE, {}) as progress:
        progress.count_error()
    assert run_list(config, json=True) == Status.OK
    [row] = json.loads(capsys.readouterr().out)["modules"]
    assert (row["state"], row["errors"], row["calls"]) == ("no daemon", 1, 0)
    assert row["behind"] > 100
    assert run_list(config) == Status.OK
    assert "no daemon" in capsys.readouterr().out
    (home / FILE).write_bytes(b"rubbish")
    assert run_list(config, json=True) == Status.OK
    assert "cannot be read" in json.loads(capsys.readouterr().out)["modules"][0]["state"]


def test_what_a_daemon_says_of_a_module_is_in_the_list(config, capsys, monkeypatch):
    asked = []
    answer = status(module_status("m", state=State.FAILED, refused="no such thing"), module_status("other"))
    monkeypatch.setattr(hooks_run, "ask", lambda path: asked.append(path) or answer)
    assert run_list(config, json=True) == Status.OK
    assert asked == [config.serve.status_socket]
    [row] = json.loads(capsys.readouterr().out)["modules"]
    assert (row["state"], row["troubles"]) == ("failed", ["hook m does not load: no such thing"])
    assert run_list(config) == Status.OK
    out, err = capsys.readouterr()
    assert " failed " in out
    assert err == "error: hook m does not load: no such thing\n"


def test_how_a_module_died_is_in_the_list(config, journal, capsys, monkeypatch):
    told = module_status("m", lag=90.0, last_death="its process died of SIGSEGV", last_error="red \x1b[31m", busy=2.5)
    monkeypatch.setattr(hooks_run, "ask", lambda _: status(told))
    assert run_list(config, json=True) == Status.OK
    found = json.loads(capsys.readouterr().out)
    [row] = found["modules"]
    assert found["daemon"] is True
    assert (row["lag"], row["busy"], row["last-death"]) == (90.0, 2.5, "its process died of SIGSEGV")
    assert run_list(config) == Status.OK
    out, err = capsys.readouterr()
    assert "m: last death: its process died of SIGSEGV\n" in out
    assert "m: last error: red ?[31m\n" in out
    assert err == "error: hook m is 90 s behind, 0 octets of the journal\n"


def test_a_daemon_that_does_not_answer_is_not_called_absent(config, journal, capsys, monkeypatch):
    home = config.state_dir / "hooks/m"
    home.mkdir(parents=True)
    Progress.create(home / FILE, {}).close()
    monkeypatch.setattr(hooks_run, "ask", lambda _: NoDaemon("busy", running=True))
    assert run_list(config, json=True) == Status.OK
    found = json.loads(capsys.readouterr().out)
    assert (found["daemon"], found["modules"][0]["state"]) == (False, "no process")


def test_long_names_stay_whole(config, capsys):
    name = "a-module-with-a-name-of-some-length"
    run_list(replace(config, hook=(replace(config.hook[0], name=name),)))
    assert name in capsys.readouterr().out


def test_a_process_that_lives_is_seen(config, capsys):
    home = config.state_dir / "hooks/m"
    home.mkdir(parents=True)
    with Progress.create(home / FILE, {}):
        pass
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        fd = os.open(home / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.lockf(fd, fcntl.LOCK_EX)
        os.write(tell, b"x")
        os.read(ready, 0)
        os.kill(os.getpid(), 19)
        os._exit(0)
    os.read(ready, 1)
    assert run_list(config, json=True) == Status.OK
    os.kill(child, 9)
    os.waitpid(child, 0)
    os.close(ready)
    os.close(tell)
    assert json.loads(capsys.readouterr().out)["modules"][0]["state"] == "running"
