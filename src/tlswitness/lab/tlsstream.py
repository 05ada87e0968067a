"""The server's side of TLS over an open connection, as real servers do it: an alert goes out before the close.

Separate because asyncio's own `start_tls` closes without a word when a handshake fails, and the lab's clients are to
meet the alert.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import TypeVar

CHUNK = 16 * 1024
MAX_LINE = 64 * 1024
"""Octets of a line: a client that never ends one must not fill the memory."""

T = TypeVar("T")


class TlsStream:
    """TLS in the server's role on top of a reader and a writer."""

    def __init__(self, context: ssl.SSLContext, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._reader = reader
        self._writer = writer
        self._plain = bytearray()
        self.sent = 0
        """Records of data so far."""

    @property
    def protocol(self) -> str:
        """`TLSv1.3` and so on."""
        return self._tls.version() or ""

    @property
    def cipher(self) -> str:
        """OpenSSL's name of the cipher suite."""
        cipher = self._tls.cipher()
        return cipher[0] if cipher else ""

    async def handshake(self) -> None:
        """Raises ssl.SSLError, after the alert is sent, or EOFError."""
        await self._until_done(self._tls.do_handshake)

    async def readline(self) -> bytes:
        """A line with its end; b"" at the end of the stream. Raises ValueError on one of more than MAX_LINE octets."""
        while b"\n" not in self._plain:
            if len(self._plain) > MAX_LINE:
                raise ValueError("the line is too long")
            try:
                piece = await self._until_done(lambda: self._tls.read(CHUNK))
            except (ssl.SSLZeroReturnError, EOFError):
                piece = b""
            if not piece:
                return b""
            self._plain += piece
        end = self._plain.index(b"\n") + 1
        line = bytes(self._plain[:end])
        del self._plain[:end]
        return line

    async def write(self, data: bytes) -> None:
        """Raises OSError or EOFError when the client has gone."""
        self.sent += -(-len(data) // CHUNK)
        await self._until_done(lambda: self._tls.write(data))

    async def close(self) -> None:
        """Say that nothing more will come (`close_notify`), without waiting for the same from the other side."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        await self._flush()

    async def _until_done(self, step: Callable[[], T]) -> T:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                await self._flush()
                received = await self._reader.read(CHUNK)
                if not received:
                    raise EOFError("the client closed the connection") from None
                self._incoming.write(received)
            finally:
                await self._flush()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            self._writer.write(self._outgoing.read())
            await self._writer.drain()
