"""A wire that is cut after an exact number of octets in one direction; the connections after that are whole."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field

CHUNK = 64 * 1024
ROOM = 32 * 1024
"""Octets that the kernel takes before they are read: a client cannot be far ahead."""


@dataclass
class Wire:
    """Between a client and a server at `target`."""

    address: str
    target: tuple[str, int]
    to_client: bool = True
    """The direction in which octets are counted."""
    octets: int | None = None
    """How many pass on the first connection; None: all."""
    reset: bool = False
    """The client sees a reset instead of an end."""
    passed: list[int] = field(default_factory=list)
    """Octets that passed in that direction, by connection."""
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        listener.bind((self.address, 0))
        self._server = await asyncio.start_server(self._serve, sock=listener)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connection(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.passed)
        self.passed.append(0)
        limit = self.octets if number == 0 else None
        there, back = await asyncio.open_connection(*self.target)
        ways = [
            asyncio.create_task(self._pass(reader, back, None if self.to_client else number, limit)),
            asyncio.create_task(self._pass(there, writer, number if self.to_client else None, limit)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            if limit is not None and self.reset:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
            writer.close()
            back.close()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counted: int | None, limit: int | None
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if counted is None:
                    writer.write(data)
                else:
                    left = len(data) if limit is None else limit - self.passed[counted]
                    writer.write(data[:left])
                    self.passed[counted] += min(left, len(data))
                    if left <= len(data) and limit is not None:
                        await writer.drain()
                        return
                await writer.drain()
