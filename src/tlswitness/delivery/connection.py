"""One TCP connection to one MX address: performs conversations on it, starts TLS, keeps every wait and every buffer
bounded.

    opened = await Connection.open(dialer, address, port, contexts=contexts)     -> Connection | ConnectFailed
    await opened.run(greet("our.name"))                                          -> Greeted | Refused | Lost
    await opened.run(starttls(greeted.capabilities, plan.sni, Strength.WIDE))    -> TlsUp | TlsFailed
    await opened.run(hello_after_tls("our.name"))                                -> Greeted | TlsFailed | Refused | Lost
    opened.begin(transact_each(greeted.capabilities, next_job), ended)           -> ended(None | Parted | ...)
    await opened.quit()                                                          -> None | Failure
    opened.abort()

Separate because it is the only part of delivery that knows sockets and time. The end of a connection is always `quit`
or `abort`; `run` aborts by itself when it is cancelled, for nobody knows then what the server still waits for. What a
peer does comes back as a value of the conversation; an exception is our own fault. RFC 5321 section 4.5.3.2. Not
here: the choice of address and what is demanded (plan, attempt), reuse (pool).
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Generic, Literal, TypeVar

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.delivery.smtp.conversation import hang_up
from tlswitness.delivery.smtp.reply import ProtocolError
from tlswitness.delivery.smtp.talk import (
    DEFAULT_TIMEOUTS,
    Command,
    Event,
    Gone,
    Overtaken,
    PeerClosed,
    ReadReply,
    Talk,
    TimedOut,
    Timeouts,
    UpgradeToTls,
    Write,
)
from tlswitness.delivery.tls import TlsContexts
from tlswitness.delivery.wire import Wire
from tlswitness.net import Dialer, canonical_ip

T = TypeVar("T")


class _Wait(Enum):
    WAIT = "the answer has not come yet"


_WAIT: Literal[_Wait.WAIT] = _Wait.WAIT

BLOCK = 64 * 1024
"""Octets that are encrypted and handed to the transport at a time."""

_LOCAL_ERRORS = frozenset(
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EADDRNOTAVAIL,
        errno.EACCES,
        errno.EPERM,
        errno.EINVAL,
    }
)


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    """There is no connection. Nothing to report: TLS was not tried."""

    reason: str
    """In words, such as `Connection refused`."""
    local: bool = False
    """The fault is on our side (no descriptors left, no such source address): another MX would not help."""


class Connection:
    """An open connection. One conversation at a time."""

    __slots__ = ("_contexts", "_timeouts", "_wire", "local_ip", "peer_ip")

    def __init__(self, wire: Wire, local_ip: str, peer_ip: str, contexts: TlsContexts, timeouts: Timeouts) -> None:
        self._wire = wire
        self._contexts = contexts
        self._timeouts = timeouts
        self.local_ip = local_ip
        """Canonical text: `sending-mta-ip`."""
        self.peer_ip = peer_ip
        """Canonical text: `receiving-ip`."""

    @classmethod
    async def open(
        cls,
        dialer: Dialer,
        address: str,
        port: int,
        *,
        contexts: TlsContexts,
        source: str | None = None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> Connection | ConnectFailed:
        """Connect to `address` (an IP address as text) from the local address `source`, if given."""
        try:
            async with asyncio.timeout(timeouts.connect):
                sock = await dialer.dial(address, port, source=source)
        except TimeoutError:
            return ConnectFailed("connection timed out")
        except OSError as error:
            words = os.strerror(error.errno) if error.errno else "cannot connect"
            return ConnectFailed(words, local=error.errno in _LOCAL_ERRORS)
        return await cls._over(sock, address, contexts, timeouts)

    @classmethod
    async def _over(
        cls, sock: socket.socket, address: str, contexts: TlsContexts, timeouts: Timeouts
    ) -> Connection | ConnectFailed:
        try:
            local, peer = canonical_ip(sock.getsockname()[0]), canonical_ip(address)
            _, wire = await asyncio.get_running_loop().create_connection(Wire, sock=sock)
        except OSError as error:
            sock.close()
            return ConnectFailed(os.strerror(error.errno) if error.errno else "cannot connect")
        except BaseException:
            sock.close()
            raise
        return cls(wire, local, peer, contexts, timeouts)

    def when_closed(self, tell: Callable[[], None]) -> None:
        """Call `tell` once, when the socket is closed and its descriptor free."""
        self._wire.when_closed(tell)

    @property
    def alive(self) -> bool:
        """Whether a conversation can be had, for all that is known without asking."""
        return self._wire.end is None and not self._wire.unsolicited

    async def run(self, talk: Talk[T]) -> T:
        """Perform a conversation to its end."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.begin(talk, partial(_resolve, done))
        try:
            return await done
        except BaseException:
            self.abort()
            raise

    def begin(self, talk: Talk[T], ended: Callable[[T | Exception], None]) -> None:
        """Perform a conversation without waiting for it: `ended` is called with what it came to, or with the exception
        that it raised, and must not raise.
        """
        if self._wire.listener is not None:
            raise RuntimeError("a connection has one conversation at a time")
        _Performance(self._wire, talk, self._contexts, self._timeouts, ended).start()

    async def quit(self) -> Failure | None:
        """Say QUIT, wait for the reply, close. A Failure: no reply had come since the handshake, and TLS broke now."""
        try:
            unproven = self._wire.unproven
            if self._wire.end is None or unproven:
                return await self.run(hang_up(unproven, self._timeouts))
            return None
        finally:
            self._wire.close()

    def close(self) -> None:
        """Close after QUIT has been said."""
        self._wire.close()

    def abort(self) -> None:
        """Close at once: a conversation under way learns that its peer is gone. At any time, and more than once."""
        self._wire.abort()


