"""All segments of a journal being read from a cursor on: what is written now, and what will be.

Separate because here alone it is known which segments belong together, which are finished, and which come next. Order
holds within a chain; chains are read side by side.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tlswitness.journal.names import SegmentName, has_writer, segments
from tlswitness.journal.scan import Damage, Row, Scan
from tlswitness.journal.watch import Change, Watch

Cursor = Mapping[str, int]
"""How far somebody has read: the id of a segment to the offset behind the last line that he is done with. A segment
that is not in it has not been begun."""

MAX_OPEN = 64
"""Segments that are open at once; the others wait. Each program that ever wrote has a chain of its own."""
MAX_FINDINGS = 150_000
"""Findings that all of them together keep in memory: above it fewer are open, one at least."""
LOOK_FOR_WRITER = 1.0
"""Seconds between two looks whether the writer of an idle segment still lives."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Sessions of one segment in their order."""

    segment: str
    sessions: Sequence[Row]
    end: int
    """The offset up to which the segment has been read: behind the last session, and what follows it."""
    finished: bool = False
    """Whether nothing will ever follow in this segment."""


class _Chain:
    """The segments of one chain that are not finished, the first of them perhaps open."""

    def __init__(self) -> None:
        self.waiting: deque[SegmentName] = deque()
        self.scan: Scan | None = None
        self.looked = 0.0

    def findings(self) -> int:
        """How many the open segment keeps in memory."""
        return 0 if self.scan is None else self.scan.findings


