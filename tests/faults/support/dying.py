"""An MX that dies at one exact moment of a session, in one exact way, and knows what it has taken.

It takes a message when it has read the dot, as a server does that syncs its queue before it answers: from then on it
has the message, whether or not the 250 gets out.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from tlswitness.lab.tlsstream import TlsStream

SUBJECT = re.compile(rb"^Subject: (\S+)\r$", re.MULTILINE)


class Way(Enum):
    """How a server goes."""

    RESET = "RST"
    CLOSE = "FIN"
    NOTIFY = "close_notify and FIN"
    CLOSING = "421"
    SILENT = "silence"


SESSION = tuple(f"{step} {moment}" for step in ("greeting", "EHLO", "STARTTLS") for moment in ("due", "half", "said"))
WITHIN_TLS = tuple(f"EHLO again {moment}" for moment in ("due", "half", "said"))
MESSAGE = (
    *(f"{step} {moment}" for step in ("MAIL", "RCPT", "DATA") for moment in ("due", "half", "said")),
    *("content half", "dot due", "dot taken", "dot half", "dot said"),
)
"""The moments, in their order. A reply is due, half of it is written, it is said."""


class _DiedError(Exception):
    pass


@dataclass
class DyingServer:
    """Dies once: the connections after that are served as they should be."""

    address: str
    context: ssl.SSLContext | None
    """None: STARTTLS is not offered."""
    moment: str = ""
    """One of the above; empty for never."""
    message: int = 1
    """Of the session, where the moment is one of a message's."""
    way: Way = Way.CLOSE
    pipelining: bool = True
    chunking: bool = False
    pause: Callable[[], float] | None = None
    """Seconds to wait at each moment."""
    taken: list[bytes] = field(default_factory=list)
    """The id of each message that it has, in the order in which it took them."""
    asked: set[str] = field(default_factory=set)
    """The recipients of the messages whose content it has asked for."""
    died: bool = False
    port: int = 0
    _server: asyncio.Server | None = None
    _sessions: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.address, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # In a task of its own: Python 3.11 logs an error for a handler that is cancelled.
        session = asyncio.create_task(self._session(reader, writer))
        self._sessions.add(session)
        session.add_done_callback(self._sessions.discard)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(_DiedError, OSError, EOFError, ssl.SSLError):
                await _Session(self, reader, writer).run()
        finally:
            writer.close()


class _Session:
    def __init__(self, server: DyingServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._tls: TlsStream | None = None
        self._messages = 0
        self._recipient = ""

    async def run(self) -> None:
        await self._reply("greeting", "220 mx ESMTP")
        while line := (await self._readline()).decode().strip():
            verb = line.split()[0].upper()
            match verb:
                case "EHLO":
                    await self._reply("EHLO again" if self._tls else "EHLO", *self._offers())
                case "STARTTLS":
                    await self._reply("STARTTLS", "220 2.0.0 go ahead")
                    assert self._server.context is not None
                    tls = TlsStream(self._server.context, self._reader, self._writer)
                    await tls.handshake()
                    self._tls = tls
                case "MAIL":
                    self._messages += 1
                    await self._reply("MAIL", "250 2.1.0 ok")
                case "RCPT":
                    self._recipient = line.partition("<")[2].partition(">")[0]
                    await self._reply("RCPT", "250 2.1.5 ok")
                case "DATA":
                    await self._reply("DATA", "354 go ahead")
                    await self._content(None)
                case "BDAT":
                    await self._content(int(line.split()[1]))
                case "QUIT":
                    await self._reply("QUIT", "221 2.0.0 bye")
                    return
                case _:
                    await self._reply(verb, "250 2.0.0 ok")

    def _offers(self) -> tuple[str, ...]:
        offers = ["ENHANCEDSTATUSCODES"]
        offers += ["PIPELINING"] * self._server.pipelining + ["CHUNKING"] * self._server.chunking
        offers += ["STARTTLS"] * (self._server.context is not None and self._tls is None)
        return (*(f"250-{offer}" for offer in ("mx", *offers[:-1])), f"250 {offers[-1]}")

    async def _content(self, size: int | None) -> None:
        """To the dot, or so many octets (RFC 3030 section 2): the messages here end in a line end, and have no dots."""
        content = bytearray()
        while len(content) != size:
            line = await self._readline()
            if not line:
                raise EOFError
            if size is None and line == b".\r\n":
                break
            content += line
            if line == b"\r\n":
                await self._moment("content half")
        await self._moment("dot due")
        (name,) = SUBJECT.findall(content)
        assert content.endswith(b"end of %b\r\n" % name), "half a message"
        self._server.taken.append(name)
        await self._moment("dot taken")
        await self._reply("dot", "250 2.0.0 taken", due=False)

    async def _reply(self, step: str, *lines: str, due: bool = True) -> None:
        data = "".join(f"{line}\r\n" for line in lines).encode()
        if due:
            await self._moment(f"{step} due")
        if self._is_now(f"{step} half"):
            await self._write(data[: len(data) // 2])
            await self._die()
        if step == "DATA":
            self._server.asked.add(self._recipient)
        await self._write(data)
        await self._moment(f"{step} said")

    async def _moment(self, moment: str) -> None:
        if self._server.pause is not None:
            await asyncio.sleep(self._server.pause())
        if self._is_now(moment):
            await self._die()

    def _is_now(self, moment: str) -> bool:
        server = self._server
        return not server.died and moment == server.moment and self._messages in (0, server.message)

    async def _die(self) -> None:
        self._server.died = True
        match self._server.way:
            case Way.RESET:
                linger = struct.pack("ii", 1, 0)
                self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self._writer.transport.abort()
            case Way.NOTIFY if self._tls is not None:
                await self._tls.close()
            case Way.CLOSING:
                await self._write(b"421 4.3.2 going down\r\n")
            case Way.SILENT:
                await asyncio.Event().wait()
            case _:
                pass
        raise _DiedError

    async def _write(self, data: bytes) -> None:
        if self._tls is not None:
            await self._tls.write(data)
            return
        self._writer.write(data)
        await self._writer.drain()

    async def _readline(self) -> bytes:
        return await (self._tls or self._reader).readline()
