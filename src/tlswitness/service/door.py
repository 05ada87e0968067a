"""A door for clients of one question: how many may be in it, and for how long.

Separate because the status socket and the metrics have the same: who asks must never cost the daemon more than this.
"""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter, Task
from collections.abc import Awaitable, Callable

MAX_CLIENTS = 16
"""At the same time; more are turned away: each is an answer in memory."""
DEADLINE = 5.0
"""Seconds for a client to ask and to take the answer: one that hangs must not keep its place."""

Talk = Callable[[StreamReader, StreamWriter], Awaitable[None]]


class Door:
    """`serve` is what a server of asyncio calls for each connection."""

    def __init__(self, talk: Talk, turned_away: bytes = b"") -> None:
        """`talk` reads the question and writes the answer; `turned_away` is all that one too many is told."""
        self._talk = talk
        self._turned_away = turned_away
        self.inside: set[Task[None]] = set()

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Never raises; the connection is closed when it returns."""
        task = asyncio.current_task()
        assert task is not None
        full = len(self.inside) >= MAX_CLIENTS
        if not full:
            self.inside.add(task)
        try:
            async with asyncio.timeout(DEADLINE):
                if full:
                    writer.write(self._turned_away)
                else:
                    await self._talk(reader, writer)
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, OSError):
            pass  # it is gone, or will not go on: nobody to tell
        finally:
            self.inside.discard(task)
            writer.transport.abort()  # nothing waits for one that does not read

    async def close(self) -> None:
        """End what is under way."""
        inside = tuple(self.inside)
        for task in inside:
            task.cancel()
        await asyncio.gather(*inside, return_exceptions=True)
