"""Which segments go: those that are old and no longer needed, and the oldest where there are too many.

Separate because it is the one place that destroys evidence: it says what it removes, and for whom that came too early.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tlswitness.journal.names import SegmentName, has_writer, segments
from tlswitness.journal.positions import checkpoint
from tlswitness.journal.reader import Cursor
from tlswitness.journal.settings import JournalSettings


@dataclass(slots=True)
class Retired:
    """What was removed."""

    segments: list[SegmentName] = field(default_factory=list)
    octets: int = 0
    missed: dict[str, int] = field(default_factory=dict)
    """By consumer: octets that it had not read."""


@dataclass(frozen=True, slots=True)
class _Stored:
    name: SegmentName
    size: int
    written: float
    """Unix seconds of the last write, or of its making."""


def retire(settings: JournalSettings, cursors: Mapping[str, Cursor], now: float) -> Retired:
    """Remove what may go at `now` (Unix seconds), for who holds the lock. Raises OSError.

    `cursors` are those of the consumers whose reading is waited for.
    """
    stored = _stored(settings.directory)
    going = _old(stored, settings, cursors, now)
    known = {each.name.id for each in going}  # journals may have tens of thousands of segments
    total = sum(each.size for each in stored) - sum(each.size for each in going)
    for each in stored:
        if total <= settings.max_bytes:
            break
        if each.name.id not in known:
            going.append(each)
            total -= each.size
    going = [each for each in going if not _live(settings.directory, each.name)]
    if not going:
        return Retired()
    checkpoint(settings.directory)
    retired = Retired()
    for each in going:
        _remove(settings.directory, each, cursors, retired)
    return retired


def _old(stored: list[_Stored], settings: JournalSettings, cursors: Mapping[str, Cursor], now: float) -> list[_Stored]:
    limit = now - settings.keep_seconds
    return [
        each
        for each in stored
        if each.written < limit and all(_unread(cursor, each) == 0 for cursor in cursors.values())
    ]


def _unread(cursor: Cursor, stored: _Stored) -> int:
    return max(0, stored.size - cursor.get(stored.name.id, 0))


def _remove(directory: Path, stored: _Stored, cursors: Mapping[str, Cursor], retired: Retired) -> None:
    (directory / stored.name.file).unlink(missing_ok=True)
    retired.segments.append(stored.name)
    retired.octets += stored.size
    for consumer, cursor in cursors.items():
        if missed := _unread(cursor, stored):
            retired.missed[consumer] = retired.missed.get(consumer, 0) + missed


def _stored(directory: Path) -> list[_Stored]:
    """All segments, the oldest first."""
    found = []
    for name in segments(directory):
        with suppress(FileNotFoundError):
            status = (directory / name.file).stat()
            found.append(_Stored(name, status.st_size, max(status.st_mtime, name.created)))
    return sorted(found, key=lambda each: (each.written, each.name))


def _live(directory: Path, name: SegmentName) -> bool:
    try:
        fd = os.open(directory / name.file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return has_writer(fd)
    finally:
        os.close(fd)
