import gzip
import io
import json
import sys
from pathlib import Path

import pytest

from tlswitness.cli.hooks_test import run_test
from tlswitness.cli.status import Status
from tlswitness.config import Config, HookConfig, Members, Sessions

PANICLOG = Path(__file__).parents[1] / "data" / "momentum_paniclog.txt"
EXAMPLES = Path(__file__).parents[2] / "examples"
HEAD = "def core_smtp_tls_reporting(p):\n    "


@pytest.fixture
def points(tmp_path):
    """The seed's two points."""
    path = tmp_path / "points.jsonl"
    lines = [line.partition("report:")[2].strip() for line in PANICLOG.read_text().splitlines() if "report:" in line]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def test(tmp_path):
    def run(code, file, **more):
        (tmp_path / "m.py").write_text(code)
        return run_test(Config(state_dir=tmp_path / "state"), str(tmp_path / "m.py"), file, **more)

    return run


def test_what_it_prints_goes_to_stdout_and_the_rest_to_stderr(test, points, capsys):
    assert test(HEAD + "print(p.type); return 'x'", points) == Status.OK
    out, err = capsys.readouterr()
    assert out == "1746712864:scriptlet: 1\n1746719856:scriptlet: 0\n"
    assert "line 2: returned 'x' in " in err
    assert "2 points told" in err
    assert test(HEAD + "print(p.type)", points, quiet=True) == Status.OK
    assert capsys.readouterr() == (out, "")


def test_the_builtin_gives_the_seeds_lines_to_the_byte(points, capsys, tmp_path):
    config = Config(state_dir=tmp_path)
    assert run_test(config, str(tmp_path / "log"), points, kind="paniclog", quiet=True) == Status.OK
    assert capsys.readouterr() == (PANICLOG.read_text(), "")
    assert not (tmp_path / "log").exists()


def test_json(test, points, capsys):
    code = HEAD + "print(p.type)\n    if p.type == 0: raise ValueError('zero')"
    assert test(code, points, json=True) == Status.NO
    found = json.loads(capsys.readouterr().out)
    assert (found["told"], found["errors"], found["loaded"]) == (2, 1, True)
    assert found["calls"][0]["printed"] == ["1746712864:scriptlet: 1"]
    assert "zero" in found["calls"][1]["error"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1", "is not loaded"),
        (HEAD + "raise ValueError('oops')", "line 1: ValueError: oops"),
        (HEAD + "if p.type == 0:\n        import os; os.abort()", "SIGABRT, telling the point of line 2"),
        (HEAD + "from tlswitness.hooks import Retry; raise Retry('busy')", "asks to be told again: busy"),
        (HEAD + "pass\ndef deinit(): raise ValueError('end')", "its end failed"),
    ],
)
def test_what_is_wrong_with_it(test, points, capfd, code, said):
    assert test(code, points, quiet=True) == Status.NO
    assert said in capfd.readouterr().err


def test_bad_lines_are_named(test, points, capsys):
    points.write_text("rubbish\n\n" + points.read_text() + '{"epoch": -1}\n')
    assert test(HEAD + "pass", points) == Status.DATA
    err = capsys.readouterr().err
    assert "line 1: " in err
    assert "line 5: epoch" in err
    assert "2 points told" in err


def test_points_on_many_lines_are_explained(test, points, capsys):
    first = points.read_text().splitlines()[0]
    points.write_text(json.dumps(json.loads(first), indent=4))
    assert test(HEAD + "pass", points) == Status.DATA
    assert "warning: a data point is one JSON object on one line" in capsys.readouterr().err


def test_gzip_and_the_standard_input(test, points, capsys, monkeypatch, tmp_path):
    packed = tmp_path / "points.gz"
    packed.write_bytes(gzip.compress(points.read_bytes()))
    assert test(HEAD + "print(1)", packed, quiet=True) == Status.OK
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(points.read_bytes())))
    assert test(HEAD + "print(1)", Path("-"), quiet=True) == Status.OK
    assert capsys.readouterr().out.count("\n") == 4
    packed.write_bytes(gzip.compress(points.read_bytes())[:-10])
    assert test(HEAD + "pass", packed, quiet=True) == Status.NO_INPUT
    assert test(HEAD + "pass", tmp_path / "none", quiet=True) == Status.NO_INPUT


def test_no_such_module(points, tmp_path, capsys):
    assert run_test(Config(state_dir=tmp_path), "nothing", points) == Status.USAGE
    assert "--kind" in capsys.readouterr().err


def test_the_seeds_script_gives_the_seeds_lines_to_the_byte(points, capsys, tmp_path):
    text = (PANICLOG.parent / "momentum_smtp_tls_reporting.txt").read_text()
    last = 'msys.registerModule("tlsrpt", mod);'
    begin = text.index('require("msys.core");')
    script = tmp_path / "seed.lua"
    script.write_text(text[begin : text.index(last) + len(last)] + "\n")
    assert run_test(Config(state_dir=tmp_path), str(script), points, quiet=True) == Status.OK
    assert capsys.readouterr() == (PANICLOG.read_text(), "")


@pytest.mark.parametrize("kind", ["python", "lua"])
def test_the_examples_give_the_seeds_lines_to_the_byte(points, capsys, tmp_path, kind):
    """That in C is built and shown with the headers."""
    file = next((EXAMPLES / kind).glob("tlsrpt.*"))
    hook = HookConfig(**{kind: str(file)}, name="example", members=Members.SEED, sessions=Sessions.POLICY)
    config = Config(state_dir=tmp_path, hook=(hook,))
    assert run_test(config, "example", points, quiet=True) == Status.OK
    assert capsys.readouterr() == (PANICLOG.read_text(), "")
