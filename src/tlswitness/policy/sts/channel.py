"""TLS over one connected socket, for either side.

Separate because the faults of a policy fetch must be told apart exactly (a refused certificate, the peer's alert, a
closed connection), and a transport that hides the handshake blurs them. No certificate rule and no HTTP here: the
context brings the rules, the caller the bytes. RFC 8446, RFC 5246.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from typing import TypeVar

CHUNK = 16 * 1024
"""Octets read at a time: one TLS record's worth, so that a fast peer cannot fill memory."""
MAX_RECEIVED = 512 * 1024
"""Octets taken from the server of a policy in all, handshake included. Bounds TLS that says nothing: tickets, padding,
and key updates, of which 10,000 cost a sixth of a second."""

_NO_LINGER = struct.pack("ii", 1, 0)

T = TypeVar("T")


class TooMuchError(OSError):
    """The peer sent more than it may."""


class TlsChannel:
    """A TLS stream that owns its socket.

    What goes wrong raises as `ssl` and the socket raise it: `ssl.SSLError` (of which `ssl.SSLCertVerificationError`
    is one) or OSError; a connection that ends without `close_notify` is a ConnectionError, and a server that sends
    without end a TooMuchError. Time is the caller's.
    """

    def __init__(
        self, sock: socket.socket, context: ssl.SSLContext, *, server_name: str | None = None, received: bytes = b""
    ) -> None:
        """A client that asks for `server_name` (SNI); without one a server. `received` was read from `sock` already."""
        self._socket = sock
        self._room = MAX_RECEIVED if server_name is not None else None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._incoming.write(received)
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_name is None, server_hostname=server_name
        )

    async def handshake(self) -> None:
        await self._run(self._tls.do_handshake)

    async def read(self) -> bytes:
        """Some octets; b"" after the peer's `close_notify`."""
        try:
            return await self._run(lambda: self._tls.read(CHUNK))
        except ssl.SSLZeroReturnError:
            return b""

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = await self._run(lambda part=view: self._tls.write(part))  # type: ignore[misc]
            view = view[written:]

    def close(self) -> None:
        """Say goodbye if that can be done at once, and close the socket."""
        with contextlib.suppress(ssl.SSLError, ValueError):
            self._tls.unwrap()
        with contextlib.suppress(OSError):
            self._socket.send(self._outgoing.read())
        self._socket.close()

    def abort(self) -> None:
        """Close the socket without a word, with what the peer sees as a reset."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._socket.close()

    async def _run(self, operation: Callable[[], T]) -> T:
        while True:
            try:
                result = operation()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
            else:
                await self._flush()
                return result

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await asyncio.get_running_loop().sock_sendall(self._socket, self._outgoing.read())

    async def _fill(self) -> None:
        data = await asyncio.get_running_loop().sock_recv(self._socket, CHUNK)
        if not data:
            raise ConnectionResetError("closed without close_notify")
        if self._room is not None:
            self._room -= len(data)
            if self._room < 0:
                raise TooMuchError(f"more than {MAX_RECEIVED} octets")
        self._incoming.write(data)
