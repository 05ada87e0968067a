"""One SMTP session of the lab's MX: as it should be, or wrong in exactly one chosen way (RFC 5321, 3207, 8689).

Separate from the server that listens, so that all there is to SMTP stands in one place. The commands that a client of
ours sends are known, and no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tlswitness.lab.malice import (
    AFTER_HANDSHAKE,
    DRIP,
    HEARD,
    IN_FLIGHT,
    MAX_FLOOD,
    UNASKED,
    At,
    Malice,
    dripped,
    flood,
    once,
    records,
)
from tlswitness.lab.tlsrecords import Sealer
from tlswitness.lab.tlsstream import TlsStream

MAX_MESSAGE = 64 * 1024 * 1024
"""Octets: a client that never ends its message must not fill the memory."""
HANDSHAKE_FAILURE = bytes.fromhex("15030300020228")
"""A fatal TLS alert (RFC 8446 section 6)."""
SSL3_SERVER_HELLO = bytes.fromhex("160300002a020000260300") + bytes(32) + bytes.fromhex("00002f00")
"""Version 3.0, no session, TLS_RSA_WITH_AES_128_CBC_SHA (RFC 6101 section 5.6.1.3)."""


class Starttls(Enum):
    """What the server does about STARTTLS."""

    OK = "does TLS"
    ABSENT = "does not offer it"
    REFUSED_454 = "454 4.7.0 TLS not available due to temporary reason"
    REFUSED_501 = "501 5.5.4 syntax error"
    INJECTION = "sends clear text behind its 220"
    LATE_INJECTION = "sends clear text behind its 220, in a segment of its own"
    ALERT = "answers the ClientHello with an alert"
    SSL3 = "answers the ClientHello in SSL 3.0"
    GARBAGE = "answers the ClientHello with clear text"
    CLOSE = "closes at the ClientHello"
    RESET = "resets the connection at the ClientHello"
    SILENT = "ignores the ClientHello"
    LATE_CLOSE = "closes right after the handshake"


class Suite(Enum):
    """Which TLS the server can do."""

    MODERN = "TLS 1.2 and 1.3"
    TLS10 = "TLS 1.0 only"
    ANONYMOUS = "anonymous suites only"
    CLIENT_CERTIFICATE = "TLS 1.3, asking for a client certificate"


class RequireTls(Enum):
    """Where the server offers REQUIRETLS (RFC 8689 section 2)."""

    NEVER = "nowhere"
    BEFORE = "before TLS only"
    WITHIN = "within TLS"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One way to be an MX; the default is a good one."""

    refuses_connection: bool = False
    greeting: str = "220 {name} ESMTP lab"
    """Empty: the server says nothing, ever."""
    ehlo: bool = True
    helo: bool = True
    starttls: Starttls = Starttls.OK
    suite: Suite = Suite.MODERN
    require_tls: RequireTls = RequireTls.NEVER
    insists: bool = False
    """Takes no mail in clear text (RFC 3207 section 4)."""
    extensions: tuple[str, ...] = ("PIPELINING", "SIZE 10485760", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
    mail: str = "250 2.1.0 sender ok"
    rcpt: str = "250 2.1.5 recipient ok"
    message: str = "250 2.0.0 message accepted"
    data_anyway: bool = False
    """DATA is welcome even where nobody is to have the message."""
    malice: Malice = Malice.NONE
    at: At = At.GREETING
    """Where the malice shows."""


OK = Behaviour()


@dataclass(frozen=True, slots=True)
class Received:
    """A message that the MX took responsibility for."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    protocol: str
    """`TLSv1.3` and so on; "" in clear text."""
    parameters: tuple[str, ...] = ()
    """Those of MAIL, such as `SIZE=100`."""


class _Over(Exception):  # noqa: N818  it ends a session and is no error
    """The session is over."""


class MxSession:
    """One connection to the MX `name`; `take` is given each message that is accepted."""

    def __init__(
        self,
        name: str,
        behaviour: Behaviour,
        context: ssl.SSLContext,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        take: Callable[[Received], None],
    ) -> None:
        self._name = name
        self._behaviour = behaviour
        self._context = context
        self._reader = reader
        self._writer = writer
        self._take = take
        self._tls: TlsStream | None = None
        self._sender: str | None = None
        self._parameters: tuple[str, ...] = ()
        self._recipients: list[str] = []
        self._unasked = b""
        """To be said behind the next reply."""

    async def run(self) -> None:
        """Until one side ends it. Raises OSError, ssl.SSLError, EOFError or ValueError where the client is at fault."""
        if not self._behaviour.greeting:
            await self._reader.read()
            return
        with contextlib.suppress(_Over):
            await self._harm(At.GREETING)
            greeting = self._behaviour.greeting.format(name=self._name)
            await self._say(greeting)
            if not greeting.startswith("2"):
                return
            while line := await self._readline():
                await self._obey(line.decode("utf-8", "replace").rstrip("\r\n"))

    async def _say(self, *lines: str) -> None:
        data = "".join(f"{line}\r\n" for line in lines).encode() + self._unasked
        self._unasked = b""
        await self._send(data)

    async def _send(self, data: bytes) -> None:
        if self._tls is not None:
            await self._tls.write(data)
            return
        self._writer.write(data)
        await self._writer.drain()

    async def _readline(self) -> bytes:
        return await (self._tls or self._reader).readline()

    async def _obey(self, line: str) -> None:
        verb, _, argument = line.partition(" ")
        await self._harm(self._point(verb.upper()))
        match verb.upper():
            case "EHLO" | "HELO" as hello:
                await self._hello(extended=hello == "EHLO")
            case "STARTTLS":
                await self._starttls()
            case "MAIL":
                await self._mail(_path(argument), tuple(argument.rpartition(">")[2].split()))
            case "RCPT":
                await self._rcpt(_path(argument))
            case "DATA":
                await self._data()
            case "RSET":
                self._sender, self._recipients = None, []
                await self._say("250 2.0.0 ok")
            case "NOOP":
                await self._say("250 2.0.0 ok")
            case "QUIT":
                await self._say("221 2.0.0 bye")
                raise _Over
            case _:
                await self._say("500 5.5.2 unknown command")

    def _point(self, verb: str) -> At | None:
        if verb in ("EHLO", "HELO"):
            return At.EHLO if self._tls is None else At.TLS_EHLO
        return At(verb.lower()) if verb in ("STARTTLS", "MAIL", "RCPT", "DATA", "RSET", "QUIT") else None

    async def _harm(self, at: At | None) -> None:
        """Do what is to be done at this point, if it is the point for it; the session is over then, mostly."""
        malice = self._behaviour.malice
        if malice is Malice.NONE or at is not self._behaviour.at:
            return
        if malice is Malice.UNASKED:
            self._unasked = UNASKED
            return
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, IN_FLIGHT)
        if malice is Malice.RESET:
            await asyncio.sleep(HEARD)  # a reset takes with it what is still on its way
            await self._reset()
        elif (words := once(malice)) is not None:
            await self._send(words)
        elif malice is Malice.DRIP:
            await self._drip(dripped(at))
        elif malice in AFTER_HANDSHAKE:
            await self._seal(malice)
        else:
            sent = 0
            for piece in flood(malice, at):
                await self._send(piece)
                sent += len(piece)
                if sent > MAX_FLOOD:
                    break
        raise _Over

    async def _drip(self, octets: bytes) -> None:
        while True:
            for octet in octets:
                await self._send(bytes((octet,)))
                await asyncio.sleep(DRIP)

    async def _seal(self, malice: Malice) -> None:
        assert self._tls is not None, "this malice comes within TLS"
        sent = 0
        sealer = Sealer.of(Path(self._context.keylog_filename), self._tls.cipher, self._tls.sent)
        for piece in records(malice, sealer):
            self._writer.write(piece)
            await self._writer.drain()
            sent += len(piece)
            if sent > MAX_FLOOD:
                break

    async def _hello(self, *, extended: bool) -> None:
        behaviour = self._behaviour
        if not (behaviour.ehlo if extended else behaviour.helo):
            await self._say("502 5.5.1 not implemented" if behaviour.helo else "550 5.7.1 go away")
            return
        lines = [self._name]
        if extended:
            lines += behaviour.extensions
            if self._passes_on:
                lines.append("REQUIRETLS")
            if behaviour.starttls is not Starttls.ABSENT and self._tls is None:
                lines.append("STARTTLS")
        await self._say(*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}")

    @property
    def _passes_on(self) -> bool:
        """REQUIRETLS is on offer now."""
        return self._behaviour.require_tls is (RequireTls.WITHIN if self._tls else RequireTls.BEFORE)

    async def _starttls(self) -> None:
        how = self._behaviour.starttls
        match how:
            case _ if self._tls is not None:
                await self._say("503 5.5.1 TLS is up")
            case Starttls.ABSENT:
                await self._say("502 5.5.1 not implemented")
            case Starttls.REFUSED_454 | Starttls.REFUSED_501:
                await self._say(how.value)
            case Starttls.INJECTION:
                await self._say("220 2.0.0 go ahead", "250 2.0.0 injected")
                await self._reader.read()
            case Starttls.LATE_INJECTION:
                await self._say("220 2.0.0 go ahead")
                await self._reader.read(1)  # the ClientHello is on its way: the 220 was read alone
                await self._say("250 2.0.0 injected")
                await self._reader.read()
            case Starttls.OK | Starttls.LATE_CLOSE:
                await self._say("220 2.0.0 go ahead")
                if self._behaviour.at is At.HANDSHAKE and self._behaviour.malice is not Malice.NONE:
                    await self._reader.read(1)
                    await self._harm(At.HANDSHAKE)
                await self._upgrade()
                if how is Starttls.LATE_CLOSE:
                    self._writer.transport.abort()
                    raise _Over
            case _:
                await self._say("220 2.0.0 go ahead")
                await self._reader.read(1)
                await self._spoil(how)
                raise _Over

    async def _spoil(self, how: Starttls) -> None:
        """Answer a ClientHello as no TLS server should."""
        match how:
            case Starttls.ALERT:
                self._writer.write(HANDSHAKE_FAILURE)
            case Starttls.GARBAGE:
                self._writer.write(b"500 5.5.2 what do you mean\r\n")
            case Starttls.SSL3:
                self._writer.write(SSL3_SERVER_HELLO)
                await self._reader.read()
            case Starttls.SILENT:
                await self._reader.read()
            case Starttls.RESET:
                await self._reset()
            case _:
                pass
        await self._writer.drain()

    async def _reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    async def _upgrade(self) -> None:
        tls = TlsStream(self._context, self._reader, self._writer)
        await tls.handshake()
        self._tls = tls
        self._sender, self._recipients = None, []

    async def _mail(self, sender: str, parameters: tuple[str, ...]) -> None:
        reply = self._behaviour.mail
        if self._behaviour.insists and self._tls is None:
            reply = "530 5.7.0 must issue a STARTTLS command first"
        elif "REQUIRETLS" in parameters and not self._passes_on:
            reply = "555 5.5.4 unknown parameter"
        self._parameters = parameters
        self._sender = sender if reply.startswith("2") else None
        self._recipients = []
        await self._say(reply)

    async def _rcpt(self, recipient: str) -> None:
        if self._sender is None:
            await self._say("503 5.5.1 MAIL first")
            return
        reply = self._behaviour.rcpt
        if reply.startswith("2"):
            self._recipients.append(recipient)
        await self._say(reply)

    async def _data(self) -> None:
        if (self._sender is None or not self._recipients) and not self._behaviour.data_anyway:
            await self._say("503 5.5.1 no valid recipients")
            return
        await self._say("354 end with a dot")
        body = bytearray()
        while (line := await self._readline()) != b".\r\n":
            if not line:
                raise _Over
            body += line.removeprefix(b".")
            if len(body) > MAX_MESSAGE:
                await self._say("552 5.3.4 too large")
                raise _Over
        await self._harm(At.DOT)
        if self._behaviour.message.startswith("2") and self._sender is not None and self._recipients:
            protocol = self._tls.protocol if self._tls else ""
            self._take(Received(self._sender, tuple(self._recipients), bytes(body), protocol, self._parameters))
        self._sender, self._recipients = None, []
        await self._say(self._behaviour.message)


def _path(argument: str) -> str:
    """The address between angle brackets of `FROM:<...>` or `TO:<...>`."""
    return argument.partition("<")[2].rpartition(">")[0]
