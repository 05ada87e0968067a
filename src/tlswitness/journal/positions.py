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
from collections.abc import Iterable, Iterator, Mapping
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

_MARK = re.compile(rb"^@ [^\n]*\n", re.MULTILINE)
_FLOCK = "hhqqi"


@dataclass(frozen=True, slots=True)
class Position:
    """The last position of a source."""

    serial: int
    text: str


@dataclass(slots=True)
class Positions:
    """The last position of each source, and how much of each segment they come from."""

    sources: dict[str, Position] = field(default_factory=dict)
    covered: dict[str, int] = field(default_factory=dict)
    """The id of a segment to the offset behind the last mark that was looked at."""

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


def read_positions(directory: Path) -> Positions:
    """The positions of all sources now. Raises OSError."""
    positions = _read_checkpoint(directory / CHECKPOINT)
    for name in segments(directory):
        with suppress(FileNotFoundError):
            _look_into(directory, name, positions)
    return positions


def write_checkpoint(directory: Path, positions: Positions) -> None:
    """Keep `positions`, durably: for who holds the directory's lock. Raises OSError."""
    kept = list(positions.sources.items())[-MAX_SOURCES:]
    ids = {name.id for name in segments(directory)}
    document = {
        "version": 1,
        "sources": {source: [position.serial, position.text] for source, position in kept},
        "covered": {segment: offset for segment, offset in positions.covered.items() if segment in ids},
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


def _look_into(directory: Path, name: SegmentName, positions: Positions) -> None:
    fd = os.open(directory / name.file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(fd).st_size
        at = min(positions.covered.get(name.id, 0), size)
        if at < size:
            data = os.pread(fd, size - at, at)
            marks, looked_at = _marks(data, seed_of(name.id))
            positions.learn(marks)
            positions.covered[name.id] = at + looked_at
    finally:
        os.close(fd)


def _marks(data: bytes, seed: int) -> tuple[list[Mark], int]:
    """The valid marks in part of a segment, and how many octets need not be looked at again."""
    last = end_line(seed)
    closed = data.endswith(last)
    marks = []
    looked_at = data.rfind(b"\n") + 1
    for found in _MARK.finditer(data):
        mark = read_line(found[0][:-1], seed)
        if not isinstance(mark, Mark):
            continue
        body = data[found.end() : found.end() + mark.octets]
        if closed or crc32(body) == mark.body:
            marks.append(mark)
        elif len(body) < mark.octets:  # not whole yet
            looked_at = found.start()
            break
    return marks, looked_at


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
    covered = {str(segment): int(offset) for segment, offset in document["covered"].items()}
    return Positions(sources, covered)
