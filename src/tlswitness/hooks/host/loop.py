"""The loop of a module's process: read the journal, call the module, keep the progress.

Separate from the process around it because it is the same for every kind of module, and for each point the same few
steps in an order that `progress.py` explains. A call that raises is counted and told, and the loop goes on behind it;
`Retry` makes the call again later; whatever ends the process in a call leaves the word there that it was running.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from tlswitness.hooks.backoff import Backoff
from tlswitness.hooks.complaints import Complaints, error_words
from tlswitness.hooks.contract import Retry
from tlswitness.hooks.host.callee import BatchCallee, Callee
from tlswitness.hooks.host.control import Control
from tlswitness.hooks.host.deadletter import DEAD_LETTERS, keep
from tlswitness.hooks.host.ending import end_with
from tlswitness.hooks.host.shown import Shown
from tlswitness.hooks.progress import MAX_DEATHS, Progress
from tlswitness.journal.reader import Chunk, Reader
from tlswitness.journal.scan import Row

READ_AT_ONCE = 4000
"""Sessions of a segment; a writer's lines are split in pieces about twice as long."""
CALLS_AT_ONCE = 32
"""Calls of a confined module after which the cursor moves. All that leaves one is what it prints, and that is written
just before; so a process that is killed between two moves has done nothing yet that its successor does again.
"""
IDLE = 1.0
"""Seconds of waiting for the journal, after which one looks all the same."""
LAST_LOOK = 0.05
"""Seconds of waiting before the journal is held to be at its end."""
RETRY_FIRST = 1.0
RETRY_MOST = 300.0
RETRY_JITTER = 0.5
"""Seconds before a point is told again, doubling, and the part of them left to chance: modules that wait for the same
server must not come back together."""
RETRY_AFTER_MOST = 86_400.0
"""Seconds that a module may ask for."""

Clock = Callable[[], int]


class Stamp(Protocol):
    """Who must know when the running call's point was."""

    epoch: int | None

    def flush(self) -> None:
        """What was printed in a call is whole."""
        ...


