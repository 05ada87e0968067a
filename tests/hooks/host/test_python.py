"""Python modules from files and import paths, and how they are called."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journal.support import finding

from tlswitness.datapoint.finding import Finding
from tlswitness.datapoint.views import View
from tlswitness.hooks.contract import HookLoadFailed, Retry
from tlswitness.hooks.host.python import PythonModule, load, load_module
from tlswitness.hooks.spec import Kind, ModuleSpec

GOOD = """
import dataclasses

@dataclasses.dataclass
class Seen:
    epochs: list[int] = dataclasses.field(default_factory=list)

seen = Seen()

def core_smtp_tls_reporting(datapoint):
    seen.epochs.append(datapoint.epoch)
    return list(seen.epochs)
"""
FINDING: Finding = finding(1)


def write(folder: Path, text: str, name: str = "notify.py") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def refused(target: str) -> str:
    reason = load_module(target)
    assert isinstance(reason, str)
    return reason


class Told:
    """A loaded module and what it printed."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.modules: list[PythonModule] = []

    def load(self, target: str, config: str = "") -> PythonModule | HookLoadFailed:
        spec = ModuleSpec(name="notify", kind=Kind.PYTHON, target=target, view=View(), config=config)
        module = load(spec, self.lines.append)
        if isinstance(module, PythonModule):
            self.modules.append(module)
        return module

    def loaded(self, target: str, config: str = "") -> PythonModule:
        module = self.load(target, config)
        assert isinstance(module, PythonModule), module
        return module


@pytest.fixture
def told() -> Iterator[Told]:
    before = sys.stdout
    made = Told()
    yield made
    for module in reversed(made.modules):
        module.close()
    assert sys.stdout is before


def test_file(tmp_path: Path, told: Told) -> None:
    target = write(tmp_path, GOOD)
    module = told.loaded(target)
    assert module.file == target
    assert module.call(5, FINDING) == [5]
    assert module.call(6, FINDING) == [5, 6]


def test_is_given_the_point(tmp_path: Path, told: Told) -> None:
    module = told.loaded(write(tmp_path, "def core_smtp_tls_reporting(datapoint): return datapoint"))
    assert module.call(5, FINDING) == FINDING.at(5)


def test_two_files_of_one_name_are_two_modules(tmp_path: Path, told: Told) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (told.loaded(write(tmp_path / folder, GOOD)) for folder in "ab")
    first.call(5, FINDING)
    assert second.call(6, FINDING) == [6]


def test_import_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Told) -> None:
    (tmp_path / "tlsw_host_of_test").mkdir()
    write(tmp_path / "tlsw_host_of_test", "", "__init__.py")
    file = write(tmp_path / "tlsw_host_of_test", GOOD, "mail.py")
    monkeypatch.syspath_prepend(tmp_path)
    module = told.loaded("tlsw_host_of_test.mail")
    assert module.file == file
    assert module.call(5, FINDING) == [5]
    assert "no module named 'tlsw_host_of_test.more'" in refused("tlsw_host_of_test.more").lower()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it has no core_smtp_tls_reporting; it must have a function `core_smtp_tls_reporting(datapoint)`"),
        ("core_smtp_tls_reporting = 5", "is of type int"),
        ("def core_smtp_tls_reporting(): ...", "does not take one argument"),
        ("def core_smtp_tls_reporting(closure, json): ...", "does not take one argument"),
        ("x = 1\ndef core_smtp_tls_reporting(datapoint:", "syntax error at line 2"),
        ("import tlsw_no_such_module", "No module named 'tlsw_no_such_module'"),
        ("x = 1\n1 / 0", "ZeroDivisionError: division by zero at"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise ImportError", "ImportError"),
    ],
)
def test_broken_module_is_told_in_words(tmp_path: Path, told: Told, text: str, reason: str) -> None:
    before = set(sys.modules)
    target = write(tmp_path, text)
    failed = told.load(target)
    assert isinstance(failed, HookLoadFailed)
    assert reason in failed.reason
    assert target in str(failed)
    assert set(sys.modules) <= before, "nothing of it stays behind"


@pytest.mark.parametrize(
    "text",
    [
        "core_smtp_tls_reporting = print",
        "async def core_smtp_tls_reporting(datapoint, *, more=1): ...",
        "class Hook:\n    def __call__(self, datapoint): ...\ncore_smtp_tls_reporting = Hook()",
        "core_smtp_tls_reporting = dict.fromkeys",
    ],
)
def test_whatever_takes_one_argument_is_a_hook(tmp_path: Path, told: Told, text: str) -> None:
    told.loaded(write(tmp_path, text))


