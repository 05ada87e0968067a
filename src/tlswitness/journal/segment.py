"""One segment being written: numbers for findings, whole lines, and a clean end whatever the disk does.

Separate from the writer, which decides when a segment is full and when it is fsynced: here a batch becomes octets, and
octets become part of the file entirely or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from zlib import crc32

from tlswitness.datapoint.finding import Finding
from tlswitness.journal.line import (
    Mark,
    end_line,
    finding_line,
    head_line,
    mark_line,
    member_seed,
    seed_of,
    session_line,
)
from tlswitness.journal.names import UNBORN, SegmentName, hold

Entry = tuple[int, Finding]
"""One session to be written: its epoch (seconds since 1970) and what was found."""

MAX_FINDINGS = 50_000
"""Numbers in one segment: who reads it holds all of them in memory, 1 to 2 KiB each as a rule."""
MAX_EPOCHS = 4
"""Seconds of which written lines are kept, to be used again: batches are about now."""
MAX_LINES = 65_536
"""Lines that are kept for one of them."""


class WriteFailed(Exception):  # noqa: N818 - the disk's fault, in words
    """The disk did not take all."""

    def __init__(self, error: OSError, taken: int) -> None:
        super().__init__(f"{error.strerror or error}")
        self.error = error
        self.taken = taken
        """Entries of the batch that were taken all the same; always the first ones."""


class Segment:
    """A new file, locked by its writer, to be appended to."""

    def __init__(self, directory: Path, name: SegmentName) -> None:
        """Create it with its first line. Raises OSError; then nothing is left behind."""
        self.name = name
        self.path = directory / name.file
        self.synced = 0
        """Octets that are on the disk for sure."""
        self.open = True
        self._seed = seed_of(name.id)
        self._numbers: dict[str, int] = {}
        self._lines: dict[tuple[int, bool], dict[str, bytes]] = {}
        self._marked: dict[str, int] = {}
        unborn = directory / f"{name.id}{UNBORN}"
        self.fd = os.open(unborn, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            hold(self.fd)  # before others can see it
            self.size = _write(self.fd, head_line(name.head))
            unborn.rename(self.path)
        except BaseException:
            with suppress(OSError):
                unborn.unlink()
            os.close(self.fd)
            raise

    @property
    def findings(self) -> int:
        """How many have a number."""
        return len(self._numbers)

    def append(self, entries: Sequence[Entry], source: tuple[int, str, str] | None = None) -> None:
        """Write `entries`; with `source` (serial, name, position) they count only together. Raises WriteFailed."""
        body = b"".join(self._encoded(entries, marked=source is not None))
        if source is not None:
            serial, name, position = source
            mark = Mark(serial, self._marked.get(name, 0), len(body), crc32(body), name, position)
            body = mark_line(mark, self._seed) + body
            self._marked[name] = serial
        try:
            self.size += _write(self.fd, body)
        except OSError as error:
            kept = self._mend(whole=source is not None)
            raise WriteFailed(error, _sessions(kept)) from error

    def close(self) -> None:
        """End the segment with its last line, as far as the disk lets."""
        with suppress(OSError):
            self.size += _write(self.fd, end_line(self._seed))
        self.abandon()

    def abandon(self) -> None:
        """Close the file as it is, as a crash would."""
        self.open = False
        os.close(self.fd)

    def _encoded(self, entries: Sequence[Entry], *, marked: bool) -> list[bytes]:
        seed = member_seed(self._seed) if marked else self._seed
        encoded = []
        lines: dict[str, bytes] = {}
        current = -1
        for epoch, finding in entries:
            if epoch != current:
                current = epoch
                lines = self._lines_of((epoch, marked))
            line = lines.get(finding.tail)
            if line is None:
                number = self._numbers.get(finding.tail)
                if number is None:
                    number = self._numbers[finding.tail] = len(self._numbers) + 1
                    encoded.append(finding_line(number, finding, self._seed))
                line = session_line(epoch, number, seed)
                if len(lines) < MAX_LINES:
                    lines[finding.tail] = line
            encoded.append(line)
        return encoded

    def _lines_of(self, kind: tuple[int, bool]) -> dict[str, bytes]:
        lines = self._lines.get(kind)
        if lines is None:
            if len(self._lines) >= MAX_EPOCHS:
                del self._lines[next(iter(self._lines))]
            lines = self._lines[kind] = {}
        return lines

    def _mend(self, *, whole: bool) -> bytes:
        """Cut off what was written in part: a batch with a position entirely, else the torn line. What stays."""
        with suppress(OSError):
            end = os.fstat(self.fd).st_size
            with open(self.path, "rb") as file:  # noqa: PTH123 - the one open of a path that is at hand
                file.seek(self.size)
                written = file.read(end - self.size)
            kept = b"" if whole else written[: written.rfind(b"\n") + 1]
            os.ftruncate(self.fd, self.size + len(kept))
            self.size += len(kept)
            return kept
        return b""


def _sessions(octets: bytes) -> int:
    return sum(1 for line in octets.splitlines() if not line.startswith(b"="))


def _write(fd: int, octets: bytes) -> int:
    """Write all of `octets`. Raises OSError where the disk does not take them; a part may be in the file then."""
    view = memoryview(octets)
    while view:
        view = view[os.write(fd, view) :]
    return len(octets)
