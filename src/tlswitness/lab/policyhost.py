"""HTTPS servers of MTA-STS policies on a loopback address, which behave as they are told, badly above all.

Separate from the world that the lab builds of them: one object is one listening socket with any number of policy
hosts, told apart by SNI as with a hosting provider (RFC 8461 sections 7.1 and 8.2). Each has its own certificate and
behaviour, both changeable while it runs. What listens nowhere (connection refused) needs no server.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import struct
from collections import Counter, deque
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, Self

import h11

from tlswitness.lab.authority import Issued
from tlswitness.policy.sts.channel import CHUNK, TlsChannel
from tlswitness.policy.sts.exchange import PATH

MAX_HELLO = 16 * 1024
"""Octets of a ClientHello."""
MAX_REQUEST = 16 * 1024
"""Octets of a request's headers."""
KEPT_REQUESTS = 1000
"""Requests remembered in `PolicyHost.requests`."""

MAX_FLOOD = 512 * 1024 * 1024
"""Octets of a flood that nobody stops."""

PROTOCOL_VERSION = 70
UNRECOGNIZED_NAME = 112
"""TLS alerts (RFC 8446 section 6)."""


class Framing(Enum):
    """How the end of a body is told."""

    LENGTH = "content-length"
    CHUNKED = "chunked"
    CLOSE = "connection close"


@dataclass(frozen=True, slots=True)
class Serve:
    """Answer with HTTP."""

    body: bytes = b""
    status: int = 200
    media_type: str | None = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    framing: Framing = Framing.LENGTH
    piece: int = CHUNK
    """Octets of the body sent (and framed as a chunk) at a time."""
    pause: float = 0.0
    """Seconds between the pieces: a server that drips."""
    missing: int = 0
    """Octets that the framing promises and that never come."""
    rude: bool = False
    """The connection ends in a reset instead of TLS's `close_notify`."""


@dataclass(frozen=True, slots=True)
class Speak:
    """Send these octets inside TLS, whatever was asked."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Flood:
    """Say `head` inside TLS, whatever was asked, and then `piece` again and again, until the client has gone."""

    head: bytes
    piece: bytes
    pause: float = 0.0
    """Seconds between the pieces."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Complete the TLS handshake, read the request, and never answer."""


@dataclass(frozen=True, slots=True)
class Silent:
    """Take the connection and say nothing at all."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection when the ClientHello has come."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection when the ClientHello has come."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Answer the ClientHello with a fatal alert; by default that of a server without a common TLS version."""

    code: int = PROTOCOL_VERSION


@dataclass(frozen=True, slots=True)
class Plain:
    """Answer the ClientHello with octets that are not TLS."""

    octets: bytes = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"


Behaviour = Serve | Speak | Flood | Hang | Silent | Reset | Close | Alert | Plain


def policy_text(*mx: str, mode: str = "enforce", max_age: int = 604_800, version: str = "STSv1") -> bytes:
    """A policy file as hosts publish it, with CRLF."""
    lines = [f"version: {version}", f"mode: {mode}", *(f"mx: {name}" for name in mx), f"max_age: {max_age}"]
    return "".join(f"{line}\r\n" for line in lines).encode()


def redirect(status: int, location: str) -> Serve:
    """A redirect, with a body that must not be mistaken for a policy."""
    return Serve(policy_text("moved.example"), status, headers=(("Location", location),))


