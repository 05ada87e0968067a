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
from tlswitness.journal.line import Defined, Session, member_seed, read_line
from tlswitness.journal.names import SegmentName
from tlswitness.journal.scan import MAX_LINE, Scan
from tlswitness.journal.settings import MIB

PIECE = 4 * MIB
"""Octets counted at once: the larger, the more lines are equal; larger ones no longer fit near the processor."""
DAY = 86_400
MAX_DAYS = 100_000
"""Epochs whose day is remembered."""
MAX_DIGITS = 12
"""Of an epoch."""


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
        self._days: dict[bytes, int] = {}

    def count(self, size: int | None = None) -> list[Count]:
        """The sessions between the offset and `size`, or the end as it is written; moves the offset. Raises OSError."""
        end = self.size if size is None else size
        self._counts = {}
        self._catch_up(end)
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
            if at < self._until - start < mark:
                mark = min(mark, data.index(b"\n", self._until - start - 1) + 1)  # a batch ends here
            if mark > at:
                seed = self._seed if start + at >= self._until else member_seed(self._seed)
                self._count_lines(data[at : mark - 1], start + at, seed)
                at = mark
                self.offset = start + at
                continue
            behind = data.index(b"\n", at) + 1
            self.offset = start + at
            if not self._read_other(data[at : behind - 1], start + behind, end):
                return
            at = self.offset - start

    def _count_lines(self, lines: bytes, offset: int, seed: int) -> None:
        found = Counter(lines.split(b"\n"))
        numbers, others = self._sessions(found, seed)
        for line in others:
            self._count_other(line, numbers, found[line], lines, offset)
        unknown = set()
        for (day, text), sessions in numbers.items():
            number = int(text) if text.isdigit() else -1
            if number in self._findings:
                of_day = self._counts.setdefault(day, {})
                of_day[number] = of_day.get(number, 0) + sessions
            else:
                unknown.add(text)
        for text in unknown:
            self._lose(text, found, lines, offset)

    def _count_other(
        self, line: bytes, numbers: dict[tuple[int, bytes], int], times: int, lines: bytes, offset: int
    ) -> None:
        """A line that is no session of the usual kind, which stands there `times` times."""
        match read_line(line, self._seed):
            case Defined(number, finding):
                self._findings[number] = finding
            case Session() as session:
                if self._takes(session, offset):
                    key = session.epoch // DAY, b"%d" % session.number
                    numbers[key] = numbers.get(key, 0) + times
            case _:
                before = self.damaged
                self.offset = offset + lines.find(line)
                self._read_other(line, self.offset + len(line) + 1, self.offset)
                self.damaged += (self.damaged - before) * (times - 1)

    def _sessions(self, found: Counter[bytes], seed: int) -> tuple[dict[tuple[int, bytes], int], list[bytes]]:
        """The sound lines of sessions by day and number, and all other lines. All speed hangs on this loop."""
        days = self._days
        numbers: dict[tuple[int, bytes], int] = {}
        others: list[bytes] = []
        for line, times in found.items():
            head, _, check = line.rpartition(b" ")
            when, _, number = head.partition(b" ")
            day = days.get(when)
            if day is None:
                day = self._day(when)
            if day >= 0 and b"%08x" % crc32(head, seed) == check:
                key = day, number
                numbers[key] = numbers.get(key, 0) + times
            else:
                others.append(line)
        return numbers, others

    def _day(self, when: bytes) -> int:
        """The day of an epoch as it is written; -1 for what is none."""
        if len(when) > MAX_DIGITS or not when.isdigit() or int(when) > MAX_EPOCH:
            return -1
        if len(self._days) >= MAX_DAYS:
            self._days.clear()
        day = self._days[when] = int(when) // DAY
        return day

    def _lose(self, number: bytes, found: Counter[bytes], lines: bytes, offset: int) -> None:
        """Sessions whose finding is not known: the slow way, line by line."""
        for line in [line for line in found if line.partition(b" ")[2].rpartition(b" ")[0] == number]:
            session = read_line(line, self._seed)
            if not isinstance(session, Session) or not self._takes(session, offset):
                continue  # told as what it is
            self.lost += found[line]
            words = f"finding {number.decode()} is not known: its line is damaged"
            self._damage(offset + lines.find(line), len(line), words, found[line])