class Reader:
    """Reads a journal from `cursor` on. Not for several threads."""

    def __init__(
        self,
        directory: Path,
        cursor: Cursor,
        *,
        durable: bool = False,
        sync: Callable[[int], None] = os.fdatasync,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """With `durable` nothing is returned that is not on the disk for sure. `directory` exists. Raises OSError."""
        self.directory = directory
        self._cursor = dict(cursor)
        self._durable = durable
        self._sync = sync
        self._synced: dict[str, int] = {}
        self._monotonic = monotonic
        self._watch = Watch(directory)
        self._seen: set[str] = set()
        self._chains: dict[str, _Chain] = {}
        self._open: deque[_Chain] = deque()
        self._queue: deque[_Chain] = deque()
        self._parked: list[_Chain] = []
        """Those that had nothing when they gave up their place: looked at again when something was written."""
        self._stale = True
        self._damages: list[Damage] = []
        self.damaged = 0
        """Damages met so far."""

    def read(self, limit: int = 1000) -> list[Chunk]:
        """What can be read now, about `limit` sessions of each segment at most; nothing at the end of all of them.
        Then `wait`, before more is found. Raises OSError.
        """
        if self._stale:
            self._look()
        while True:
            chunks, idle = self._read_open(limit)
            if not self._make_room(idle) or chunks:
                return chunks

    def _read_open(self, limit: int) -> tuple[list[Chunk], list[_Chain]]:
        """What those that are open have, and those that have nothing."""
        chunks: list[Chunk] = []
        idle: list[_Chain] = []
        for _ in range(len(self._open)):
            chain = self._open.popleft()
            chunk = self._read_chain(chain, limit)
            if chunk is not None:
                chunks.append(chunk)
            if chain.scan is not None:
                self._open.append(chain)
                if chunk is None:
                    idle.append(chain)
                elif self._heavy():
                    break
        return chunks, idle

    def wait(self, timeout: float, others: Sequence[int] = ()) -> None:
        """After a `read` that returned nothing: wait until there may be more, one of the descriptors `others` is
        readable, or `timeout` seconds are over.
        """
        if not self.at_end:
            return
        change = self._watch.wait(timeout, others)
        self._stale = Change.NAMES in change
        if change:
            self._queue += self._parked
            self._parked.clear()

    @property
    def at_end(self) -> bool:
        """After a `read` that returned nothing: whether all that is written has been read."""
        return not self._queue and not self._stale

    def take_damages(self) -> list[Damage]:
        """Damages met since it was asked last."""
        damages, self._damages = self._damages, []
        return damages

    def close(self) -> None:
        self._watch.close()
        for chain in self._open:
            if chain.scan is not None:
                chain.scan.close()
        self._open.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _look(self) -> None:
        """Find new segments; forget those that are gone."""
        self._stale = False
        names = segments(self.directory)
        ids = {name.id for name in names}
        self._cursor = {segment: offset for segment, offset in self._cursor.items() if segment in ids}
        new = [name for name in names if name.id not in self._seen]
        self._seen = ids
        for name in new:
            chain = self._chains.setdefault(name.chain, _Chain())
            if chain.scan is None and not chain.waiting:
                self._queue.append(chain)
            chain.waiting.append(name)
        self._queue = deque(sorted(self._queue, key=lambda chain: chain.waiting[0].created))
        self._make_room([])

    def _make_room(self, idle: list[_Chain]) -> bool:
        """Open what waits; whether there was any. Where it has no place, those that are `idle` give up theirs; where
        too much is held in memory, others too.
        """
        opened = False
        while idle and self._queue and (len(self._open) + len(self._queue) > MAX_OPEN or not self._light()):
            self._parked.append(self._put_away(idle.pop(0)))
        while self._heavy():
            self._queue.append(self._put_away(min(self._open, key=_Chain.findings)))  # soonest learnt again
        while self._queue and len(self._open) < MAX_OPEN and self._light():
            chain = self._queue.popleft()
            if self._begin(chain):
                self._open.append(chain)
                opened = True
        return opened

    def _put_away(self, chain: _Chain) -> _Chain:
        """Close its segment, to be gone on with later."""
        assert chain.scan is not None
        self._open.remove(chain)
        self._cursor[chain.scan.name.id] = chain.scan.offset
        chain.waiting.appendleft(chain.scan.name)
        self._close(chain)
        return chain

    def _heavy(self) -> bool:
        """Whether one has to go."""
        return len(self._open) > 1 and sum(map(_Chain.findings, self._open)) >= MAX_FINDINGS

    def _light(self) -> bool:
        """Whether one more may come: early enough that none has to go soon, and to be learnt again."""
        return not self._open or sum(map(_Chain.findings, self._open)) < MAX_FINDINGS // 2

    def _begin(self, chain: _Chain) -> bool:
        """Open the first segment of `chain` that is still there."""
        while chain.waiting:
            name = chain.waiting.popleft()
            try:
                chain.scan = Scan(self.directory, name, self._cursor.pop(name.id, 0))
            except FileNotFoundError:  # retention was faster
                continue
            return True
        return False

    def _read_chain(self, chain: _Chain, limit: int) -> Chunk | None:
        scan = chain.scan
        assert scan is not None
        before = scan.offset
        rows = scan.read(limit, self._readable(scan))
        finished = not rows and self._finished(chain, scan)
        if finished and not (rows := scan.read(limit, self._readable(scan))):  # it grew before it was finished
            self._end(chain, scan)
        else:
            finished = False
        scan.marks.clear()  # for who reads single segments; a segment may have very many
        self.damaged += len(damages := scan.take_damages())
        self._damages += damages
        if not rows and scan.offset == before and not finished:
            return None
        return Chunk(scan.name.id, rows, scan.offset, finished)

    def _readable(self, scan: Scan) -> int:
        size = scan.size
        if self._durable and size > self._synced.get(scan.name.id, 0):
            self._sync(scan.fd)
            self._synced[scan.name.id] = size
        return size

    def _finished(self, chain: _Chain, scan: Scan) -> bool:
        if scan.ended is not None or chain.waiting:
            return True
        now = self._monotonic()
        if now - chain.looked < LOOK_FOR_WRITER:
            return False
        chain.looked = now
        return not has_writer(scan.fd)

    def _end(self, chain: _Chain, scan: Scan) -> None:
        """Go on with the next segment of the chain."""
        self._synced.pop(scan.name.id, None)
        self._close(chain)
        if chain.waiting:
            self._queue.append(chain)
        else:
            del self._chains[scan.name.chain]

    def _close(self, chain: _Chain) -> None:
        if chain.scan is not None:
            chain.scan.close()
            chain.scan = None
