"""Running scenarios: each cell is built, delivered to, and what happened is told."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, nullcontext

from tlswitness.datapoint import DataPoint
from tlswitness.delivery.outcome import Deferred, Delivered, Failed, RecipientOutcome
from tlswitness.engine import Engine
from tlswitness.lab.compare import NotShown, Result, Shown
from tlswitness.lab.internet import Internet, without_journal
from tlswitness.lab.stage import Staged, staged, turns, waits
from tlswitness.lab.table import Cell, Mail

AT_ONCE = 6
"""Scenarios under way at the same time, beside those that mostly wait for a timeout."""
NO_SUCH_ADDRESS = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


async def shown(internet: Internet, cells: Iterable[Cell], *, at_once: int = AT_ONCE) -> AsyncIterator[Result]:
    """What becomes of each cell, in the order of the cells."""
    turns = asyncio.Semaphore(at_once)

    async def one(cell: Cell) -> Result:
        async with nullcontext() if waits(cell.setup) else turns:
            return await show(internet, cell)

    tasks = [asyncio.create_task(one(cell)) for cell in cells]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def show(internet: Internet, cell: Cell) -> Result:
    """Build one cell, deliver to it, and tell what happened."""
    if cell.not_shown is not None:
        return NotShown(cell, cell.not_shown)
    started = time.monotonic()
    async with AsyncExitStack() as stack:
        try:
            stage = await stack.enter_async_context(staged(internet, cell))
        except OSError as error:
            if error.errno not in NO_SUCH_ADDRESS:
                raise
            return NotShown(cell, f"this machine lacks the address for it: {error.strerror}")
        return await _deliver(stage, cell, started)


async def _deliver(stage: Staged, cell: Cell, started: float) -> Shown:
    points: list[DataPoint] = []
    config = without_journal(stage.config)
    async with Engine(config, hooks=[points.append], surroundings=stage.surroundings) as engine:
        if cell.setup.twice or turns(cell.setup):
            await engine.deliver(stage.message, stage.envelope)
            await _told_all(engine)
        stage.turn()
        told, before = len(points), stage.accepted
        outcome = (await engine.deliver(stage.message, stage.envelope)).recipients[0]
    return Shown(
        cell=cell,
        mail=_mail(outcome),
        text=outcome.text,
        points=tuple(points[told:]),
        accepted=stage.accepted - before,
        seconds=time.monotonic() - started,
    )


async def _told_all(engine: Engine) -> None:
    """Wait until the hooks know of everything so far."""
    while any(hook.pending for hook in engine.hook_counters()):  # noqa: ASYNC110 - hooks live on threads
        await asyncio.sleep(0.01)


def _mail(outcome: RecipientOutcome) -> Mail:
    match outcome:
        case Delivered(tls=tls):
            return Mail.TLS if tls.protocol else Mail.CLEAR
        case Deferred():
            return Mail.DEFERRED
        case Failed():
            return Mail.FAILED
