"""How many SMTP connections there may be at once, open, idle or on their way out: each holds a file descriptor.

Separate from the limits of single destinations because it is the machine's: whoever finds no place waits until a
connection is gone, and an idle one makes room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

UNLIMITED = 1 << 30


class Places:
    """One is held from before a connection is opened until its socket is closed."""

    def __init__(self, limit: int = UNLIMITED) -> None:
        self._free = asyncio.Semaphore(limit)
        self._waiting = 0
        self.on_need: Callable[[], None] = lambda: None
        """Told each time somebody has to wait."""

    @property
    def scarce(self) -> bool:
        """Somebody waits for one."""
        return self._waiting > 0

    async def take(self) -> None:
        """Wait for a place, in the order of coming."""
        if not self._free.locked():
            await self._free.acquire()
            return
        self._waiting += 1
        try:
            self.on_need()
            await self._free.acquire()
        finally:
            self._waiting -= 1

    def give_back(self) -> None:
        """The connection is gone, or never came to be."""
        self._free.release()
