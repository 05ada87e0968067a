"""How many destinations are delivered to at once; the mail to others waits for its turn, and its time has not begun.

Separate from the limits on connections because before there is a connection there are DNS lookups and policy fetches:
a message to thousands of domains would have them all run out of time, and of file descriptors, at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tlswitness.names import Domain

SHARED_FOR = 10.0
"""Seconds for which others may join a turn while somebody waits for one: destinations that always have mail under way
must not keep the rest out for ever.
"""
MAX_TURNS = 2
"""Turns of one destination at a time, one of them on its way out: one that is slow must not collect them."""


@dataclass(slots=True, eq=False)
class Turn:
    """One destination's."""

    users: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    since: float | None = None
    """When it began."""
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Turns:
    """Messages to one destination share its turn: however many they are, they keep no other destination waiting."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._free = asyncio.Semaphore(limit)
        self._waiting = 0
        self._turns: dict[Domain, list[Turn]] = {}
        """Of each destination, the oldest first; the last one can be joined."""
        self.of_one_message = max(1, limit // 2)
        """Turns that one message may have: the mail of others must come through beside it."""

    async def enter(self, domain: Domain) -> Turn:
        """Wait until it is the turn of `domain`, which lasts as long as anybody is in it. Whoever enters must leave."""
        while (turn := self._join(domain)) is None:
            await self._turns[domain][0].over.wait()
        if turn.since is None:
            try:
                await self._begin(turn)
            except BaseException:
                self.leave(domain, turn)
                raise
        return turn

    def leave(self, domain: Domain, turn: Turn) -> None:
        turn.users -= 1
        if turn.users:
            return
        turns = self._turns[domain]
        turns.remove(turn)
        if not turns:
            del self._turns[domain]
        turn.over.set()
        if turn.since is not None:
            self._free.release()

    def _join(self, domain: Domain) -> Turn | None:
        """The turn to take part in; None where that would be one too many."""
        turns = self._turns.setdefault(domain, [])
        if not turns or self._closed(turns[-1]):
            if len(turns) >= MAX_TURNS:
                return None
            turns.append(Turn())
        turns[-1].users += 1
        return turns[-1]

    def _closed(self, turn: Turn) -> bool:
        return self._waiting > 0 and turn.since is not None and self._clock() - turn.since >= SHARED_FOR

    async def _begin(self, turn: Turn) -> None:
        async with turn.lock:
            if turn.since is not None:
                return
            self._waiting += 1
            try:
                await self._free.acquire()
            finally:
                self._waiting -= 1
            turn.since = self._clock()
