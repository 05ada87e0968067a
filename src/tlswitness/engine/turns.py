"""How many destinations are delivered to at once; the mail to others waits for its turn, and its time has not begun.

Separate from the limits on connections because before there is a connection there are DNS lookups and policy fetches:
a message to thousands of domains would have them all run out of time, and of file descriptors, at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tlswitness.names import Domain

SHARED_FOR = 10.0
"""Seconds for which others may join a turn while somebody waits for one: destinations that always have mail under way
must not keep the rest out for ever.
"""
MAX_TURNS = 2
"""Turns of one destination at a time, one of them on its way out: one that is slow must not collect them."""


@dataclass(slots=True, eq=False)
class _Turn:
    users: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    since: float | None = None
    """When its place was taken, on the event loop's clock."""
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Turns:
    """Messages to one destination share its turn: however many they are, they keep no other destination waiting."""

    def __init__(self, limit: int) -> None:
        self._free = asyncio.Semaphore(limit)
        self._waiting = 0
        self._turns: dict[Domain, list[_Turn]] = {}
        """Of each destination, the oldest first; the last one can be joined."""
        self.of_one_message = max(1, limit // 2)
        """Turns that one message may have: the mail of others must come through beside it."""

    @asynccontextmanager
    async def turn(self, domain: Domain) -> AsyncIterator[None]:
        """Wait until it is the turn of `domain`, which lasts as long as anybody has it."""
        while (turn := self._join(domain)) is None:
            await self._turns[domain][0].over.wait()
        try:
            async with turn.lock:
                if turn.since is None:
                    await self._take()
                    turn.since = asyncio.get_running_loop().time()
            yield
        finally:
            turn.users -= 1
            if not turn.users:
                self._end(domain, turn)

    def _join(self, domain: Domain) -> _Turn | None:
        """The turn to take part in; None where that would be one too many."""
        turns = self._turns.setdefault(domain, [])
        if not turns or self._closed(turns[-1]):
            if len(turns) >= MAX_TURNS:
                return None
            turns.append(_Turn())
        turns[-1].users += 1
        return turns[-1]

    def _closed(self, turn: _Turn) -> bool:
        old = turn.since is not None and asyncio.get_running_loop().time() - turn.since >= SHARED_FOR
        return old and self._waiting > 0

    async def _take(self) -> None:
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1

    def _end(self, domain: Domain, turn: _Turn) -> None:
        turns = self._turns[domain]
        turns.remove(turn)
        if not turns:
            del self._turns[domain]
        turn.over.set()
        if turn.since is not None:
            self._free.release()