def gzipped(body: bytes) -> Serve:
    """A body in a coding that was not asked for; of a repetitive body, a bomb."""
    return Serve(gzip.compress(body, mtime=0), headers=(("Content-Encoding", "gzip"),))


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request as it arrived."""

    server_name: str
    """The SNI."""
    target: str
    headers: tuple[tuple[str, str], ...]
    """Names in lower case."""


@dataclass(frozen=True, slots=True)
class _Site:
    context: ssl.SSLContext
    behaviour: Behaviour


class PolicyHost:
    """One listening socket; `async with` it."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        """Port 0 takes a free one."""
        self.address = address
        self.port = port
        self.requests: deque[SeenRequest] = deque(maxlen=KEPT_REQUESTS)
        """The latest that were complete."""
        self.connections: Counter[str] = Counter()
        """By SNI, each from its ClientHello on, those that came to no request included."""
        self._sites: dict[str, _Site] = {}
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def publish(self, name: str, certificate: Issued, behaviour: Behaviour) -> None:
        """From now on serve `name`, such as `mta-sts.example.com`, with this certificate."""
        context = certificate.server_context()
        context.set_alpn_protocols(["http/1.1"])
        self._sites[name.lower()] = _Site(context, behaviour)

    def behave(self, name: str, behaviour: Behaviour) -> None:
        """From the next connection on; KeyError where `name` was not published."""
        self._sites[name.lower()] = _Site(self._sites[name.lower()].context, behaviour)

    def requested(self, name: str) -> int:
        """How many of the kept requests were for `name`."""
        return sum(request.server_name == name.lower() for request in self.requests)

    async def __aenter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self._listener = socket.create_server((self.address, self.port), family=family, backlog=128)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept(self._listener))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._tasks:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(listener)
            connection.setblocking(False)
            self._start(self._serve(connection))

    async def _serve(self, connection: socket.socket) -> None:
        try:
            hello, name = await _read_hello(connection)
            self.connections[name] += 1
            site = self._sites.get(name)
            behaviour = site.behaviour if site else Alert(UNRECOGNIZED_NAME)
            match behaviour:
                case Silent():
                    await asyncio.Event().wait()
                case Reset():
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                case Close():
                    return
                case Alert(code=code):
                    await _send_clear(connection, bytes([21, 3, 3, 0, 2, 2, code]))
                case Plain(octets=octets):
                    await _send_clear(connection, octets)
                case Serve() | Speak() | Flood() | Hang():
                    assert site is not None
                    await self._serve_tls(TlsChannel(connection, site.context, received=hello), name, behaviour)
        except OSError:
            pass  # the client went away, as those do that refuse our certificate
        finally:
            connection.close()

    async def _serve_tls(self, tls: TlsChannel, name: str, behaviour: Serve | Speak | Flood | Hang) -> None:
        rude = False
        try:
            await tls.handshake()
            request = await _read_request(tls, name)
            if request is None:
                return
            self.requests.append(request)
            match behaviour:
                case Hang():
                    await asyncio.Event().wait()
                case Speak(octets=octets):
                    await tls.write(octets)
                case Flood():
                    await _flood(tls, behaviour)
                case Serve():
                    rude = behaviour.rude
                    answer = behaviour if request.target == PATH else Serve(b"no such page\n", 404)
                    await _answer(tls, answer)
        finally:
            if rude:
                tls.abort()
            else:
                tls.close()


async def _answer(tls: TlsChannel, answer: Serve) -> None:
    await tls.write(_head(answer))
    for count, piece in enumerate(_pieces(answer)):
        if count and answer.pause:
            await asyncio.sleep(answer.pause)
        await tls.write(piece)


async def _flood(tls: TlsChannel, flood: Flood) -> None:
    await tls.write(flood.head)
    for _ in range(MAX_FLOOD // len(flood.piece)):
        await tls.write(flood.piece)
        if flood.pause:
            await asyncio.sleep(flood.pause)


def _head(answer: Serve) -> bytes:
    headers = list(answer.headers)
    if answer.media_type is not None:
        headers.append(("Content-Type", answer.media_type))
    match answer.framing:
        case Framing.LENGTH:
            headers.append(("Content-Length", str(len(answer.body) + answer.missing)))
        case Framing.CHUNKED:
            headers.append(("Transfer-Encoding", "chunked"))
        case Framing.CLOSE:
            headers.append(("Connection", "close"))
    lines = [f"HTTP/1.1 {answer.status} Told", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _pieces(answer: Serve) -> Iterator[bytes]:
    for start in range(0, len(answer.body), answer.piece):
        piece = answer.body[start : start + answer.piece]
        yield b"%x\r\n%b\r\n" % (len(piece), piece) if answer.framing is Framing.CHUNKED else piece
    if answer.framing is Framing.CHUNKED and not answer.missing:
        yield b"0\r\n\r\n"


async def _read_hello(connection: socket.socket) -> tuple[bytes, str]:
    """The octets of the ClientHello and the name that it asks for, "" where it asks for none."""
    loop = asyncio.get_running_loop()
    hello = b""
    while True:
        data = await loop.sock_recv(connection, CHUNK)
        hello += data
        name = _server_name(hello)
        if name is not None:
            return hello, name
        if not data or len(hello) > MAX_HELLO:
            return hello, ""


def _server_name(hello: bytes) -> str | None:
    """OpenSSL reads the hello for us, in a handshake that goes no further; None while the hello is incomplete."""
    names: list[str] = []

    def note(_tls: object, name: str | None, _context: object) -> int:
        names.append(name or "")
        return UNRECOGNIZED_NAME

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = note
    incoming = ssl.MemoryBIO()
    incoming.write(hello)
    try:
        context.wrap_bio(incoming, ssl.MemoryBIO(), server_side=True).do_handshake()
    except ssl.SSLWantReadError:
        return None
    except ssl.SSLError:
        pass
    return names[0].lower() if names else ""


async def _read_request(tls: TlsChannel, name: str) -> SeenRequest | None:
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_REQUEST)
    while True:
        try:
            event = http.next_event()
        except h11.RemoteProtocolError:
            return None
        if isinstance(event, h11.Request):
            headers = tuple((key.decode("latin-1"), value.decode("latin-1")) for key, value in event.headers)
            return SeenRequest(name, event.target.decode("latin-1"), headers)
        if event is not h11.NEED_DATA:
            return None
        http.receive_data(await tls.read())


async def _send_clear(connection: socket.socket, octets: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(connection, octets)
