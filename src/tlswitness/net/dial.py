"""Opening TCP connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Dialer(Protocol):
    """Opens a connected, non-blocking TCP socket."""

    async def dial(self, address: str, port: int, *, source: str | None = None) -> socket.socket:
        """Connect to `address` (an IP address as text) and `port`, from the local address `source` if given.

        Raises OSError when the connection cannot be made. Time is the caller's: wrap it in `asyncio.timeout`.
        """
        ...


class DirectDialer:
    """Connects to exactly what is asked for."""

    async def dial(self, address: str, port: int, *, source: str | None = None) -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        socket.inet_pton(family, address)  # OSError on a name: nobody but our resolver may look one up
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if source is not None:
                sock.bind((source, 0))
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
        except BaseException:
            sock.close()
            raise
        return sock


@dataclass(frozen=True, slots=True)
class MappedDialer:
    """Connects to other ports than asked: the lab's servers run without privilege.

    A mapping of (address, port) wins over one of the port alone; what is not mapped is dialled as it is.
    """

    ports: Mapping[int, int] = field(default_factory=dict)
    endpoints: Mapping[tuple[str, int], int] = field(default_factory=dict)
    inner: Dialer = field(default_factory=DirectDialer)

    async def dial(self, address: str, port: int, *, source: str | None = None) -> socket.socket:
        mapped = self.endpoints.get((address, port), self.ports.get(port, port))
        return await self.inner.dial(address, mapped, source=source)