def test_missing_file_and_wrong_kinds(tmp_path: Path) -> None:
    assert refused(str(tmp_path / "none.py")) == "there is no such file"
    assert refused(f"{tmp_path}/") == "it is a directory"
    assert refused(write(tmp_path, GOOD, "notify.txt")) == "it is no Python file: its name must end in .py"
    assert "null" in refused("a\0b.py") or "no such file" in refused("a\0b.py")


@pytest.mark.parametrize("target", ["", "no_such_module_of_ours", ".relative", "tlswitness..hooks"])
def test_bad_import_path(target: str) -> None:
    assert refused(target)


def test_ctrl_c_stays_ctrl_c(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        load_module(write(tmp_path, "raise KeyboardInterrupt"))


def test_what_it_prints_comes_in_lines_also_where_it_raises(tmp_path: Path, told: Told) -> None:
    text = """
import sys
print("loading")
def init(): print("init", end="")
def core_smtp_tls_reporting(point):
    print("told", point.epoch)
    sys.stdout.write("no end")
    if point.epoch == 6: raise ValueError("six")
def deinit(): print("bye")
"""
    module = told.loaded(write(tmp_path, text))
    assert told.lines == ["loading", "init"]
    module.call(5, FINDING)
    with pytest.raises(ValueError, match="six"):
        module.call(6, FINDING)
    assert told.lines[2:] == ["told 5", "no end", "told 6", "no end"]
    told.modules.remove(module)
    module.close()
    assert told.lines[6:] == ["bye"]


def test_init_is_given_the_configured_text_where_it_takes_it(tmp_path: Path, told: Told) -> None:
    body = "\ndef core_smtp_tls_reporting(point): return given"
    one = told.loaded(write(tmp_path, f"def init(config):\n    global given\n    given = config{body}"), "a = 1\n")
    assert one.call(1, FINDING) == "a = 1\n"
    none = told.loaded(write(tmp_path, f"def init():\n    global given\n    given = 'none'{body}", "b.py"), "a = 1\n")
    assert none.call(1, FINDING) == "none"


@pytest.mark.parametrize("error", ["ValueError('no key')", "SystemExit(1)", "Retry('later')"])
def test_a_failing_init_is_a_module_that_does_not_load(tmp_path: Path, told: Told, error: str) -> None:
    head = "from tlswitness.hooks import Retry\n"
    failed = told.load(write(tmp_path, f"{head}def init(): raise {error}\ndef core_smtp_tls_reporting(point): ..."))
    assert isinstance(failed, HookLoadFailed)
    assert f"its init failed: {error.partition('(')[0]}" in failed.reason


def test_coroutines_share_one_loop_for_life(tmp_path: Path, told: Told) -> None:
    text = """
import asyncio
loops = []
async def init(): loops.append(asyncio.get_running_loop())
async def core_smtp_tls_reporting(point):
    loops.append(asyncio.get_running_loop())
    await asyncio.sleep(0)
    print("told")
    return len(set(loops)), point.epoch
async def deinit(): print(len(set(loops)))
"""
    module = told.loaded(write(tmp_path, text))
    assert module.call(5, FINDING) == (1, 5)
    assert module.call(6, FINDING) == (1, 6)
    told.modules.remove(module)
    module.close()
    assert told.lines == ["told", "told", "1"]


def test_what_it_raises_is_the_loops_to_judge(tmp_path: Path, told: Told) -> None:
    text = "from tlswitness.hooks import Retry\nasync def core_smtp_tls_reporting(point): raise Retry('busy', after=3)"
    module = told.loaded(write(tmp_path, text))
    with pytest.raises(Retry, match="busy") as raised:
        module.call(5, FINDING)
    assert raised.value.after == 3


def test_an_end_that_raises_leaves_nothing_open(tmp_path: Path, told: Told) -> None:
    text = "def core_smtp_tls_reporting(point): ...\ndef deinit(): raise ValueError('end')"
    module = told.loaded(write(tmp_path, text))
    told.modules.remove(module)
    before = sys.stdout
    with pytest.raises(ValueError, match="end"):
        module.close()
    assert sys.stdout is not before
