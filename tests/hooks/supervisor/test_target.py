"""Whether a module's file has changed."""

from __future__ import annotations

import os
from pathlib import Path

from tlswitness.datapoint.views import View
from tlswitness.hooks.spec import Kind, ModuleSpec
from tlswitness.hooks.supervisor.target import stamp


def spec(target: object, kind: Kind = Kind.PYTHON) -> ModuleSpec:
    return ModuleSpec(name="m", kind=kind, target=str(target), view=View())


def test_a_change_shows(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    assert stamp(spec(path)) is None
    path.write_text("a")
    first = stamp(spec(path))
    assert first == stamp(spec(path)) is not None
    path.write_text("ab")
    assert stamp(spec(path)) != first
    other = tmp_path / "other"
    other.write_text("ab")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    second = stamp(spec(path))
    other.rename(path)
    assert stamp(spec(path)) != second, "also one that was moved into its place"


def test_an_import_is_looked_at_where_it_led(tmp_path: Path) -> None:
    path = tmp_path / "mail.py"
    path.write_text("a")
    assert stamp(spec("notify.mail")) is None
    assert stamp(spec("notify.mail"), str(path)) is not None


def test_what_is_written_is_no_code(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("a")
    assert stamp(spec(path, Kind.JSONL)) is None
    assert stamp(spec("a\0b")) is None
