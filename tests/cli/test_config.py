import json
import tomllib

import pytest

from tlswitness.cli import main
from tlswitness.cli.status import Status
from tlswitness.config import Config, load_config

GOOD = 'port = 26\n[domain."x.example"]\ntls = "required"\n[domain."old.example"]\nexpires = 2001-01-01\n'
BAD = 'port = 0\ntsl = "no"\n'


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.delenv("TLSWITNESS_CONFIG", raising=False)
    path = tmp_path / "c.toml"

    def run(text: str, *args: str) -> int:
        path.write_text(text)
        return main(["--config", str(path), "config", *args])

    return run


def test_check(run, capsys):
    assert run(GOOD, "check") == Status.OK
    out, err = capsys.readouterr()
    assert out.endswith("c.toml: right, 2 domains with options of their own\n")
    assert err.startswith('warning: the scope [domain."old.example"] expired')


def test_check_says_all_that_is_wrong(run, capsys):
    assert run(BAD, "check") == Status.CONFIG
    out, err = capsys.readouterr()
    assert not out
    first, second = err.splitlines()
    assert first.endswith("c.toml:1: port = 0: allowed: a whole number from 1 to 65535")
    assert second.endswith("c.toml:2: tsl: no such option; did you mean `tls`?")


def test_check_json(run, capsys):
    assert run(GOOD, "check", "--json") == Status.OK
    said = json.loads(capsys.readouterr().out)
    assert said["ok"]
    assert len(said["warnings"]) == 1
    assert run(BAD, "check", "--json") == Status.CONFIG
    said = json.loads(capsys.readouterr().out)
    assert not said["ok"]
    assert [problem["line"] for problem in said["problems"]] == [1, 2]


def test_check_loads_the_hooks(run, capsys, tmp_path):
    (tmp_path / "bad.py").write_text("1/0\n")
    (tmp_path / "good.py").write_text("def core_smtp_tls_reporting(point): pass\n")
    good, bad = (f'[[hook]]\npython = "{tmp_path / name}.py"\n' for name in ("good", "bad"))
    assert run(good, "check") == Status.OK
    assert capsys.readouterr().err == ""
    assert run(good + bad, "check") == Status.CONFIG
    out, err = capsys.readouterr()
    assert out == ""
    assert "c.toml: hook: 'bad' does not load: ZeroDivisionError: division by zero" in err
    assert run(good + bad, "check", "--json") == Status.CONFIG
    said = json.loads(capsys.readouterr().out)
    assert not said["ok"]
    assert len(said["problems"]) == 1
    assert run(good + bad, "check", "--no-load") == Status.OK


def test_a_missing_file(capsys):
    assert main(["--config", "/nowhere/c.toml", "config", "check"]) == Status.CONFIG
    assert capsys.readouterr().err == "error: /nowhere/c.toml: No such file or directory\n"


def test_the_file_of_the_environment(run, capsys, monkeypatch, tmp_path):
    (tmp_path / "env.toml").write_text("port = 99\n")
    monkeypatch.setenv("TLSWITNESS_CONFIG", str(tmp_path / "env.toml"))
    assert main(["config", "show"]) == Status.OK
    assert capsys.readouterr().out == "port = 99\n"


def test_show(run, capsys):
    assert run("port = 26", "show") == Status.OK
    assert capsys.readouterr().out == "port = 26\n"
    assert run("", "show") == Status.OK
    assert capsys.readouterr().out.startswith("# nothing is set")
    assert run(GOOD, "show", "--domain", "X.example") == Status.OK
    assert tomllib.loads(capsys.readouterr().out) == {"port": 26, "tls": "required"}


def test_show_defaults_is_a_configuration(run, capsys, tmp_path):
    assert run("", "show", "--defaults") == Status.OK
    (tmp_path / "all.toml").write_text(capsys.readouterr().out)
    assert load_config(tmp_path / "all.toml").config == Config()


def test_show_json(run, capsys):
    assert run(GOOD, "show", "--json") == Status.OK
    assert json.loads(capsys.readouterr().out)["domain"]["x.example"]["tls"] == "required"
    assert run(GOOD, "show", "--json", "--domain", "x.example") == Status.OK
    assert json.loads(capsys.readouterr().out)["tls"] == "required"


def test_show_of_a_wrong_file(run, capsys):
    assert run(BAD, "show") == Status.CONFIG
    assert "did you mean `tls`?" in capsys.readouterr().err
