"""Python modules as hooks of the program's own process; what can be wrong with them is shown in host/test_python.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tlswitness.datapoint import SEED_VIEW, DataPoint
from tlswitness.hooks import HookLoadFailed, HookModule, load

GOOD = "def core_smtp_tls_reporting(datapoint): return datapoint.epoch"


def write(folder: Path, text: str, name: str = "notify.py") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_file(tmp_path: Path, point_of: Callable[..., DataPoint]) -> None:
    hook = load(write(tmp_path, GOOD))
    assert isinstance(hook, HookModule)
    assert hook.name == "notify"
    assert hook.function(point_of(5)) == 5


def test_import_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point_of: Callable[..., DataPoint]) -> None:
    (tmp_path / "tlsw_hooks_of_test").mkdir()
    write(tmp_path / "tlsw_hooks_of_test", "", "__init__.py")
    write(tmp_path / "tlsw_hooks_of_test", GOOD, "mail.py")
    monkeypatch.syspath_prepend(tmp_path)
    hook = load("tlsw_hooks_of_test.mail")
    assert isinstance(hook, HookModule)
    assert hook.name == "tlsw_hooks_of_test.mail"
    assert hook.function(point_of(5)) == 5


def test_name_and_view_are_the_operators(tmp_path: Path) -> None:
    hook = load(write(tmp_path, GOOD), name="mine", view=SEED_VIEW)
    assert isinstance(hook, HookModule)
    assert (hook.name, hook.view) == ("mine", SEED_VIEW)


def test_what_does_not_load_is_told_with_its_name(tmp_path: Path) -> None:
    target = write(tmp_path, "")
    hook = load(target, name="mine")
    assert isinstance(hook, HookLoadFailed)
    assert str(hook).startswith(f"hook 'mine' is not loaded: {target}: it has no core_smtp_tls_reporting")
    missing = load(str(tmp_path / "none.py"))
    assert isinstance(missing, HookLoadFailed)
    assert (missing.name, missing.reason) == ("none", "there is no such file")
