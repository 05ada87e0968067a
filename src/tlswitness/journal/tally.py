"""Sessions counted without being told one by one: what replays and counts are made of.

Separate from `scan` because of its speed: equal lines are counted as octets first, and each distinct one is read once.
Within a piece the order does not matter, for a count has none.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from tlswitness.datapoint.finding import Finding
from tlswitness.datapoint.limits import MAX_EPOCH
from tlswitness.journal.names import SegmentName
from tlswitness.journal.scan import MAX_LINE, Scan
from tlswitness.journal.settings import MIB

PIECE = 8 * MIB
"""Octets counted at once: the larger, the more lines are equal."""
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Count:
    """How many sessions of one UTC day had one finding."""

    day: int
    """Days since 1970."""
    finding: Finding
    sessions: int


class Tally(Scan):
    """Counts the sessions of one segment, from an offset on."""

    def __init__(self, directory: Path, name: SegmentName, offset: int = 0) -> None:
        super().__init__(directory, name, offset)
        self._counts: dict[int, dict[int, int]] = {}

    def count(self, size: int | None = None) -> list[Count]:
        """The sessions between the offset and `size`, or the end as it is written; moves the offset. Raises OSError."""
        end = self.size if size is None else size
        self._counts = {}
        while self.ended is None and self.offset < end:
            before = self.offset
            self._count_piece(end)
            if self.offset == before:
                break
        return list(self._counted())

    def _counted(self) -> Iterator[Count]:
        for day, numbers in self._counts.items():
            for number, sessions in numbers.items():
                yield Count(day, self._findings[number], sessions)

    def _count_piece(self, end: int) -> None:
        start = self.offset
        data = os.pread(self.fd, min(PIECE, end - start), start)
        last = data.rfind(b"\n") + 1
        if not last:
            if len(data) >= MAX_LINE:
                self._damage(start, len(data), "longer than a line can be")
                self.offset += len(data)
            return
        at = 0
        while at < last and self.ended is None:
            mark = at if data.startswith(b"@", at) else data.find(b"\n@", at, last) + 1 or last
            if mark > at:
                self._count_lines(data[at : mark - 1], start + at)
                at = mark
                self.offset = start + at
                continue
            behind = data.index(b"\n", at) + 1
            self.offset = start + at
            if not self._read_other(data[at : behind - 1], start + behind, end):
                return
            at = self.offset - start  # a batch that is void has been stepped over

    def _count_lines(self, lines: bytes, offset: int) -> None:
        sessions: list[tuple[bytes, int]] = []
        for line, times in Counter(lines.split(b"\n")).items():
            if line[:1].isdigit():
                sessions.append((line, times))
                continue
            self.offset = offset + lines.find(line)  # first what gives numbers to findings
            before = self.damaged
            self._read_other(line, self.offset + len(line) + 1, self.offset)
            self.damaged += (self.damaged - before) * (times - 1)
        for line, times in sessions:
            self._count_session(line, times, lines, offset)

    def _count_session(self, line: bytes, times: int, lines: bytes, offset: int) -> None:
        epoch, known = self._read_session(line)
        if epoch < 0:
            self._damage(offset + lines.find(line), len(line), "its checksum is wrong", times)
        elif known not in self._findings:
            self.lost += times
            self._damage(
                offset + lines.find(line), len(line), f"finding {known} is not known: its line is damaged", times
            )
        else:
            day = self._counts.setdefault(epoch // DAY, {})
            day[known] = day.get(known, 0) + times

    def _read_session(self, line: bytes) -> tuple[int, int]:
        """Epoch and number; an epoch of -1 where the line is none. Spelt out, for it is met millions of times."""
        if line[-9:] != b" %08x" % crc32(line[:-9], self._seed):
            return -1, 0
        try:
            when, number = line[:-9].split(b" ")
            epoch = int(when)
            return (epoch, int(number)) if epoch <= MAX_EPOCH else (-1, 0)
        except ValueError:
            return -1, 0
