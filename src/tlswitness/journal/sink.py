"""Between producers of points and the journal: a bounded queue and a thread.

Separate because reporting never breaks mail: `submit` takes constant time and never raises, whatever the disk does. A
journal that cannot be written is said and tried again; meanwhile points wait, and when no more can wait the newest are
dropped and counted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from weakref import WeakSet

from tlswitness.datapoint.finding import Finding
from tlswitness.datapoint.model import DataPoint
from tlswitness.journal.segment import WriteFailed
from tlswitness.journal.tidy import EVERY
from tlswitness.journal.writer import Writer

QUEUE_POINTS = 100_000
"""Points that wait for the disk; those of one outcome share their parts."""
RETRY_FIRST, RETRY_MOST = 0.1, 30.0
"""Seconds between two tries to write to a disk that refuses: the first, doubled up to the last."""
CLOSE_DEADLINE = 5.0
"""Seconds that closing waits for the disk."""
LOG_INTERVAL = 60.0
"""Seconds between two complaints."""
BATCH = 4096
"""Points of one write."""
MAX_FINDINGS = 4096
"""Findings of which the text is kept, to be written again."""

log = logging.getLogger("tlswitness.journal")

_sinks: WeakSet[JournalSink] = WeakSet()
"""Those of this process, for one that is forked from it."""
_but_for_the_epoch = attrgetter(*(name for name in DataPoint.__slots__ if name != "epoch"))


@dataclass(frozen=True, slots=True)
class SinkCounters:
    """A snapshot."""

    written: int
    dropped: int
    """Points that were lost: the queue was full, or the disk refused until the end."""
    pending: int
    failing: str
    """Why the last try failed, in words; "" while the journal can be written."""


class JournalSink:
    """Takes points over and appends them to a chain of the journal."""

    def __init__(self, writer: Writer, *, limit: int = QUEUE_POINTS, tidy: Callable[[], object] | None = None) -> None:
        """`writer` is closed with this. Its thread starts with the first point. `tidy` is called now and then, on a
        thread of its own that nobody waits for.
        """
        self._tidy = tidy
        self._writer = writer
        self._limit = limit
        self._closing = False
        self._said = 0.0
        self._tidy_at = 0.0
        self.begin()
        _sinks.add(self)

    def begin(self) -> None:
        """Nothing has come yet; also in a process that is forked: what waits is the other one's to write."""
        self._findings: dict[tuple[object, ...], Finding] = {}
        # Guards all below, and is never held while the disk works.
        self._changed = threading.Condition()
        self._queue: deque[DataPoint] = deque()
        self._thread: threading.Thread | None = None
        self._written = self._dropped = self._under_way = 0
        self._failing = ""

    def submit(self, point: DataPoint) -> None:
        """Queue `point`, or drop and count it. Constant time, from any thread, never raises."""
        with self._changed:
            if self._closing or len(self._queue) + self._under_way >= self._limit:
                self._dropped += 1
                return
            self._queue.append(point)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="journal sink", daemon=True)
                self._thread.start()
            self._changed.notify()

    def counters(self) -> SinkCounters:
        with self._changed:
            pending = len(self._queue) + self._under_way
            return SinkCounters(self._written, self._dropped, pending, self._failing)

    def close(self, deadline: float = CLOSE_DEADLINE) -> bool:
        """Write what is queued, for up to `deadline` seconds, then end. Whether all was written. Blocks."""
        with self._changed:
            self._closing = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(deadline)
            if thread.is_alive():
                log.error("the journal is closed with %d points that could not be written", self.counters().pending)
                return False
        self._writer.close()
        return self.counters().pending == 0

    def _tidy_up(self) -> None:
        now = time.monotonic()
        if self._tidy is not None and now >= self._tidy_at:
            self._tidy_at = now + EVERY
            threading.Thread(target=_quietly, args=(self._tidy,), name="journal tidy", daemon=True).start()

    def _run(self) -> None:
        backoff = RETRY_FIRST
        while points := self._next():
            taken, failing = self._append(points)
            with self._changed:
                self._written += taken
                self._under_way = 0
                self._queue.extendleft(reversed(points[taken:]))
                self._failing = failing
            if not failing:
                backoff = RETRY_FIRST
                self._tidy_up()
                continue
            self._complain(failing)
            if taken == 0 and not self._waited(backoff):
                return
            backoff = min(2 * backoff, RETRY_MOST)

    def _next(self) -> list[DataPoint]:
        """What waits; nothing when it is time to end."""
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            points = list(islice(self._queue, BATCH))
            for _ in points:
                self._queue.popleft()
            self._under_way = len(points)
            return points

    def _append(self, points: list[DataPoint]) -> tuple[int, str]:
        """How many were taken, and what was in the way of the others."""
        try:
            self._writer.append([(point.epoch, self._finding(point)) for point in points])
        except WriteFailed as failed:
            return failed.taken, str(failed)
        except Exception as error:  # noqa: BLE001 - a fault of ours must end neither the thread nor the mail
            return 0, repr(error)
        return len(points), ""

    def _finding(self, point: DataPoint) -> Finding:
        key = _but_for_the_epoch(point)
        finding = self._findings.get(key)
        if finding is None:
            if len(self._findings) >= MAX_FINDINGS:
                self._findings.clear()
            finding = self._findings[key] = Finding(point)
        return finding

    def _waited(self, seconds: float) -> bool:
        """Wait before the next try. False where there is none: the sink is being closed and the disk refuses."""
        with self._changed:
            if not self._closing:
                self._changed.wait_for(lambda: self._closing, seconds)
                return True
            self._dropped += len(self._queue)
            self._queue.clear()
            return False

    def _complain(self, failing: str) -> None:
        now = time.monotonic()
        if self._said and now - self._said < LOG_INTERVAL:
            return
        self._said = now
        counters = self.counters()
        with contextlib.suppress(Exception):  # a log handler of the program's own may raise
            log.error(
                "the journal cannot be written: %s; %d points wait, %d are lost",
                failing,
                counters.pending,
                counters.dropped,
            )


def _forked() -> None:
    for sink in tuple(_sinks):
        sink.begin()


os.register_at_fork(after_in_child=_forked)


def _quietly(tidy: Callable[[], object]) -> None:
    try:
        tidy()
    except Exception as error:  # noqa: BLE001 - what is old can wait; nobody hears it here
        log.warning("what is old in the journal cannot be removed: %s", error)
