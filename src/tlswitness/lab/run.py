"""Running scenarios: one cell after the other is built, delivered to, and compared with what its cell says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from tlswitness.datapoint import DataPoint
from tlswitness.delivery.outcome import Deferred, Delivered, Envelope, Failed, RecipientOutcome
from tlswitness.engine import Engine
from tlswitness.lab.compare import Shown
from tlswitness.lab.faults.policies import MAX_AGE
from tlswitness.lab.internet import Internet
from tlswitness.lab.mx import MxServer
from tlswitness.lab.site import Site, earlier, site
from tlswitness.lab.table import Cell, Mail

AT_ONCE = 6
"""Scenarios under way at the same time: most of those that take long only wait."""
PATIENT: Mapping[str, float] = {"dns": 20, "policy_fetch": 20, "handshake": 20, "connect": 20, "greeting": 20}
"""Seconds; a busy machine must not make a scenario time out that is not about time."""
IMPATIENT: Mapping[str, tuple[str, float]] = {
    "timeout": ("dns", 2.0),
    "tlsa-timeout": ("dns", 2.0),
    "silent": ("policy_fetch", 1.5),
    "drip": ("policy_fetch", 1.5),
    "tls-silent": ("handshake", 1.5),
}
"""By the token of what never answers: which timeout ends the wait, and after how many seconds."""
STALE = 400.0
"""Seconds between an earlier delivery and the one that is shown: DNS answers and back-offs are forgotten by then."""
SENDER = "sender@sender.lab.test"
MESSAGE = b"From: sender@sender.lab.test\r\nSubject: a message of the lab\r\n\r\nHello.\r\n"


@dataclass(slots=True)
class LabClock:
    """The time of one scenario: the real one, moved forward at will."""

    offset: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


async def shown(internet: Internet, cells: Iterable[Cell], *, at_once: int = AT_ONCE) -> AsyncIterator[Shown]:
    """Each cell's outcome, in the order of the cells."""
    turns = asyncio.Semaphore(at_once)

    async def one(cell: Cell) -> Shown:
        async with turns:
            return await show(internet, cell)

    tasks = [asyncio.create_task(one(cell)) for cell in cells]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def show(internet: Internet, cell: Cell) -> Shown:
    """Build one cell, deliver to it, and tell what happened. Raises OSError where this machine cannot show it."""
    started = time.monotonic()
    async with AsyncExitStack() as stack:
        stage = _Stage(internet, cell, site(cell, internet.authority, internet.place()))
        await stage.open(stack)
        if cell.setup.cached:
            await stage.deliver(earlier(stage.site, internet.authority))
            stage.clock.offset += MAX_AGE + STALE if cell.setup.expired else STALE
        outcome, points = await stage.deliver(stage.site)
    return Shown(
        cell=cell,
        mail=_mail(outcome),
        text=outcome.text,
        points=points,
        accepted=stage.accepted,
        seconds=time.monotonic() - started,
    )


@dataclass(slots=True)
class _Stage:
    """One scenario while it runs."""

    internet: Internet
    cell: Cell
    site: Site
    clock: LabClock = field(default_factory=LabClock)
    servers: list[MxServer] = field(default_factory=list)
    points: list[DataPoint] = field(default_factory=list)
    accepted: int = 0

    async def open(self, stack: AsyncExitStack) -> None:
        for mx in self.site.mxs:
            server = await self.internet.serve(mx)
            stack.push_async_callback(server.stop)
            self.servers.append(server)

    async def deliver(self, published: Site) -> tuple[RecipientOutcome, tuple[DataPoint, ...]]:
        """One delivery by an engine of its own: what is remembered from an earlier one is what is on disk."""
        self.internet.publish(published)
        async with self._engine() as engine:
            envelope = Envelope(SENDER, (f"someone@{self.cell.domain}",))
            if self.cell.setup.twice:
                await engine.deliver(MESSAGE, envelope)
                await _told_all(engine)
            told, taken = len(self.points), self.taken
            outcome = await engine.deliver(MESSAGE, envelope)
        self.accepted = self.taken - taken
        return outcome.recipients[0], tuple(self.points[told:])

    @property
    def taken(self) -> int:
        """Messages that the MXs took so far."""
        return sum(len(server.received) for server in self.servers)

    def _engine(self) -> Engine:
        setup = self.cell.setup
        rules = dict(setup.rules)
        if setup.local == "source-address":
            rules["source_ipv4"] = "192.0.2.77"
        if setup.local == "own-name":
            rules["own_names"] = [self.servers[0].name]
        timeouts = dict(PATIENT)
        for token in (setup.txt, setup.policyhost, setup.dns, setup.mx):
            if token in IMPATIENT:
                name, seconds = IMPATIENT[token]
                timeouts[name] = seconds
        config = self.internet.config(self.cell.domain, rules, timeouts)
        return self.internet.engine(config, self.servers, self.clock, self.points.append)


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
