"""All hooks of one engine behind the one seam that producers know."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from types import TracebackType

from tlswitness.datapoint.model import DataPoint
from tlswitness.hooks.inprocess.counters import HookCounters
from tlswitness.hooks.inprocess.module import HookModule
from tlswitness.hooks.inprocess.runner import HookRunner
from tlswitness.hooks.inprocess.settings import CLOSE_DEADLINE, HookLimits

_CANCELLED_WITHIN = 0.2
"""Seconds for coroutines to end after they were cancelled at closing: most do at once, and leave nothing open."""


class HookSet:
    """A `PointSink` that tells every hook, each on its own thread; hooks share nothing, not even a delay."""

    def __init__(
        self,
        hooks: Iterable[HookModule] = (),
        *,
        limits: HookLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` measures calls and spaces complaints."""
        self._runners = tuple(HookRunner(module, limits or HookLimits(), clock) for module in _named_apart(hooks))
        self._runners_open = self._runners
        self._started = False

    def start(self) -> None:
        """Start the threads; a second call does nothing."""
        if self._started:
            return
        self._started = True
        for runner in self._runners:
            runner.start()

    def submit(self, point: DataPoint) -> None:
        """Tell every hook that wants `point`, at some time soon. Never waits, never raises."""
        for runner in self._runners:
            runner.submit(point)

    def counters(self) -> tuple[HookCounters, ...]:
        """A snapshot for each hook, in the order in which they were given."""
        return tuple(runner.counters() for runner in self._runners)

    def close(self, deadline: float = CLOSE_DEADLINE) -> bool:
        """Tell what is queued, for up to `deadline` seconds altogether, then drop the rest. Whether all hooks ended.

        Blocks: in a coroutine use `aclose`. A second call does nothing.
        """
        running, self._runners_open = self._runners_open, ()
        for runner in running:
            runner.finish()
        late = _waited(running, deadline)
        for runner in late:
            runner.abandon()
        return not _waited(late, _CANCELLED_WITHIN)

    async def aclose(self, deadline: float = CLOSE_DEADLINE) -> bool:
        """As `close`, while the event loop goes on."""
        return await asyncio.to_thread(self.close, deadline)

    def __enter__(self) -> HookSet:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _waited(runners: tuple[HookRunner, ...], seconds: float) -> tuple[HookRunner, ...]:
    """Those that have not ended after `seconds` altogether."""
    until = time.monotonic() + seconds
    return tuple(runner for runner in runners if not runner.wait(until - time.monotonic()))


def _named_apart(modules: Iterable[HookModule]) -> list[HookModule]:
    """The same callable may be given twice; in logs and counters the two are told apart."""
    seen: dict[str, int] = {}
    named = []
    for module in modules:
        count = seen[module.name] = seen.get(module.name, 0) + 1
        named.append(module if count == 1 else replace(module, name=f"{module.name}#{count}"))
    return named
