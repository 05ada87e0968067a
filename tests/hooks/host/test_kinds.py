"""Each kind has its host, which is imported when it is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tlswitness.datapoint.views import View
from tlswitness.hooks.contract import HookLoadFailed
from tlswitness.hooks.host.kinds import HOSTS, load
from tlswitness.hooks.host.python import PythonModule
from tlswitness.hooks.spec import Kind, ModuleSpec


def test_each_kind_has_a_host() -> None:
    assert set(HOSTS) == set(Kind)


def test_a_python_module(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text("def core_smtp_tls_reporting(point): return point.epoch")
    module = load(ModuleSpec(name="m", kind=Kind.PYTHON, target=str(path), view=View()), lambda _: None)
    assert isinstance(module, PythonModule)
    module.close()


def test_a_host_that_cannot_be_imported_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HOSTS, Kind.LUA, "tlswitness.hooks.host.no_such_host")
    failed = load(ModuleSpec(name="m", kind=Kind.LUA, target="m.lua", view=View()), lambda _: None)
    assert isinstance(failed, HookLoadFailed)
    assert "modules of kind lua cannot run here: No module named" in failed.reason


def test_a_module_process_has_only_what_it_needs() -> None:
    """Neither another language's host nor the engine: they cost memory in each process."""
    code = (
        "import sys, tlswitness.hooks.host.process, tlswitness.hooks.host.python\n"
        "print([name for name in ('lupa', 'cryptography', 'dns', 'tlswitness.engine') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
