"""One hook, its bounded queue and its thread.

Separate because this is the wall between mail and hooks: nothing that a hook does gets past it. A slow hook fills its
own queue, and points are dropped and counted; a raising one is counted and complained about; a hanging one keeps a
daemon thread that the process does not wait for. Best effort, on purpose: what waits in the queue is lost with the
process. (Threads that a hook starts itself, those of `asyncio.to_thread` too, are Python's to wait for, not ours to
stop.)
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections import deque
from collections.abc import Awaitable, Callable

from tlswitness.datapoint.model import DataPoint
from tlswitness.hooks.complaints import Complaints, error_words
from tlswitness.hooks.inprocess.counters import HookCounters
from tlswitness.hooks.inprocess.module import HookModule
from tlswitness.hooks.inprocess.settings import HookLimits


class HookRunner:
    """Tells one hook of points, in the order in which they were submitted."""

    def __init__(self, module: HookModule, limits: HookLimits, clock: Callable[[], float]) -> None:
        self.module = module
        self._limits = limits
        self._clock = clock
        self._complaints = Complaints(module.name, limits.log_interval, clock)
        self._thread = threading.Thread(target=self._run, name=f"hook {module.name}", daemon=True)
        # Guards all below, and is never held while the hook or the log runs: whoever wants it has it at once.
        self._changed = threading.Condition()
        self._queue: deque[DataPoint] = deque()
        self._closing = False
        self._since: float | None = None
        self._task: tuple[asyncio.AbstractEventLoop, asyncio.Task[object]] | None = None
        self._delivered = self._failed = self._dropped = self._over_budget = 0
        self._dropped_told = 0

    def start(self) -> None:
        """Start the thread; what was submitted before waits in the queue."""
        self._thread.start()

    def submit(self, point: DataPoint) -> None:
        """Queue `point`, or drop and count it. Constant time, from any thread, never raises."""
        if not self.module.view.shows(point):
            return
        with self._changed:
            if self._closing or len(self._queue) >= self._limits.queue_points:
                self._dropped += 1
                return
            self._queue.append(point)
            self._changed.notify()

    def counters(self) -> HookCounters:
        """A snapshot."""
        with self._changed:
            since = self._since
            return HookCounters(
                name=self.module.name,
                delivered=self._delivered,
                failed=self._failed,
                dropped=self._dropped,
                over_budget=self._over_budget,
                pending=len(self._queue) + (since is not None),
                busy=0.0 if since is None else max(0.0, self._clock() - since),
            )

    def finish(self) -> None:
        """Take no more points, and end when the queue is empty. Does not wait."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds of real time. Whether the hook has been told everything and its thread ended."""
        if self._thread.ident is None:  # never started
            return not self._queue
        self._thread.join(max(0.0, timeout))
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """Drop what is queued, and cancel the running call if it is a coroutine."""
        with self._changed:
            self._closing = True
            left = len(self._queue)
            self._dropped += left
            self._queue.clear()
            task = self._task
        self._complaints.say("close", f"closed before it was told everything: {left} points dropped")
        if task is not None:
            loop, running = task
            with contextlib.suppress(RuntimeError):  # it ended in this very moment, and its loop is closed
                loop.call_soon_threadsafe(running.cancel)

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            while (point := self._next()) is not None:
                self._complain(self._call(runner, point))

    def _next(self) -> DataPoint | None:
        with self._changed:
            while not self._queue:
                if self._closing:
                    return None
                self._changed.wait()
            self._since = self._clock()
            return self._queue.popleft()

    def _call(self, runner: asyncio.Runner, point: DataPoint) -> BaseException | None:
        error: BaseException | None = None
        try:
            result = self.module.function(self.module.view.of(point))
            if inspect.isawaitable(result):
                runner.run(self._await(result))
        except BaseException as raised:  # noqa: BLE001 - SystemExit too: a hook ends no thread of ours
            error = raised
        with self._changed:
            took = 0.0 if self._since is None else self._clock() - self._since
            self._since = None
            self._delivered += error is None
            self._failed += error is not None
            self._over_budget += took > self._limits.budget
        return error

    async def _await(self, result: Awaitable[object]) -> None:
        """Wait for a hook's coroutine on the loop of this thread; the deadline and `abandon` can cancel it."""
        task = asyncio.current_task()
        with self._changed:
            self._task = (asyncio.get_running_loop(), task) if task is not None else None
        try:
            async with asyncio.timeout(self._limits.call_deadline):
                await result
        finally:
            with self._changed:
                self._task = None

    def _complain(self, error: BaseException | None) -> None:
        """Here and not in `submit`: a log may be slow too."""
        if error is not None:
            self._complaints.say("error", error_words(error))
        with self._changed:
            dropped, told = self._dropped, self._dropped_told
            self._dropped_told = dropped
        if dropped > told:
            self._complaints.say("dropped", f"too slow: {dropped} points dropped since the start")
