"""One hook behind its wall: nothing that it does gets past."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tlswitness.datapoint import SEED_VIEW, DataPoint, PolicyType
from tlswitness.datapoint.views import View
from tlswitness.hooks import HookFunction, HookLimits, HookModule
from tlswitness.hooks.inprocess.runner import HookRunner

PointOf = Callable[..., DataPoint]
Start = Callable[..., HookRunner]
PATIENCE = 20.0
"""Seconds until a test gives up: never reached when things work."""


@pytest.fixture
def start(clock: Any) -> Iterator[Start]:
    """Runs hooks, and sees to it that each has ended."""
    runners: list[HookRunner] = []

    def run(function: HookFunction, *, view: View | None = None, **limits: Any) -> HookRunner:
        runner = HookRunner(HookModule("notify", function, view or View()), HookLimits(**limits), clock)
        runners.append(runner)
        runner.start()
        return runner

    yield run
    for runner in runners:
        runner.finish()
        assert runner.wait(PATIENCE)


def ended(runner: HookRunner) -> None:
    runner.finish()
    assert runner.wait(PATIENCE)


def test_points_come_in_their_order_on_one_other_thread(start: Start, point_of: PointOf) -> None:
    seen: list[int] = []
    threads: set[int] = set()

    def hook(point: DataPoint) -> int:
        seen.append(point.epoch)
        threads.add(threading.get_ident())
        return 7

    runner = start(hook)
    for epoch in range(100):
        runner.submit(point_of(epoch))
    ended(runner)
    assert seen == list(range(100))
    assert len(threads - {threading.get_ident()}) == 1
    counters = runner.counters()
    assert (counters.delivered, counters.failed, counters.dropped, counters.pending) == (100, 0, 0, 0)


def test_view_decides_what_is_told(start: Start, point_of: PointOf) -> None:
    seen: list[DataPoint] = []
    runner = start(seen.append, view=SEED_VIEW)
    runner.submit(point_of(1, PolicyType.NONE))
    runner.submit(point_of(2))
    ended(runner)
    assert [(point.epoch, point.policy.mx_host) for point in seen] == [(2, ())]
    assert runner.counters().delivered == 1
    assert runner.counters().dropped == 0


def test_coroutine_hook_runs_on_one_loop_of_its_own(start: Start, point_of: PointOf) -> None:
    seen: list[int] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def hook(point: DataPoint) -> None:
        await asyncio.sleep(0)
        seen.append(point.epoch)
        loops.append(asyncio.get_running_loop())

    runner = start(hook)
    for epoch in range(3):
        runner.submit(point_of(epoch))
    ended(runner)
    assert seen == [0, 1, 2]
    assert len(set(loops)) == 1
    assert runner.counters().delivered == 3


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError()])
@pytest.mark.parametrize("coroutine", [False, True])
def test_raising_hook_is_counted_and_told_of_the_next(
    start: Start, point_of: PointOf, caplog: pytest.LogCaptureFixture, error: BaseException, coroutine: bool
) -> None:
    def plain(point: DataPoint) -> None:
        if point.epoch:
            raise error

    async def awaited(point: DataPoint) -> None:
        plain(point)

    runner = start(awaited if coroutine else plain)
    for epoch in (1, 1, 0):
        runner.submit(point_of(epoch))
    ended(runner)
    counters = runner.counters()
    assert (counters.delivered, counters.failed) == (1, 2)
    (line,) = caplog.messages
    assert line.startswith(f"hook notify: {type(error).__name__}")
    assert "test_runner.py:" in line


def test_full_queue_drops_and_counts_and_never_waits(
    start: Start, point_of: PointOf, caplog: pytest.LogCaptureFixture, clock: Any
) -> None:
    running, go_on = threading.Event(), threading.Event()
    seen: list[int] = []

    def hook(point: DataPoint) -> None:
        running.set()
        assert go_on.wait(PATIENCE)
        seen.append(point.epoch)

    runner = start(hook, queue_points=3)
    runner.submit(point_of(0))
    assert running.wait(PATIENCE)
    for epoch in range(1, 11):
        runner.submit(point_of(epoch))
    clock.pass_by(2.0)
    counters = runner.counters()
    assert (counters.delivered, counters.dropped, counters.pending, counters.busy) == (0, 7, 4, 2.0)
    go_on.set()
    ended(runner)
    assert seen == [0, 1, 2, 3]
    counters = runner.counters()
    assert (counters.delivered, counters.dropped, counters.pending, counters.busy) == (4, 7, 0, 0.0)
    assert caplog.messages == ["hook notify: too slow: 7 points dropped since the start"]


def test_calls_over_budget_are_counted(start: Start, point_of: PointOf, clock: Any) -> None:
    def hook(point: DataPoint) -> None:
        clock.pass_by(point.epoch / 1000)
        if point.epoch == 70:
            raise ValueError

    runner = start(hook)
    for milliseconds in (0, 49, 51, 70):
        runner.submit(point_of(milliseconds))
    ended(runner)
    counters = runner.counters()
    assert (counters.over_budget, counters.delivered, counters.failed) == (2, 3, 1)


def test_coroutine_that_hangs_is_cancelled_at_its_deadline(start: Start, point_of: PointOf) -> None:
    async def hook(point: DataPoint) -> None:
        if point.epoch:
            await asyncio.Event().wait()

    runner = start(hook, call_deadline=0.01)
    runner.submit(point_of(1))
    runner.submit(point_of(0))
    ended(runner)
    assert (runner.counters().failed, runner.counters().delivered) == (1, 1)


def test_coroutine_that_hangs_is_cancelled_when_abandoned(
    start: Start, point_of: PointOf, caplog: pytest.LogCaptureFixture
) -> None:
    running = threading.Event()

    async def hook(point: DataPoint) -> None:
        running.set()
        await asyncio.Event().wait()

    runner = start(hook)
    for epoch in range(3):
        runner.submit(point_of(epoch))
    assert running.wait(PATIENCE)
    assert not runner.wait(0.01)
    runner.abandon()
    assert runner.wait(PATIENCE)
    counters = runner.counters()
    assert (counters.failed, counters.dropped, counters.pending) == (1, 2, 0)
    assert caplog.messages[0] == "hook notify: closed before it was told everything: 2 points dropped"


def test_after_the_end_points_are_dropped(start: Start, point_of: PointOf) -> None:
    runner = start(lambda point: None)
    ended(runner)
    runner.submit(point_of(1))
    assert (runner.counters().dropped, runner.counters().pending) == (1, 0)


def test_a_runner_that_never_started_can_be_abandoned(clock: Any, point_of: PointOf) -> None:
    runner = HookRunner(HookModule("notify", print), HookLimits(), clock)
    assert runner.wait(0)
    runner.submit(point_of(1))
    assert not runner.wait(0)
    runner.abandon()
    assert runner.wait(0)
    assert runner.counters().dropped == 1


def test_submitters_on_many_threads_lose_nothing_uncounted(start: Start, point_of: PointOf) -> None:
    runner = start(lambda point: None, queue_points=50)
    points = [point_of(epoch) for epoch in range(500)]

    def submit_all() -> None:
        for point in points:
            runner.submit(point)

    threads = [threading.Thread(target=submit_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended(runner)
    counters = runner.counters()
    assert counters.delivered + counters.dropped == 2000
