"""How a journal is kept: when it is fsynced, how large its segments are, how long they stay."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

MIB = 1024 * 1024
DAY = 86_400.0


class Fsync(StrEnum):
    """What an acknowledged point survives: SIGKILL always, the loss of power as said here."""

    ALWAYS = "always"
    """Acknowledged when it is on the disk."""
    INTERVAL = "interval"
    """On the disk a moment later."""
    NEVER = "never"
    """When the kernel thinks fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """One journal."""

    directory: Path
    fsync: Fsync = Fsync.INTERVAL
    interval: float = 0.2
    """Seconds between two fsyncs in mode `interval`."""
    segment_bytes: int = 64 * MIB
    """A segment that has grown to this is closed."""
    segment_seconds: float = 3600.0
    """So is one that was opened this long ago: what is old can be removed only with its segment."""
    keep_seconds: float = 30 * DAY
    """A segment this old is removed, unless a consumer still needs it."""
    max_bytes: int = 10_240 * MIB
    """All segments together: above it the oldest are removed, needed or not."""
