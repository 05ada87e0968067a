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


@dataclass(slots=True)
class _Turn:
    users: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    held: bool = False


class Turns:
    """Messages to one destination share its turn: however many they are, they keep no other destination waiting."""

    def __init__(self, limit: int) -> None:
        self._free = asyncio.Semaphore(limit)
        self._turns: dict[Domain, _Turn] = {}
        self.of_one_message = max(1, limit // 2)
        """Turns that one message may have: the mail of others must come through beside it."""

    @asynccontextmanager
    async def turn(self, domain: Domain) -> AsyncIterator[None]:
        """Wait until it is the turn of `domain`, which lasts as long as anybody has it."""
        turn = self._turns.setdefault(domain, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                if not turn.held:
                    await self._free.acquire()
                    turn.held = True
            yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[domain]
                if turn.held:
                    self._free.release()