class Loop:
    """Tells one module everything behind its cursor."""

    def __init__(
        self,
        callee: Callee | BatchCallee,
        *,
        reader: Reader,
        progress: Progress,
        shown: Shown,
        budget: float,
        home: Path,
        stamp: Stamp,
        control: Control,
        complaints: Complaints,
        clock: Clock = time.monotonic_ns,
    ) -> None:
        """`budget` in seconds; `home` takes the dead letters."""
        self._callee = callee
        self._reader = reader
        self._progress = progress
        self._shown = shown
        self._budget = int(budget * 1e9)
        self._home = home
        self._stamp = stamp
        self._control = control
        self._complaints = complaints
        self._clock = clock
        self._backoff = Backoff(RETRY_FIRST, RETRY_MOST, jitter=RETRY_JITTER)

    def run(self) -> None:
        """Until it is told to stop, or to drain and has. Raises OSError where the journal cannot be read."""
        quiet = False
        while not self._control.stopping:
            chunks = self._reader.read(READ_AT_ONCE)
            self._tell_damages()
            for chunk in chunks:
                if not self._take(chunk):
                    return
            if chunks:
                quiet = False
            elif not self._control.draining:
                self._reader.wait(IDLE, self._control.fds)
            elif quiet:
                return
            else:
                self._reader.wait(LAST_LOOK)
                quiet = True  # unless what was written in the last moment is found now

    def _take(self, chunk: Chunk) -> bool:
        """Tell all of `chunk`. False where the process is to stop before."""
        slot = self._progress.slot(chunk.segment)
        if not self._tell_around_condemned(slot, chunk.sessions):
            return False
        self._progress.done(slot, chunk.end)
        if chunk.finished:
            self._progress.finished(slot)
        return True

    def _tell_around_condemned(self, slot: int, rows: Sequence[Row]) -> bool:
        condemned = self._progress.condemned
        if condemned is not None and condemned[0] == slot:
            at = next((number for number, row in enumerate(rows) if row[2] == condemned[1]), None)
            if at is not None:
                return self._tell(slot, rows[:at]) and self._bury(slot, rows[at]) and self._tell(slot, rows[at + 1 :])
        return self._tell(slot, rows)

    def _tell(self, slot: int, rows: Sequence[Row]) -> bool:
        if isinstance(self._callee, BatchCallee):
            return self._tell_batches(self._callee, slot, rows)
        return self._tell_each(self._callee, slot, rows)

    def _tell_each(self, callee: Callee, slot: int, rows: Sequence[Row]) -> bool:
        """The hot path: what happens for each point happens here, and no more."""
        call, clock, budget = callee.call, self._clock, self._budget
        begin, called = self._progress.calls_in(slot)
        at_once = CALLS_AT_ONCE if getattr(callee, "confined", False) else 1
        held = last = 0
        stamp, control, shown_of = self._stamp, self._control, self._shown.of
        flush = stamp.flush
        everything = self._shown.everything
        now = clock()
        for epoch, finding, start, end in rows:
            shown = finding if everything else shown_of(finding)
            if shown is None:
                continue
            if control.stopping:
                self._commit(called, last, held)
                return False
            stamp.epoch = epoch
            begin(start, now)
            try:
                call(epoch, shown)
            except BaseException as error:  # noqa: BLE001 - whatever it is: this is the wall
                held = self._commit(called, last, held)
                if not self._settled(error, partial(call, epoch, shown), slot, start, now):
                    return False
                now = clock()
            held, last = held + 1, end
            if held >= at_once:
                flush()  # before the cursor: what a call that is done has printed is in the file
                called(end, held)
                held = 0
            before, now = now, clock()
            if now - before > budget:
                self._progress.count_slow()
        self._commit(called, last, held)
        self._progress.over()
        stamp.epoch = None
        return True

    def _commit(self, called: Callable[[int, int], None], end: int, calls: int) -> int:
        """Write what the last `calls` calls have printed, and move the cursor to `end`, behind them."""
        if calls:
            self._stamp.flush()
            called(end, calls)
        return 0

    def _tell_batches(self, callee: BatchCallee, slot: int, rows: Sequence[Row]) -> bool:
        """A batch is one call: it begins at its first point, and its last one is done when it is over.

        After a death its points are told one by one, as far as they go: so the one to blame is found.
        """
        seen = [(row, shown) for row in rows if (shown := self._shown.of(row[1])) is not None]
        at = 0
        while at < len(seen):
            alone = self._progress.suspect == (slot, seen[at][0][2])
            part = seen[at : at + (1 if alone else callee.batch)]
            at += len(part)
            points = [(row[0], shown) for row, shown in part]
            start, end = part[0][0][2], part[-1][0][3]
            if self._control.stopping:
                return False
            now = self._clock()
            self._progress.begin(slot, start, now)
            try:
                callee.call_batch(points)
            except BaseException as error:  # noqa: BLE001 - as above
                if not self._settled(error, partial(callee.call_batch, points), slot, start, now):
                    return False
                now = self._clock()
            self._progress.called(slot, end)
            if self._clock() - now > self._budget:
                self._progress.count_slow()
        return True

    def _settled(self, error: BaseException, again: Callable[[], object], slot: int, start: int, begun: int) -> bool:
        """After a call has raised: make it again as long as it asks for that. False where the process is to stop.

        It may have been slow all the same: the try that counts is the last one.
        """
        raised: BaseException | None = error
        epoch = self._stamp.epoch
        while isinstance(raised, Retry):
            if not self._rest(raised):
                return False
            self._stamp.epoch = epoch
            begun = self._clock()
            self._progress.begin(slot, start, begun)
            try:
                again()
            except BaseException as more:  # noqa: BLE001 - as above
                raised = more
            else:
                raised = None
        self._backoff.reset()
        if self._clock() - begun > self._budget:
            self._progress.count_slow()
        if raised is not None:
            self._failed(raised)
        return True

    def _rest(self, retry: Retry) -> bool:
        """Wait for the next try; that is no call. Whether the process may go on."""
        asked = retry.after
        known = isinstance(asked, int | float) and 0 <= asked <= RETRY_AFTER_MOST
        wait = float(asked) if known and asked is not None else self._backoff.next()
        self._progress.count_retry()
        self._complaints.say("retry", f"asks to be told again in {wait:.1f} s: {error_words(retry)}")
        return self._wait(wait)

    def _wait(self, seconds: float) -> bool:
        """Nothing runs meanwhile. Whether the process may go on."""
        self._stamp.epoch = None
        self._stamp.flush()
        self._progress.wait_until(self._clock() + int(seconds * 1e9))
        going_on = self._control.rest(seconds)
        self._progress.waited()
        return going_on

    def _failed(self, error: BaseException) -> None:
        """A call raised: count it and say so. Two errors end the process, and the call is not over then: a death."""
        self._stamp.flush()
        if not isinstance(error, MemoryError):
            self._progress.count_error()
        end_with(error)
        self._complaints.say("error", error_words(error))

    def _bury(self, slot: int, row: Row) -> bool:
        """Put a point to the dead letters, and go on behind it. False where the process is to stop before."""
        epoch, finding, start, end = row
        while True:
            try:
                keep(self._home, finding.compact(epoch))
            except OSError as error:
                which = f"the point at {start} of segment {self._progress.segment(slot)}"
                self._complaints.say("disk", f"{which} cannot be put to the dead letters: {error.strerror}")
                if not self._wait(self._backoff.next()):
                    return False
            else:
                break
        self._backoff.reset()
        self._progress.done(slot, end)
        self._progress.count_dead_letter()
        where = self._home / DEAD_LETTERS
        self._complaints.say("dead letter", f"{MAX_DEATHS} processes died on one point: it is in {where}")
        return True

    def _tell_damages(self) -> None:
        damages = self._reader.take_damages()
        if damages:
            self._progress.count_damages(len(damages))
            self._complaints.say("damage", f"the journal is damaged, and what is damaged is skipped: {damages[0]}")
