"""Segments as files: their names, their order, which exist, how each ends, and whether its writer lives.

Separate because writers, readers, retention and recovery meet here alone. A name tells all that a listing has to know:

    20261125T061049Z.serve.0000000042.1f2e3d4c5b6a7988.seg
    created          chain number     id

so that `ls` is in the order of time. Within a chain the number is the order, whatever the clock did.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path

from tlswitness.journal.line import End, Head, end_line, seed_of

SUFFIX = ".seg"
UNBORN = ".new"
"""A segment that does not have its first line yet."""
CHAIN = re.compile(r"[a-z0-9_]{1,40}")

_NAME = re.compile(
    r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.([a-z0-9_]{1,40})\.(\d{10})\.([0-9a-f]{16})\.seg", re.ASCII
)
_TIME = "%Y%m%dT%H%M%SZ"
_ORDER = attrgetter("chain", "number", "id", "created")
"""As they compare, and faster."""


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """One segment of a directory. They sort by chain and number."""

    chain: str
    number: int
    id: str
    created: int
    """Unix seconds, by the clock of its writer."""

    @property
    def file(self) -> str:
        when = datetime.fromtimestamp(self.created, UTC).strftime(_TIME)
        return f"{when}.{self.chain}.{self.number:010d}.{self.id}{SUFFIX}"

    @property
    def head(self) -> Head:
        return Head(self.id, self.chain, self.number, self.created)


def new_segment(chain: str, number: int, now: float) -> SegmentName:
    """A segment that nobody else has, on this machine or another."""
    return SegmentName(chain, number, secrets.token_hex(8), max(0, min(int(now), 253_402_300_799)))


def new_chain(kind: str) -> str:
    """The name of a chain for one life of a writer: `send_1f2e3d4c`."""
    return f"{kind}_{secrets.token_hex(4)}"


def parse_name(file: str) -> SegmentName | None:
    """None for what is no segment: other files may stand in the directory."""
    found = _NAME.fullmatch(file)
    if found is None:
        return None
    *when, chain, number, segment = found.groups()
    try:  # not strptime: journals have tens of thousands of segments, and are listed for each new one
        created = datetime(*map(int, when), tzinfo=UTC)  # type: ignore[arg-type,misc]  # six numbers
    except ValueError:
        return None
    return SegmentName(chain, int(number), segment, int(created.timestamp()))


def segments(directory: Path) -> list[SegmentName]:
    """All segments of a journal, by chain and number; none where there is no directory. Raises OSError."""
    try:
        files = [entry.name for entry in os.scandir(directory)]
    except FileNotFoundError:
        return []
    return sorted((name for name in map(parse_name, files) if name is not None), key=_ORDER)


def last_number(names: Iterable[SegmentName], chain: str) -> int:
    """The highest number of `chain`, 0 where it has none."""
    return max((name.number for name in names if name.chain == chain), default=0)


def hold(fd: int) -> bool:
    """Take the lock by which a writer shows that it lives. False where another one has it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def has_writer(fd: int) -> bool:
    """Whether somebody still writes to the segment that is open for reading as `fd`."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_UN)
    return False


def end_of(fd: int, segment: str) -> End | None:
    """The last line of the segment that is open as `fd`; None where it is not the one that ends a segment."""
    seed = seed_of(segment)
    closed, cut = end_line(seed), end_line(seed, cut=True)
    last = os.pread(fd, len(closed), max(0, os.fstat(fd).st_size - len(closed)))
    return End(cut=last == cut) if last in (closed, cut) else None


def sizes(directory: Path, names: Iterable[SegmentName] | None = None) -> dict[str, int]:
    """Octets of each segment now, of all or of `names`: for a cursor, the end of the journal. Raises OSError."""
    found = {}
    for name in segments(directory) if names is None else names:
        with suppress(FileNotFoundError):  # retention was faster
            found[name.id] = (directory / name.file).stat().st_size
    return found


def sync_directory(directory: Path) -> None:
    """Make new and removed names durable. Raises OSError."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
