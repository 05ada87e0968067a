"""How far each source has come: what makes a followed log, and an import, exactly-once.

Separate because a position outlives the segment that holds it: before segments are removed, what they say of positions
is kept in a file. Opening a journal looks only into segments that this file does not cover.

A source has one writer at a time (`claim`), so its serial numbers tell which of its positions is the last.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from zlib import crc32

from tlswitness.journal.line import MAX_MARK, Mark, end_line, read_line, seed_of
from tlswitness.journal.names import SegmentName, segments, sync_directory

CHECKPOINT = "positions.json"
CLAIMS = "sources.lock"
MAX_SOURCES = 100_000
"""Sources whose positions are kept when their segments are gone; the longest unchanged go first."""

Sync = Callable[[int], None]

_MARK = re.compile(rb"^@ [^\n]*\n", re.MULTILINE)
_FLOCK = "hhqqi"


@dataclass(frozen=True, slots=True)
class Position:
    """The last position of a source."""

    serial: int
    text: str


@dataclass(slots=True)
class Positions:
    """The last position of each source, and the segments that need not be looked at for it."""

    sources: dict[str, Position] = field(default_factory=dict)
    covered: set[str] = field(default_factory=set)
    """Ids of segments that have ended, are on the disk, and have been looked at."""

    def learn(self, marks: Iterable[Mark]) -> None:
        for mark in marks:
            known = self.sources.get(mark.source)
            if known is None or known.serial < mark.serial:
                self.sources.pop(mark.source, None)  # to the end: the order is that of change
                self.sources[mark.source] = Position(mark.serial, mark.position)

    @property
    def serials(self) -> Mapping[str, int]:
        return {source: position.serial for source, position in self.sources.items()}


class SourceBusy(Exception):  # noqa: N818 - a state of things, in words
    """Another process writes points of the same source."""


def read_positions(directory: Path, sync: Sync = os.fsync) -> Positions:
    """The positions of all sources now; what says so has been brought to the disk. Raises OSError."""
    positions = _read_checkpoint(directory / CHECKPOINT)
    for name in segments(directory):
        if name.id not in positions.covered:
            with suppress(FileNotFoundError):
                _look_into(directory, name, positions, sync)
    return positions


def checkpoint(directory: Path) -> None:
    """Keep what the segments that have ended say, durably: for who holds the directory's lock. Raises OSError.

    Segments that are being written do not count here: what they say may be lost with the power.
    """
    positions = _read_checkpoint(directory / CHECKPOINT)
    for name in segments(directory):
        if name.id not in positions.covered:
            with suppress(FileNotFoundError):
                _look_into(directory, name, positions, os.fsync, ended=True)
    _write_checkpoint(directory, positions)


def _write_checkpoint(directory: Path, positions: Positions) -> None:
    kept = list(positions.sources.items())[-MAX_SOURCES:]
    ids = {name.id for name in segments(directory)}
    document = {
        "version": 1,
        "sources": {source: [position.serial, position.text] for source, position in kept},
        "covered": sorted(positions.covered & ids),
    }
    new = directory / f"{CHECKPOINT}.new"
    with new.open("w", encoding="utf-8") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    new.rename(directory / CHECKPOINT)
    sync_directory(directory)


@contextmanager
def claim(directory: Path, source: str) -> Iterator[None]:
    """Be the one who writes points of `source`. Raises SourceBusy, OSError."""
    place = int.from_bytes(sha256(source.encode()).digest()[:8], "big") >> 2
    fd = os.open(directory / CLAIMS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0))
        except (BlockingIOError, PermissionError):
            raise SourceBusy(f"another process is writing the points of {source}") from None
        yield
    finally:
        os.close(fd)


def _look_into(directory: Path, name: SegmentName, positions: Positions, sync: Sync, *, ended: bool = False) -> None:
    """Learn the marks of a segment; with `ended` only if it has ended, and then for good."""
    seed = seed_of(name.id)
    fd = os.open(directory / name.file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.pread(fd, os.fstat(fd).st_size, 0)
        if ended and not data.endswith((end_line(seed), end_line(seed, cut=True))):
            return
        marks = list(_marks(data, seed))
        if marks or ended:
            # Who goes on from here may be fsynced earlier than what a writer left that was killed: not on quicksand.
            sync(fd)
        positions.learn(marks)
        if ended:
            positions.covered.add(name.id)
    finally:
        os.close(fd)


def _marks(data: bytes, seed: int) -> Iterator[Mark]:
    """The marks of a segment that count, by the rule of `Scan`."""
    closed = data.endswith(end_line(seed))
    serials: dict[str, int] = {}
    for found in _MARK.finditer(data):
        mark = read_line(found[0][:-1], seed)
        if not isinstance(mark, Mark):
            continue
        sound = crc32(data[found.end() : found.end() + mark.octets]) == mark.body
        if closed or (sound and mark.before == serials.get(mark.source, 0)):
            serials[mark.source] = mark.serial
            yield mark


def _read_checkpoint(file: Path) -> Positions:
    """What the file says; nothing where there is none. One that is damaged raises OSError: to begin anew would double
    what its sources wrote.
    """
    try:
        document = json.loads(file.read_bytes())
        return _decoded(document)
    except FileNotFoundError:
        return Positions()
    except (ValueError, KeyError, TypeError) as error:
        raise OSError(f"{file} is damaged ({error}); positions of sources are lost if it is removed") from error


def _decoded(document: Any) -> Positions:
    if document["version"] != 1:
        raise ValueError(f"version {document['version']} is not known")
    sources = {str(source): Position(int(serial), str(text)) for source, (serial, text) in document["sources"].items()}
    if any(len(source) > MAX_MARK for source in sources):
        raise ValueError("a source is too long")
    return Positions(sources, {str(segment) for segment in document["covered"]})
