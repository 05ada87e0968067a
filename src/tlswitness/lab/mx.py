"""The lab's MX: an SMTP server that does as it should, or errs in exactly one chosen way.

It keeps what it accepted, so that a scenario can tell "delivered" from what the client believes.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field, replace
from enum import Enum

from tlswitness.lab.tlsstream import TlsStream

MAX_LINE = 64 * 1024
MAX_MESSAGE = 64 * 1024 * 1024
HANDSHAKE_FAILURE_ALERT = bytes.fromhex("15030300020228")
PROTOCOL_VERSION_ALERT = bytes.fromhex("15030300020246")


class Starttls(Enum):
    """What the server does about STARTTLS."""

    OK = "does TLS"
    ABSENT = "does not offer it"
    REFUSED_454 = "454 4.7.0 TLS not available due to temporary reason"
    REFUSED_501 = "501 5.5.4 syntax error"
    INJECTION = "sends clear text behind its 220"
    ALERT = "answers the ClientHello with an alert"
    GARBAGE = "answers the ClientHello with clear text"
    CLOSE = "closes at the ClientHello"
    SILENT = "ignores the ClientHello"
    LATE_CLOSE = "closes right after the handshake"


class Suite(Enum):
    """Which TLS the server can do."""

    MODERN = "TLS 1.2 and 1.3"
    TLS10 = "TLS 1.0 only"
    ANONYMOUS = "anonymous suites only"
    CLIENT_CERTIFICATE = "TLS 1.3, asking for a client certificate"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One way to be an MX; the default is a good one."""

    refuses_connection: bool = False
    greeting: str = "220 {name} ESMTP lab"
    ehlo: bool = True
    helo: bool = True
    starttls: Starttls = Starttls.OK
    suite: Suite = Suite.MODERN
    extensions: tuple[str, ...] = ("PIPELINING", "SIZE 10485760", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
    mail: str = "250 2.1.0 sender ok"
    rcpt: str = "250 2.1.5 recipient ok"
    message: str = "250 2.0.0 message accepted"


OK = Behaviour()
BEHAVIOURS: dict[str, Behaviour] = {
    "ok": OK,
    "refused": replace(OK, refuses_connection=True),
    "greeting-421": replace(OK, greeting="421 4.3.2 {name} is too busy"),
    "greeting-554": replace(OK, greeting="554 5.7.1 {name} does not talk to you"),
    "ehlo-refused": replace(OK, ehlo=False, helo=False),
    "helo-only": replace(OK, ehlo=False),
    "no-starttls": replace(OK, starttls=Starttls.ABSENT),
    "starttls-454": replace(OK, starttls=Starttls.REFUSED_454),
    "starttls-501": replace(OK, starttls=Starttls.REFUSED_501),
    "starttls-injection": replace(OK, starttls=Starttls.INJECTION),
    "tls-alert": replace(OK, starttls=Starttls.ALERT),
    "tls-garbage": replace(OK, starttls=Starttls.GARBAGE),
    "tls-close": replace(OK, starttls=Starttls.CLOSE),
    "tls-silent": replace(OK, starttls=Starttls.SILENT),
    "tls-late-close": replace(OK, starttls=Starttls.LATE_CLOSE),
    "tls-late-alert": replace(OK, suite=Suite.CLIENT_CERTIFICATE),
    "tls10-only": replace(OK, suite=Suite.TLS10),
    "tls-anonymous": replace(OK, suite=Suite.ANONYMOUS),
    "mail-550": replace(OK, mail="550 5.1.8 sender is not welcome"),
    "rcpt-450": replace(OK, rcpt="450 4.2.1 mailbox is busy"),
    "data-554": replace(OK, message="554 5.6.0 message is not welcome"),
}


@dataclass(frozen=True, slots=True)
class Received:
    """A message that the MX took responsibility for."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    protocol: str
    """`TLSv1.3` and so on; "" in clear text."""


def server_context(suite: Suite) -> ssl.SSLContext:
    """A server's TLS context without a certificate: the caller loads one, unless the suite is anonymous."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    match suite:
        case Suite.MODERN:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")  # or it would not load the weak keys that it is to present
            context.minimum_version = ssl.TLSVersion.TLSv1_2
        case Suite.CLIENT_CERTIFICATE:
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.verify_mode = ssl.CERT_REQUIRED
        case Suite.TLS10:
            context.set_ciphers("ALL:@SECLEVEL=0")
            _pin(context, ssl.TLSVersion.TLSv1)
        case Suite.ANONYMOUS:
            context.set_ciphers("aNULL:@SECLEVEL=0")
            _pin(context, ssl.TLSVersion.TLSv1_2)
    return context


def _pin(context: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what this peer is for
        context.minimum_version = version
        context.maximum_version = version


@dataclass
class MxServer:
    """One MX host on one address. `port` is known after `start`."""

    name: str
    address: str
    context: ssl.SSLContext
    behaviour: Behaviour = OK
    port: int = 0
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    _server: asyncio.Server | None = field(default=None, repr=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, repr=False)

    async def start(self) -> None:
        """Listen, unless the behaviour is to refuse connections: then a port is kept on which nobody listens."""
        server = await asyncio.start_server(self._serve, self.address, self.port, limit=MAX_LINE)
        self.port = server.sockets[0].getsockname()[1]
        if self.behaviour.refuses_connection:
            server.close()
            await server.wait_closed()
        else:
            self._server = server

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        session = _Session(self, reader, writer)
        try:
            await session.run()
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError):
            pass  # the client went away, or could not agree on TLS: the other side tells that story
        except asyncio.CancelledError:
            pass  # the lab is closing
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await asyncio.shield(_closed(writer))


async def _closed(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
        await asyncio.wait_for(writer.wait_closed(), 1)


class _Quit(Exception):  # noqa: N818  it ends a session and is no error
    """The session is over."""


class _Session:
    """One connection."""

    def __init__(self, mx: MxServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.mx = mx
        self.reader = reader
        self.writer = writer
        self.tls: TlsStream | None = None
        self.sender: str | None = None
        self.recipients: list[str] = []

    @property
    def protocol(self) -> str:
        return self.tls.protocol if self.tls else ""

    async def run(self) -> None:
        greeting = self.mx.behaviour.greeting.format(name=self.mx.name)
        await self.say(greeting)
        if not greeting.startswith("2"):
            return
        with contextlib.suppress(_Quit):
            while line := await self.readline():
                await self.obey(line.decode("utf-8", "replace").rstrip("\r\n"))

    async def say(self, *lines: str) -> None:
        data = "".join(f"{line}\r\n" for line in lines).encode()
        if self.tls is not None:
            await self.tls.write(data)
            return
        self.writer.write(data)
        await self.writer.drain()

    async def readline(self) -> bytes:
        return await (self.tls or self.reader).readline()

    async def obey(self, line: str) -> None:
        verb, _, argument = line.partition(" ")
        match verb.upper():
            case "EHLO" | "HELO" as hello:
                await self.hello(extended=hello == "EHLO")
            case "STARTTLS":
                await self.starttls()
            case "MAIL":
                await self.mail(_path(argument))
            case "RCPT":
                await self.rcpt(_path(argument))
            case "DATA":
                await self.data()
            case "RSET" | "NOOP":
                await self.say("250 2.0.0 ok")
            case "QUIT":
                await self.say("221 2.0.0 bye")
                raise _Quit
            case _:
                await self.say("500 5.5.2 unknown command")

    async def mail(self, sender: str) -> None:
        reply = self.mx.behaviour.mail
        self.sender = sender if reply.startswith("2") else None
        self.recipients = []
        await self.say(reply)

    async def rcpt(self, recipient: str) -> None:
        if self.sender is None:
            await self.say("503 5.5.1 MAIL first")
            return
        reply = self.mx.behaviour.rcpt
        if reply.startswith("2"):
            self.recipients.append(recipient)
        await self.say(reply)

    async def hello(self, *, extended: bool) -> None:
        behaviour = self.mx.behaviour
        if not (behaviour.ehlo if extended else behaviour.helo):
            await self.say("550 5.7.1 go away" if not behaviour.helo else "502 5.5.1 not implemented")
            return
        lines = [self.mx.name]
        if extended:
            lines += behaviour.extensions
            if behaviour.starttls is not Starttls.ABSENT and not self.protocol:
                lines.append("STARTTLS")
        await self.say(*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}")

    async def starttls(self) -> None:
        how = self.mx.behaviour.starttls
        match how:
            case Starttls.ABSENT:
                await self.say("502 5.5.1 not implemented")
            case Starttls.REFUSED_454 | Starttls.REFUSED_501:
                await self.say(how.value)
            case Starttls.INJECTION:
                await self.say("220 2.0.0 go ahead", "250 2.0.0 injected")
                await self.reader.read()
            case Starttls.OK | Starttls.LATE_CLOSE:
                await self.say("220 2.0.0 go ahead")
                await self.upgrade()
                if how is Starttls.LATE_CLOSE:
                    self.writer.transport.abort()
                    raise _Quit
            case _:
                await self.say("220 2.0.0 go ahead")
                await self.reader.read(1)
                await self.spoil(how)

    async def spoil(self, how: Starttls) -> None:
        """Answer a ClientHello as no TLS server would."""
        match how:
            case Starttls.ALERT:
                self.writer.write(HANDSHAKE_FAILURE_ALERT)
            case Starttls.GARBAGE:
                self.writer.write(b"500 5.5.2 what do you mean\r\n")
            case Starttls.SILENT:
                await self.reader.read()
            case _:
                pass
        await self.writer.drain()
        raise _Quit

    async def upgrade(self) -> None:
        tls = TlsStream(self.mx.context, self.reader, self.writer)
        await tls.handshake()
        self.tls = tls
        self.sender, self.recipients = None, []

    async def data(self) -> None:
        if self.sender is None or not self.recipients:
            await self.say("503 5.5.1 no valid recipients")
            return
        await self.say("354 end with a dot")
        body = bytearray()
        while (line := await self.readline()) not in (b".\r\n", b""):
            body += line[1:] if line.startswith(b".") else line
            if len(body) > MAX_MESSAGE:
                await self.say("552 5.3.4 too large")
                raise _Quit
        if not line:
            raise _Quit
        if self.mx.behaviour.message.startswith("2"):
            self.mx.received.append(Received(self.sender, tuple(self.recipients), bytes(body), self.protocol))
        self.sender, self.recipients = None, []
        await self.say(self.mx.behaviour.message)


def _path(argument: str) -> str:
    """The address between angle brackets of `FROM:<...>` or `TO:<...>`."""
    return argument.partition("<")[2].rpartition(">")[0]
