"""Data points of a file into the journal, each line once, however often the import is begun.

Separate because a file is a source like a followed log: its lines have positions, and both are written in one write. A
file is known by its content. One that has grown since is gone on with where it ended: what was imported is its
beginning, to the octet.
"""

from __future__ import annotations

import gzip
import stat
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO

from tlswitness.datapoint.decode import decode
from tlswitness.datapoint.finding import Finding
from tlswitness.datapoint.limits import MAX_TEXT
from tlswitness.datapoint.model import DataPoint
from tlswitness.journal.positions import Position, claim, read_positions
from tlswitness.journal.segment import Entry
from tlswitness.journal.settings import MIB
from tlswitness.journal.writer import Writer

PREFIX = "import:"
BATCH = 2000
"""Lines written at once."""
BATCH_OCTETS = 4 * MIB
"""And their octets, in the file: a batch with a position is bounded."""
MAX_BAD = 100
"""Lines that are no points and are told one by one; more are only counted."""
PIECE = MIB
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no data point."""

    number: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.number}: {self.reason}"


@dataclass(slots=True)
class Imported:
    """What became of one file."""

    points: int = 0
    """Written by this import."""
    before: int = 0
    """Octets that an earlier import had read."""
    bad: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)
    """The first of them."""


@dataclass(frozen=True, slots=True)
class _File:
    source: str
    size: int
    begin: int
    """The offset at which this import begins."""


class FileChanged(Exception):  # noqa: N818 - a state of things, in words
    """The file was written to while it was read."""


Progress = Callable[[int, int], None]
"""Is told the octets that are done, and all of them (of the text, also where the file is compressed)."""


def import_file(
    writer: Writer, directory: Path, file: Path, *, progress: Progress = lambda _done, _all: None
) -> Imported:
    """Append the data points of `file` (one JSON object a line; also gzipped) that have not been imported before.

    Raises OSError, EOFError and zlib.error for what cannot be read, FileChanged, SourceBusy, WriteFailed.
    """
    with claim(directory, PREFIX):
        known = {source: at for source, at in read_positions(directory).sources.items() if source.startswith(PREFIX)}
        with opened(file) as stream:
            found = _identify(stream, known)
        imported = Imported(before=found.begin)
        with opened(file) as stream:
            digest = sha256()
            for batch in _batches(stream, found, imported, digest.update):
                if batch.entries or batch.end == found.size:
                    writer.append(batch.entries, source=found.source, position=str(batch.end))
                imported.points += len(batch.entries)
                progress(batch.end, found.size)
        if _source(digest.hexdigest(), found.size) != found.source:
            raise FileChanged(f"{file} was changed while it was read: import it again when it rests")
    return imported


@contextmanager
def opened(file: Path) -> Iterator[IO[bytes]]:
    """The text of `file`, decompressed where it is gzipped. Raises OSError."""
    mode = file.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # a directory has words of the system
        raise OSError("it is no regular file, and it has to be read twice")
    with file.open("rb") as raw:
        compressed = raw.read(2) == _GZIP
        raw.seek(0)
        if not compressed:
            yield raw
            return
        with gzip.open(raw) as text:
            yield text  # type: ignore[misc]  # a GzipFile reads like any file


@dataclass(frozen=True, slots=True)
class _Batch:
    entries: list[Entry]
    end: int


def _source(digest: str, size: int) -> str:
    return f"{PREFIX}{digest}:{size}"


def _identify(stream: IO[bytes], known: Mapping[str, Position]) -> _File:
    """Who the file is, and how much of it is known: all of it, or a beginning that was a file of its own once."""
    sizes = sorted({int(source.rpartition(":")[2]) for source in known})
    digest = sha256()
    size = begin = 0
    while piece := stream.read(PIECE):
        while sizes and size + len(piece) >= sizes[0]:
            at = sizes.pop(0)
            until = digest.copy()
            until.update(piece[: at - size])
            begin = _known_up_to(known, until.hexdigest(), at, begin)
        digest.update(piece)
        size += len(piece)
    return _File(_source(digest.hexdigest(), size), size, begin)


def _known_up_to(known: Mapping[str, Position], digest: str, size: int, begin: int) -> int:
    position = known.get(_source(digest, size))
    return begin if position is None else max(begin, int(position.text))


def _batches(stream: IO[bytes], file: _File, imported: Imported, seen: Callable[[bytes], None]) -> Iterator[_Batch]:
    """The points from `file.begin` on, up to its size, and the offset behind each batch."""
    entries: list[Entry] = []
    at = start = number = 0
    while at < file.size and (line := stream.readline(min(MAX_TEXT + 2, file.size - at))):
        seen(line)
        known = file.begin - at
        at += len(line)
        long = False
        for piece in _rest(stream, line, file.size - at):
            seen(piece)
            at += len(piece)
            long = True
        number += 1
        if at <= file.begin:
            start = at
            continue
        entry = None if known > 0 and _is_point(line[:known]) else _entry(number, line, long, imported)
        if entry is not None:
            entries.append(entry)
        if len(entries) >= BATCH or at - start >= BATCH_OCTETS or at == file.size:
            yield _Batch(entries, at)
            entries, start = [], at


def _rest(stream: IO[bytes], line: bytes, most: int) -> Iterator[bytes]:
    """What follows of a line that is longer than a point can be, in pieces: it may be all that a file has."""
    while not line.endswith(b"\n") and most > 0 and (line := stream.readline(min(PIECE, most))):
        most -= len(line)
        yield line


def _is_point(line: bytes) -> bool:
    """Whether the beginning of a line, with which the file ended at an earlier import, was a point already."""
    return isinstance(decode(line.strip()), DataPoint)


def _entry(number: int, line: bytes, long: bool, imported: Imported) -> Entry | None:
    text = line.strip()
    if not text:
        return None
    point = f"longer than {MAX_TEXT} octets" if long else decode(text)
    if isinstance(point, DataPoint):
        return point.epoch, Finding(point)
    imported.bad += 1
    if len(imported.bad_lines) < MAX_BAD:
        imported.bad_lines.append(BadLine(number, str(point)))
    return None


READ_ERRORS = (OSError, EOFError, zlib.error)
"""What a file that cannot be read, or is no whole gzip file, raises."""
