"""What the daemon is to do: plain values, made from the configuration at the start and at each reload.

Separate because a reload is the difference between two of them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from tlswitness.config import Endpoint
from tlswitness.hooks.spec import ModuleSpec
from tlswitness.journal import JournalSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """One daemon."""

    state_dir: Path
    journal: JournalSettings
    hooks: Path
    """Takes a directory for each module."""
    modules: tuple[ModuleSpec, ...] = ()
    socket: Path
    """Where `tlswitness status` asks."""
    metrics: Endpoint | None = None
    """Where they are served; None: nowhere."""
    drain: float = 10.0
    """Seconds that modules have at the end to be told what the journal holds."""
    file: Path | None = None
    """The configuration file; None where there is none."""
    warnings: tuple[str, ...] = ()
    """What an operator should hear of the configuration."""


_FIXED = ("state_dir", "hooks", "socket", "metrics")
_FIXED_OF_JOURNAL = ("directory", "fsync", "interval", "segment_bytes", "segment_seconds")


def needs_restart(old: ServiceSettings, new: ServiceSettings) -> tuple[str, ...]:
    """What differs and cannot change while the daemon runs, in words."""
    changed = [name for name in _FIXED if getattr(old, name) != getattr(new, name)]
    changed += [
        f"journal {name}" for name in _FIXED_OF_JOURNAL if getattr(old.journal, name) != getattr(new.journal, name)
    ]
    return tuple(changed)


def applied(old: ServiceSettings, new: ServiceSettings) -> ServiceSettings:
    """`new`, but for what cannot change while the daemon runs."""
    kept = {name: getattr(old.journal, name) for name in _FIXED_OF_JOURNAL}
    journal = {field.name: getattr(new.journal, field.name) for field in fields(new.journal)} | kept
    values = {field.name: getattr(new, field.name) for field in fields(new)}
    values |= {name: getattr(old, name) for name in _FIXED} | {"journal": JournalSettings(**journal)}
    return ServiceSettings(**values)
