"""Connections kept for reuse, and how many one destination may have at once.

A session may carry another message only under the same recipient domain, plan, MX, address and source address: under
anything else its verdict would be another one, and its data point too (DANE and MTA-STS are demands of a domain).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tlswitness.delivery.attempt import Session
from tlswitness.names import Domain
from tlswitness.policy.plan import Plan

MAX_IDLE = 200
"""Idle connections over all destinations: each holds a file descriptor."""


@dataclass(frozen=True, slots=True)
class Key:
    """What must be the same for a connection to be used again."""

    domain: Domain
    plan: Plan
    address: str
    source: str | None


class Pool:
    """Idle sessions by key, oldest out first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._idle: OrderedDict[Key, list[tuple[Session, float]]] = OrderedDict()
        self._count = 0
        self._slots: dict[Domain, _Slots] = {}
        self._closing: set[asyncio.Task[object]] = set()

    @asynccontextmanager
    async def slot(self, domain: Domain, limit: int) -> AsyncIterator[None]:
        """Hold one of the connections that a destination may have; waits while all are taken."""
        slots = self._slots.setdefault(domain, _Slots(asyncio.Semaphore(limit)))
        slots.users += 1
        try:
            async with slots.semaphore:
                yield
        finally:
            slots.users -= 1
            if not slots.users:
                self._slots.pop(domain, None)

    def take(self, key: Key) -> Session | None:
        """An idle session that is still good."""
        kept = self._idle.get(key)
        while kept:
            session, until = kept.pop()
            self._count -= 1
            if not kept:
                del self._idle[key]
            if self._clock() < until and session.connection.alive:
                return session
            session.connection.abort()
        return None

    def keep(self, key: Key, session: Session, idle: float) -> None:
        """Keep a session for `idle` seconds."""
        self._idle.setdefault(key, []).append((session, self._clock() + idle))
        self._idle.move_to_end(key)
        self._count += 1
        while self._count > MAX_IDLE:
            self._drop_oldest()

    def sweep(self) -> None:
        """Say goodbye to the sessions whose time is over."""
        now = self._clock()
        for key in list(self._idle):
            kept = self._idle[key]
            for session, until in [item for item in kept if item[1] <= now or not item[0].connection.alive]:
                kept.remove((session, until))
                self._count -= 1
                self._goodbye(session)
            if not kept:
                del self._idle[key]

    def leave(self, session: Session) -> None:
        """Say goodbye to a session that will not be kept, without waiting for it."""
        self._goodbye(session)

    async def close(self) -> None:
        """Say goodbye to all."""
        for kept in self._idle.values():
            for session, _ in kept:
                self._goodbye(session)
        self._idle.clear()
        self._count = 0
        if self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)

    def _drop_oldest(self) -> None:
        key, kept = next(iter(self._idle.items()))
        session, _ = kept.pop(0)
        self._count -= 1
        if not kept:
            del self._idle[key]
        self._goodbye(session)

    def _goodbye(self, session: Session) -> None:
        task = asyncio.get_running_loop().create_task(session.connection.quit())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


@dataclass(slots=True)
class _Slots:
    semaphore: asyncio.Semaphore
    users: int = 0
