"""Connections kept for reuse.

A session may carry another message only under the same recipient domain, demands, MX, address and source address: under
anything else its verdict would be another one, and its data point too (DANE and MTA-STS are demands of a domain).
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from tlswitness.delivery.attempt import Session
from tlswitness.delivery.places import Places
from tlswitness.delivery.settings import Destination
from tlswitness.names import Domain, HostName
from tlswitness.policy.plan import DaneDemand, LocalRules, Plan, StsDemand, Tag

MAX_IDLE = 200
"""Idle connections over all destinations: each holds a file descriptor."""
HURRY = 0.5
"""Seconds for a goodbye while somebody waits for a place: servers that do not answer QUIT must not fill them all."""
CLOSE_WITHIN = 5.0
"""Seconds for the last goodbyes when the pool closes: a server that does not answer QUIT must not hold the program."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    """What must be the same for a connection to be used again."""

    domain: Domain
    next_hop: Domain
    host: HostName
    address: str
    port: int
    source: str | None
    trust: str | None
    local: LocalRules
    sts: StsDemand | None
    dane: DaneDemand | None
    tag: Tag
    """A session that was opened for mail to which TLS is optional carries no other mail, nor the other way round."""
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # Enough to tell keys apart, and it spares hashing whole policies for each message.
        object.__setattr__(self, "_hash", hash((self.domain, self.address, self.port)))

    @classmethod
    def of(cls, destination: Destination, plan: Plan, address: str) -> Key:
        """For a session with `address` under `plan`: neither its words nor the MX's other addresses demand anything."""
        return cls(
            destination.domain,
            plan.domain,
            plan.host,
            address,
            plan.port,
            destination.sender.source(address),
            destination.trust,
            plan.local,
            plan.sts,
            plan.dane,
            plan.tag,
        )

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True, slots=True, eq=False)
class _Idle:
    session: Session
    until: float


class Pool:
    """Idle sessions by key, oldest out first."""

    def __init__(self, clock: Callable[[], float], places: Places | None = None) -> None:
        """Where `places` are scarce, idle sessions make room."""
        self._clock = clock
        self._places = places or Places()
        self._places.on_need = self._make_a_place
        self._idle: OrderedDict[Key, list[_Idle]] = OrderedDict()
        self._count = 0
        self._leaving: dict[asyncio.Task[None], None] = {}
        self._closed = False

    def take(self, key: Key) -> Session | None:
        """An idle session that is still good."""
        while (kept := self._idle.get(key)) is not None:
            idle = kept.pop()
            self._count -= 1
            if not kept:
                del self._idle[key]
            if self._clock() < idle.until and idle.session.connection.alive:
                return idle.session
            self.leave(idle.session)
        return None

    def make_room(self, domain: Domain, limit: int, held: int) -> None:
        """Before the last of `held` connections to a destination is opened: its idle ones count, too, and the oldest
        make room.
        """
        keys = [key for key in self._idle if key.domain == domain]
        surplus = held + sum(len(self._idle[key]) for key in keys) - limit
        for key in keys:
            while surplus > 0 and key in self._idle:
                self._drop_oldest(key)
                surplus -= 1

    def keep(self, key: Key, session: Session, idle: float) -> None:
        """Keep a session for `idle` seconds."""
        if self._closed or self._places.scarce:
            self.leave(session)
            return
        self._idle.setdefault(key, []).append(_Idle(session, self._clock() + idle))
        self._idle.move_to_end(key)
        self._count += 1
        while self._count > MAX_IDLE:
            self._drop_oldest(next(iter(self._idle)))

    def sweep(self) -> None:
        """Say goodbye to the sessions whose time is over, or that the server has closed."""
        now = self._clock()
        for key, kept in list(self._idle.items()):
            over = [idle for idle in kept if idle.until <= now or not idle.session.connection.alive]
            for idle in over:
                kept.remove(idle)
                self._count -= 1
                self.leave(idle.session)
            if not kept:
                del self._idle[key]

    def leave(self, session: Session) -> None:
        """Say goodbye to a session that will not be kept, without waiting for it."""
        if not session.connection.alive:
            session.connection.abort()
            return
        hurry = HURRY if self._places.scarce else None
        task = asyncio.get_running_loop().create_task(_goodbye(session, hurry))
        self._leaving[task] = None
        task.add_done_callback(partial(self._left, session))

    async def close(self, within: float = CLOSE_WITHIN) -> None:
        """Say goodbye to all, and keep nothing from now on."""
        self._closed = True
        for kept in self._idle.values():
            for idle in kept:
                self.leave(idle.session)
        self._idle.clear()
        self._count = 0
        if self._leaving:
            _, late = await asyncio.wait(self._leaving, timeout=within)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _left(self, session: Session, task: asyncio.Task[None]) -> None:
        del self._leaving[task]
        if task.cancelled():
            session.connection.abort()  # a task that is cancelled before it has begun runs none of its code

    def _make_a_place(self) -> None:
        if self._idle:
            self._drop_oldest(next(iter(self._idle)))
            return
        for task in self._leaving:
            if not task.cancelling():
                task.cancel()
                return

    def _drop_oldest(self, key: Key) -> None:
        kept = self._idle[key]
        session = kept.pop(0).session
        self._count -= 1
        if not kept:
            del self._idle[key]
        self.leave(session)


async def _goodbye(session: Session, within: float | None) -> None:
    try:
        async with asyncio.timeout(within):
            await session.connection.quit()
    except TimeoutError:
        pass  # it was said, and the connection is closed
    except Exception:  # noqa: BLE001 - our own fault, and nobody waits for this
        _log.exception("no proper end of the session with %s", session.relay)