def _resolve(done: asyncio.Future[T], result: T | Exception) -> None:
    if done.done():
        return
    if isinstance(result, Exception):
        done.set_exception(result)
    else:
        done.set_result(result)


class _Performance(Generic[T]):
    """One conversation under way: driven by the wire's news from within the event loop's callbacks, so that the next
    command leaves in the same turn of the loop in which the reply came.
    """

    __slots__ = (
        "_contexts",
        "_corked",
        "_corked_size",
        "_ended",
        "_limit",
        "_rest",
        "_running",
        "_talk",
        "_timeouts",
        "_waiting",
        "_wire",
    )

    def __init__(
        self,
        wire: Wire,
        talk: Talk[T],
        contexts: TlsContexts,
        timeouts: Timeouts,
        ended: Callable[[T | Exception], None],
    ) -> None:
        self._wire = wire
        self._talk = talk
        self._ended = ended
        self._contexts = contexts
        self._timeouts = timeouts
        self._limit = wire.now() + timeouts.conversation
        self._corked: list[bytes] = []
        self._corked_size = 0
        self._rest: memoryview | None = None
        self._waiting: Command | None = None
        self._running = False

    def start(self) -> None:
        self._wire.listener = self._news
        self._go_on(None)

    def _news(self) -> None:
        """Something happened on the wire; also called from within our own calls to it, which look for themselves."""
        if self._running or self._waiting is None:
            return
        answer = self._answer(self._waiting)
        if answer is not _WAIT:
            self._go_on(answer)

    def _go_on(self, event: Event) -> None:
        """Let the conversation speak until it has to wait, or is over."""
        self._running = True
        self._waiting = None
        try:
            while True:
                command = self._talk.send(event)
                answer = self._do(command)
                if answer is _WAIT:
                    self._waiting = command
                    break
                event = answer
        except StopIteration as stop:
            if self._corked:
                self._uncork()
            self._end(stop.value)
        except Exception as error:  # noqa: BLE001 - our own fault: told to who wants the result
            self._wire.abort()
            self._end(error)
        finally:
            self._running = False

    def _end(self, result: T | Exception) -> None:
        self._wire.listener = None
        self._ended(result)

    def _do(self, command: Command) -> Event | _Wait:
        """Carry out a command as far as it goes now."""
        wire = self._wire
        if isinstance(command, ReadReply):
            if self._corked:
                self._uncork()
            timeout = command.timeout
        elif isinstance(command, Write):
            wire.expect(command.replies)
            if self._corked_size + len(command.data) > BLOCK and self._corked:
                self._uncork()  # what was said to be written is not to wait for what comes after it
            if len(command.data) <= BLOCK:
                self._corked.append(command.data)
                self._corked_size += len(command.data)
                return wire.end
            self._rest = memoryview(command.data)
            timeout = self._timeouts.block
        else:
            if not wire.start_tls(self._contexts.of(command.strength), command.server_name):
                wire.close()
                return Failure(Cause.STARTTLS_INJECTION)
            timeout = command.timeout
        answer = self._answer(command)
        if answer is _WAIT:
            wire.wait_until(min(wire.now() + timeout, self._limit))
        return answer

    def _answer(self, command: Command) -> Event | _Wait:
        """The answer to a command that had to wait, if it has come."""
        match command:
            case ReadReply():
                return self._wire.take() or self._wire.ending() or _WAIT
            case Write():
                return self._pour()
            case UpgradeToTls():
                return self._shaken()

    def _shaken(self) -> Event | _Wait:
        result = self._wire.shaken or self._wire.ending() or _WAIT
        if isinstance(result, PeerClosed | TimedOut | ProtocolError):
            result = Failure(Cause.TLS_TIMEOUT if isinstance(result, TimedOut) else Cause.TLS_CLOSED)
        if isinstance(result, Failure):
            self._wire.close()
        return result

    def _uncork(self) -> None:
        """Write all that was held back."""
        self._wire.write(self._corked[0] if len(self._corked) == 1 else b"".join(self._corked))
        self._corked.clear()
        self._corked_size = 0

    def _pour(self) -> Gone | Overtaken | _Wait | None:
        """Write much, as the peer makes room for it."""
        wire = self._wire
        progress = False
        while self._rest and wire.end is None:
            if wire.full:
                if progress:
                    wire.wait_until(min(wire.now() + self._timeouts.block, self._limit))
                return _WAIT
            wire.write(self._rest[:BLOCK])
            self._rest = self._rest[BLOCK:]
            progress = True
        self._rest = None
        self._corked_size = 0
        return wire.ending() or (Overtaken() if wire.answered else None)
