"""One segment being read: its sessions from an offset on, as far as they are written.

Separate from the reader of all segments because recovery, replay and verification read single ones. What is damaged is
told and skipped, and costs what it covers: a session its own line, a finding all its sessions, a position nothing but
itself. A batch with a position shows only when it is there as a whole.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from tlswitness.datapoint.finding import Finding
from tlswitness.journal.line import Bad, Defined, End, Head, Mark, Session, read_head, read_line, seed_of
from tlswitness.journal.names import SegmentName, end_of
from tlswitness.journal.settings import MIB

Row = tuple[int, Finding, int, int]
"""A session: epoch, what was found, the offset of its line, and the offset behind it."""

CHUNK = MIB // 4
"""Octets read at once."""
MAX_LINE = 2 * MIB
"""Octets of a line: a finding has a quarter of that at most. Whatever is longer is no line."""
MAX_BODY = 64 * MIB
"""Octets of a batch with a position; writers stop far below."""
MAX_KNOWN = 8192
"""Different lines of sessions that are remembered as read: those of the last second come again. Some 250 octets each,
in each segment that is open."""
MAX_UNTOLD = 1000
"""Damages that wait to be asked for; more are only counted."""

_TO_KNOW = re.compile(rb"^[=@][^\n]*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Damage:
    """Octets of a segment that are not what a writer wrote."""

    segment: SegmentName
    offset: int
    octets: int
    reason: str

    def __str__(self) -> str:
        return f"{self.segment.file}: {self.octets} octets at {self.offset}: {self.reason}"


class Scan:
    """Reads one segment. Close it."""

    def __init__(self, directory: Path, name: SegmentName, offset: int = 0) -> None:
        """Go on at `offset`, which is where an earlier scan stood. Raises OSError."""
        self.name = name
        self.offset = offset
        self._unlearnt = offset
        """What stands before has yet to be read: only where something follows, as most segments have been read."""
        self.ended: End | None = None
        """Its last line, when it has been read."""
        self.damaged = 0
        """Damages met so far."""
        self.lost = 0
        """Sessions whose finding is damaged or unknown."""
        self.marks: list[Mark] = []
        """Positions met. Whoever reads on and on clears them."""
        self._serials: dict[str, int] = {}
        """The last batch of each source that counts."""
        self._until = 0
        """Where the last batch that counts ends."""
        self._damages: list[Damage] = []
        self._seed = seed_of(name.id)
        self._known: dict[bytes, tuple[int, Finding]] = {}
        self._members: dict[bytes, tuple[int, Finding]] = {}
        self._findings: dict[int, Finding] = {}
        self._rows: list[Row] = []
        self.fd = os.open(directory / name.file, os.O_RDONLY | os.O_CLOEXEC)

    @property
    def size(self) -> int:
        """Octets of the file now. Raises OSError."""
        return os.fstat(self.fd).st_size

    @property
    def findings(self) -> int:
        """How many have been met."""
        return len(self._findings)

    def read(self, limit: int, size: int | None = None) -> list[Row]:
        """The next sessions, about `limit` at most; none where what is there has been read. Raises OSError.

        With `size` the file is taken to be that long.
        """
        end = self.size if size is None else size
        rows: list[Row] = []
        self._rows = rows
        self._catch_up(end)
        while len(rows) < limit and self.ended is None and self.offset < end:
            before = self.offset
            self._read_chunk(limit, end)
            if self.offset == before:
                break  # the rest is not written yet
        return rows

    def take_damages(self) -> list[Damage]:
        """Those met since it was asked last."""
        damages, self._damages = self._damages, []
        return damages

    def close(self) -> None:
        os.close(self.fd)

    def _read_chunk(self, limit: int, end: int) -> None:
        octets = CHUNK
        data = os.pread(self.fd, min(octets, end - self.offset), self.offset)
        while b"\n" not in data and len(data) == octets and octets < MAX_LINE:
            octets *= 2
            data = os.pread(self.fd, min(octets, end - self.offset), self.offset)
        last = data.rfind(b"\n")
        if last < 0:
            if len(data) >= MAX_LINE:
                self._damage(self.offset, len(data), "longer than a line can be")
                self.offset += len(data)
            return
        self._read_lines(data[:last].split(b"\n"), limit, end)

    def _read_lines(self, lines: list[bytes], limit: int, end: int) -> None:
        rows, start = self._rows, self.offset
        known, until = self._known_at(start)
        append = rows.append
        for line in lines[: limit - len(rows)]:
            if start >= until:
                known, until = self._known_at(start)
            behind = start + len(line) + 1
            session = known.get(line)
            if session is not None:
                epoch, finding = session
                append((epoch, finding, start, behind))
            else:
                self.offset = start
                if not self._read_other(line, behind, end):
                    return
                known, until = self._known_at(behind)
            start = behind
        self.offset = start

    def _known_at(self, offset: int) -> tuple[dict[bytes, tuple[int, Finding]], int]:
        """Lines that have been read and mean the same at `offset`, within a batch that counts or outside of one; and
        the offset at which that ends.
        """
        return (self._members, self._until) if offset < self._until else (self._known, sys.maxsize)

    def _read_other(self, line: bytes, behind: int, end: int) -> bool:
        """A line that was not met before. False where it is to be read again later; moves the offset behind it."""
        start = self.offset
        self.offset = behind
        if start == 0:
            head = read_head(line)
            if not isinstance(head, Head) or head.segment != self.name.id:
                self._damage(0, len(line), "its first line is damaged")
            return True
        match read_line(line, self._seed):
            case Session() as session:
                self._session(line, session, start, behind)
            case Defined(number, finding):
                self._findings[number] = finding
            case Mark() as mark:
                return self._mark(mark, start, behind, end)
            case End() as ended:
                self._end(ended, start, behind)
            case Bad(reason):
                self._damage(start, len(line), reason)
        return True

    def _end(self, ended: End, start: int, behind: int) -> None:
        if behind < self.size:
            self._damage(start, behind - start, "it should be the last line, and more follows")
        else:
            self.ended = ended

    def _session(self, line: bytes, session: Session, start: int, behind: int) -> None:
        if not self._takes(session, start):
            return
        finding = self._findings.get(session.number)
        if finding is None:
            self.lost += 1
            self._damage(start, len(line), f"finding {session.number} is not known: its line is damaged")
            return
        known = self._members if session.member else self._known
        if len(known) >= MAX_KNOWN:
            known.clear()
        if session.member == (start < self._until):
            known[line] = (session.epoch, finding)
        self._rows.append((session.epoch, finding, start, behind))

    def _takes(self, session: Session, start: int) -> bool:
        """Whether a session counts; not where it is of a batch that does not."""
        return not session.member or start < self._until or self._is_closed()

    def _mark(self, mark: Mark, start: int, behind: int, end: int) -> bool:
        if behind + mark.octets > end and not self._is_closed() and mark.octets <= MAX_BODY:
            self.offset = start
            return False  # not written yet, or cut short
        sound = self._sound(mark, behind)
        if not sound:
            self._damage(start, mark.octets, f"the batch up to {mark.position!r} of {mark.source!r} is damaged")
        if self._counts_here(mark, sound=sound):
            self.marks.append(mark)
            self._until = behind + mark.octets
        return True

    def _counts_here(self, mark: Mark, *, sound: bool) -> bool:
        """Whether a batch counts: it is whole, and so is what its source wrote before; or the writer has closed the
        segment, so all of it was whole once. Who has written more than counts writes it again.
        """
        counts = (sound and mark.before == self._serials.get(mark.source, 0)) or self._is_closed()
        if counts:
            self._serials[mark.source] = mark.serial
        return counts

    def _sound(self, mark: Mark, behind: int) -> bool:
        return mark.octets <= MAX_BODY and crc32(os.pread(self.fd, mark.octets, behind)) == mark.body

    def _is_closed(self) -> bool:
        """Whether the writer itself closed the segment: then each batch in it was whole once."""
        end = end_of(self.fd, self.name.id)
        return end is not None and not end.cut

    def _damage(self, offset: int, octets: int, reason: str, times: int = 1) -> None:
        self.damaged += times
        if len(self._damages) < MAX_UNTOLD:
            self._damages.append(Damage(self.name, offset, octets, reason))

    def _catch_up(self, end: int) -> None:
        """Before the first line is read: learn what stands before the offset; and where that is no beginning of a line,
        go on at the next one. Nothing where there is nothing to read before `end`.
        """
        offset = self._unlearnt
        if not offset or offset >= end:
            return
        self._unlearnt = 0
        for line, behind in self._lines_before(offset):
            match read_line(line[:-1], self._seed):
                case Defined(number, finding):
                    self._findings[number] = finding
                case Mark() as mark:
                    if self._counts_here(mark, sound=self._sound(mark, behind)):
                        self._until = behind + mark.octets
                case _:
                    pass  # damaged, and told by who read it
        if os.pread(self.fd, 1, offset - 1) not in (b"\n", b""):
            rest = os.pread(self.fd, MAX_LINE, offset)
            self.offset = offset + (rest.find(b"\n") + 1 or len(rest))

    def _lines_before(self, offset: int) -> Iterator[tuple[bytes, int]]:
        """Findings and marks, and the offset behind each."""
        at = 0
        while at < offset:
            data = os.pread(self.fd, min(MAX_LINE, offset - at), at)
            last = data.rfind(b"\n") + 1
            if not data:
                return
            yield from ((found[0], at + found.end()) for found in _TO_KNOW.finditer(data, 0, last or len(data)))
            at += last or len(data)
