"""All hooks together: they share nothing, and closing is bounded."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from tlswitness.datapoint import DataPoint
from tlswitness.hooks import HookLimits, HookModule, HookSet, PointSink

PointOf = Callable[..., DataPoint]
PATIENCE = 20.0


def test_every_hook_is_told_and_a_hanging_one_delays_nobody(point_of: PointOf, clock: Any) -> None:
    go_on, told = threading.Event(), threading.Event()
    seen: list[int] = []

    def hangs(point: DataPoint) -> None:
        go_on.wait(PATIENCE)

    def raises(point: DataPoint) -> None:
        raise ValueError

    def last(point: DataPoint) -> None:
        seen.append(point.epoch)
        if point.epoch == 9:
            told.set()

    hooks = HookSet(map(HookModule.of, (hangs, raises, last)), limits=HookLimits(queue_points=100), clock=clock)
    sink: PointSink = hooks
    with hooks:
        for epoch in range(10):
            sink.submit(point_of(epoch))
        assert told.wait(PATIENCE)
        assert seen == list(range(10))
        assert hooks.counters()[0].pending == 10
        go_on.set()
    assert [(each.delivered, each.failed) for each in hooks.counters()] == [(10, 0), (0, 10), (10, 0)]


def test_closing_tells_what_is_queued(point_of: PointOf) -> None:
    seen: list[int] = []
    hooks = HookSet([HookModule("notify", lambda point: seen.append(point.epoch))])
    for epoch in range(50):
        hooks.submit(point_of(epoch))
    assert hooks.counters()[0].pending == 50
    hooks.start()
    hooks.start()
    assert hooks.close()
    assert hooks.close()
    assert seen == list(range(50))


def test_closing_waits_no_longer_than_told(point_of: PointOf) -> None:
    go_on, running = threading.Event(), threading.Barrier(4)

    def hangs(point: DataPoint) -> None:
        if point.epoch == 0:
            running.wait(PATIENCE)
        go_on.wait(PATIENCE)

    hooks = HookSet([HookModule("notify", hangs)] * 3)
    hooks.start()
    for epoch in range(5):
        hooks.submit(point_of(epoch))
    running.wait(PATIENCE)
    before = time.monotonic()
    assert not hooks.close(0.05)
    assert time.monotonic() - before < PATIENCE / 4
    assert [(each.dropped, each.pending) for each in hooks.counters()] == [(4, 1)] * 3
    go_on.set()
    for thread in threading.enumerate():
        if thread.name.startswith("hook notify"):
            thread.join(PATIENCE)


async def test_aclose_leaves_the_loop_running(point_of: PointOf) -> None:
    loop = asyncio.get_running_loop()
    beats: list[int] = []

    def hook(point: DataPoint) -> None:
        asyncio.run_coroutine_threadsafe(beat(), loop).result(PATIENCE)

    async def beat() -> None:
        beats.append(1)

    hooks = HookSet([HookModule("notify", hook)])
    hooks.start()
    hooks.submit(point_of(1))
    assert await hooks.aclose()
    assert beats == [1]


def test_equal_names_are_told_apart() -> None:
    hooks = HookSet([HookModule("a", print), HookModule("b", print), HookModule("a", print)])
    assert [each.name for each in hooks.counters()] == ["a", "b", "a#2"]


def test_no_hooks_at_all(point_of: PointOf) -> None:
    with HookSet() as hooks:
        hooks.submit(point_of(1))
    assert hooks.counters() == ()


HANGING_PROGRAM = """
import asyncio, threading
from tlswitness.datapoint import DataPoint, Policy, PolicyType
from tlswitness.hooks import HookModule, HookSet

running = threading.Barrier(3)

def hangs(point):
    running.wait(20)
    threading.Event().wait()

async def hangs_too(point):
    running.wait(20)
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

hooks = HookSet(map(HookModule.of, (hangs, hangs_too)))
hooks.start()
policy = Policy(policy_type=PolicyType.STS, policy_domain="example.org")
hooks.submit(DataPoint(epoch=1, type=1, policy=policy))
running.wait(20)
print(hooks.close(0.05))
"""


def test_a_hanging_hook_does_not_keep_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGING_PROGRAM], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
