from dataclasses import replace

import pytest

from tlswitness.datapoint import View
from tlswitness.datapoint.finding import Finding
from tlswitness.hooks.spec import Kind, ModuleLimits, ModuleSpec
from tlswitness.hooks.trial import Died, Trial

HEAD = "def core_smtp_tls_reporting(p):\n    "


@pytest.fixture
def module(tmp_path):
    def make(text, **more):
        (tmp_path / "m.py").write_text(text)
        spec = ModuleSpec(name="m", kind=Kind.PYTHON, target=str(tmp_path / "m.py"), view=View(), **more)
        return replace(spec, limits=ModuleLimits(deadline=10, budget=0.05))

    return make


@pytest.fixture
def points(point_of):
    return [(epoch, Finding(point_of(epoch))) for epoch in (7, 8, 9)]


def test_what_comes_of_a_call(module, points):
    with Trial(
        module("print('hello')\ndef deinit():\n    print('bye')\n" + HEAD + "print(p.epoch); return 5"), show=True
    ) as trial:
        assert trial.loaded.printed.endswith(":scriptlet: hello\n")
        answer = trial.tell(points[:1])
        assert (answer.printed, answer.returned, answer.told, answer.errors) == ("7:scriptlet: 7\n", "5", 1, 0)
        assert 0 < answer.seconds < 5
        assert trial.tell(points[1:]).printed == "8:scriptlet: 8\n9:scriptlet: 9\n"
        assert trial.end().printed.endswith(":scriptlet: bye\n")


def test_it_prints_into_its_file_where_it_is_not_shown(module, points, tmp_path):
    with Trial(module(HEAD + "print('x')", output=str(tmp_path / "o" / "log")), show=False) as trial:
        assert trial.tell(points).printed == ""
        trial.end()
    assert (tmp_path / "o/log").read_text() == "7:scriptlet: x\n8:scriptlet: x\n9:scriptlet: x\n"


def test_errors_and_asking_again(module, points):
    text = (
        "from tlswitness.hooks import Retry\nseen = []\n"
        + HEAD
        + (
            "seen.append(p.epoch)\n    if p.epoch == 7: raise ValueError('seven')\n"
            "    if seen == [7, 8]: raise Retry('busy', after=3)\n"
        )
    )
    with Trial(module(text), show=True) as trial:
        first = trial.tell(points)
        assert (first.told, first.errors, first.retry) == (1, 1, 3)
        again = trial.tell(points[first.told :])
        assert (again.told, again.errors, again.retry) == (2, 0, None)


def test_it_does_not_load(module):
    with Trial(module("x = 3\n"), show=True) as trial:
        assert "core_smtp_tls_reporting" in trial.loaded.error


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("import signal; signal.raise_signal(11)", "died of SIGSEGV"),
        ("import os; os._exit(9)", "exit status 9"),
        ("raise SystemExit", "exit status 1"),
        ("raise SystemExit(9)", "exit status 9"),
        ("raise MemoryError", "ran out of its 512 MiB of memory"),
    ],
)
def test_it_dies(module, points, code, how):
    with Trial(module(HEAD + code), show=True) as trial, pytest.raises(Died, match=how):
        trial.tell(points[:1])


def test_a_call_without_an_end_is_killed(module, points):
    spec = replace(module(HEAD + "while True: pass"), limits=ModuleLimits(deadline=0.2))
    with Trial(spec, show=True) as trial, pytest.raises(Died, match=r"more than 0\.2 s"):
        trial.tell(points[:1])


def test_each_call_has_its_own_deadline(module, points):
    """Together they take longer than one may; one that hangs behind them is killed all the same."""
    code = "import time\nn = []\n" + HEAD + "n.append(1); time.sleep(1.1 if len(n) < 4 else 60)"
    spec = replace(module(code), limits=ModuleLimits(deadline=1.5))
    with Trial(spec, show=True) as trial:
        assert trial.tell(points).told == 3
        with pytest.raises(Died, match=r"more than 1\.5 s"):
            trial.tell(points * 100)


def test_one_of_ours_writes_no_file(points, tmp_path):
    spec = ModuleSpec(name="j", kind=Kind.JSONL, target=str(tmp_path / "points.jsonl"), view=View())
    with Trial(spec, show=True) as trial:
        printed = trial.tell(points[:2]).printed + trial.tell(points[2:]).printed
        trial.end()
    assert printed == "".join(finding.compact(epoch) + "\n" for epoch, finding in points)
    assert list(tmp_path.iterdir()) == []
