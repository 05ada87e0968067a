"""Modules from files and import paths."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tlswitness.datapoint import SEED_VIEW, DataPoint
from tlswitness.hooks import HookLoadFailed, HookModule, load

GOOD = """
import dataclasses

@dataclasses.dataclass
class Seen:
    epochs: list[int] = dataclasses.field(default_factory=list)

seen = Seen()

def core_smtp_tls_reporting(datapoint):
    seen.epochs.append(datapoint.epoch)
    return seen.epochs
"""


def write(folder: Path, text: str, name: str = "notify.py") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def loaded(target: str, name: str = "") -> HookModule:
    hook = load(target, name=name)
    assert isinstance(hook, HookModule), hook
    return hook


def refused(target: str) -> HookLoadFailed:
    hook = load(target)
    assert isinstance(hook, HookLoadFailed)
    assert target in str(hook)
    return hook


def test_file(tmp_path: Path, point_of: Callable[..., DataPoint]) -> None:
    hook = loaded(write(tmp_path, GOOD))
    assert hook.name == "notify"
    assert hook.function(point_of(5)) == [5]


def test_name_and_view_are_the_operators(tmp_path: Path) -> None:
    hook = load(write(tmp_path, GOOD), name="mine", view=SEED_VIEW)
    assert isinstance(hook, HookModule)
    assert (hook.name, hook.view) == ("mine", SEED_VIEW)


def test_two_files_of_one_name_are_two_modules(tmp_path: Path, point_of: Callable[..., DataPoint]) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (loaded(write(tmp_path / folder, GOOD)) for folder in "ab")
    first.function(point_of(5))
    assert second.function(point_of(6)) == [6]


def test_import_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point_of: Callable[..., DataPoint]) -> None:
    (tmp_path / "tlsw_hooks_of_test").mkdir()
    write(tmp_path / "tlsw_hooks_of_test", "", "__init__.py")
    write(tmp_path / "tlsw_hooks_of_test", GOOD, "mail.py")
    monkeypatch.syspath_prepend(tmp_path)
    hook = loaded("tlsw_hooks_of_test.mail")
    assert hook.name == "tlsw_hooks_of_test.mail"
    assert hook.function(point_of(5)) == [5]
    assert "no module named 'tlsw_hooks_of_test.more'" in refused("tlsw_hooks_of_test.more").reason.lower()


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
def test_broken_module_is_told_in_words(tmp_path: Path, text: str, reason: str) -> None:
    before = set(sys.modules)
    assert reason in refused(write(tmp_path, text)).reason
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
def test_whatever_takes_one_argument_is_a_hook(tmp_path: Path, text: str) -> None:
    loaded(write(tmp_path, text))


def test_missing_file_and_wrong_kinds(tmp_path: Path) -> None:
    assert refused(str(tmp_path / "none.py")).reason == "there is no such file"
    assert refused(f"{tmp_path}/").reason == "it is a directory"
    assert refused(write(tmp_path, GOOD, "notify.txt")).reason == "it is no Python file: its name must end in .py"
    assert "null" in refused("a\0b.py").reason or "no such file" in refused("a\0b.py").reason


@pytest.mark.parametrize("target", ["", "no_such_module_of_ours", ".relative", "tlswitness..hooks"])
def test_bad_import_path(target: str) -> None:
    assert refused(target).reason


def test_ctrl_c_stays_ctrl_c(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        load(write(tmp_path, "raise KeyboardInterrupt"))
