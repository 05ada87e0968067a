"""What a daemon tells of itself, made up."""

from __future__ import annotations

from typing import Any

from tlswitness.hooks.progress import Counts
from tlswitness.hooks.spec import Kind
from tlswitness.hooks.supervisor.snapshot import ModuleSnapshot, State
from tlswitness.service.status import JournalStatus, ModuleStatus, Status


def module(name: str = "told", lag: float = 0.0, missed: int = 0, counts: Counts | None = None, **members: Any):
    snapshot: dict[str, Any] = {
        "name": name,
        "kind": Kind.PYTHON,
        "target": "told.py",
        "state": State.RUNNING,
        "since": 1000.0,
        "pid": 42,
        "counts": counts or Counts(7, 1, 2, 3, 4, 5, 6, 8),
        "behind": 0,
        "busy": 0.0,
    }
    return ModuleStatus(now=ModuleSnapshot(**snapshot | members), lag=lag, missed=missed)


def status(*modules: ModuleStatus, journal: dict[str, Any] | None = None, **members: Any) -> Status:
    values: dict[str, Any] = {
        "version": "1.2",
        "pid": 41,
        "at": 2000.0,
        "since": 1000.0,
        "config": "/etc/tlswitness.toml",
        "state": "running",
        "journal": JournalStatus(directory="/var/lib/tlswitness/journal", **journal or {}),
        "modules": modules,
    }
    return Status(**values | members)
