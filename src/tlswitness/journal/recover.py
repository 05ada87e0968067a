"""Segments whose writer died: what it wrote in part is cut off and told, and the segment is closed.

Separate because it alone changes a segment of somebody else, and so needs the directory's lock. Readers do without it:
they never show what is torn. Afterwards it is gone, and nobody needs to look for the writer any more.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tlswitness.journal.line import end_line, seed_of
from tlswitness.journal.names import UNBORN, SegmentName, end_of, hold, segments
from tlswitness.journal.scan import Scan

ROWS = 10_000
"""Sessions read at once."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """One segment that was closed for its writer."""

    segment: SegmentName
    cut: int
    """Octets at its end that were not a whole line or a whole batch."""
    damaged: int
    """Damages before."""

    def __str__(self) -> str:
        torn = f"cut {self.cut} octets that were written in part" if self.cut else "nothing was torn"
        damaged = f", {self.damaged} damaged lines stay where they are" if self.damaged else ""
        return f"{self.segment.file}: its writer died; {torn}{damaged}"


def recover(directory: Path) -> list[Recovered]:
    """Close all segments without a writer, for who holds the lock. Raises OSError where one cannot be written."""
    for unborn in directory.glob(f"*{UNBORN}"):
        _remove_unborn(unborn)
    recovered = (_recover(directory, name) for name in segments(directory))
    return [each for each in recovered if each is not None]


def _recover(directory: Path, name: SegmentName) -> Recovered | None:
    try:
        fd = os.open(directory / name.file, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if end_of(fd, name.id) is not None or not hold(fd):
            return None
        end, damaged = _whole(directory, name)
        cut = os.fstat(fd).st_size - end
        os.ftruncate(fd, end)
        os.write(fd, end_line(seed_of(name.id), cut=True))
        os.fsync(fd)
    finally:
        os.close(fd)
    return Recovered(name, cut, damaged)


def _whole(directory: Path, name: SegmentName) -> tuple[int, int]:
    """The offset up to which the segment is whole, and the damages before it."""
    scan = Scan(directory, name)
    try:
        while scan.read(ROWS):
            pass
        return scan.offset, scan.damaged
    finally:
        scan.close()


def _remove_unborn(file: Path) -> None:
    """A segment that never got its first line; its writer may be about to give it one."""
    with suppress(OSError):
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if hold(fd):
                file.unlink()
        finally:
            os.close(fd)
