"""The words of a conversation: what it asks of the connection, what happens to it, and how long it waits.

Separate because both sides need them and neither may know the other: a conversation is a generator that yields a
`Command` and is sent an `Event`; it has no socket and no clock, so a test plays the peer from a list.

    Write         is answered with None, with `Overtaken`, or with a `Gone` when not all of it could be written
    ReadReply     with a `Reply` or a `Gone`
    UpgradeToTls  with the `Chain` that was presented, or with a `Failure`

After a `Gone` the connection is dead and every further question is answered with it at once, but replies that arrived
before are still handed out. Times: RFC 5321 section 4.5.3.2.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar

from tlswitness.datapoint.failure import Failure
from tlswitness.delivery.smtp.reply import ProtocolError, Reply
from tlswitness.delivery.verdict.chain import Chain
from tlswitness.names import HostName


class Strength(StrEnum):
    """Which TLS is acceptable."""

    WIDE = "wide"
    """Nothing is demanded: whatever OpenSSL can do, for weak TLS beats clear text (RFC 7435)."""
    JUDGED = "judged"
    """Nothing is demanded, but a certificate is judged: as wide, without the suites that present none. A server that
    chooses by an order of its own may prefer those, and its good certificate would never be seen."""
    DEMANDED = "demanded"
    """A policy demands it: TLS 1.2 or later and sound suites."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. Each bounds the wait for one complete reply, however slowly its octets drip."""

    connect: float = 30.0
    greeting: float = 300.0
    hello: float = 300.0
    starttls: float = 300.0
    handshake: float = 120.0
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    block: float = 180.0
    """For the peer to make room for more, when it does not read as fast as we write."""
    dot: float = 600.0
    quit: float = 30.0
    """Also RSET's; RFC 5321 names none."""
    conversation: float = 3600.0
    """The whole of one conversation: bounds a peer that takes its time over every one of a thousand replies."""


DEFAULT_TIMEOUTS = Timeouts()


@dataclass(frozen=True, slots=True)
class Write:
    """Write these octets. They may be held back until the next question, so that one segment carries them all."""

    data: bytes
    replies: int = 1
    """How many replies it will cause: a reply that nothing asked for ends the session."""


@dataclass(frozen=True, slots=True)
class ReadReply:
    timeout: float


@dataclass(frozen=True, slots=True)
class UpgradeToTls:
    server_name: HostName
    """Sent as SNI."""
    strength: Strength
    timeout: float


Command = Write | ReadReply | UpgradeToTls


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The peer ended the connection or, with a reason, TLS broke."""

    tls: str = ""
    """What TLS said, in stable words such as `alert certificate required`; "" for an ordinary close or reset."""

    @property
    def words(self) -> str:
        return f"TLS broke: {self.tls}" if self.tls else "connection closed"


@dataclass(frozen=True, slots=True)
class TimedOut:
    words = "timed out"


Gone = PeerClosed | TimedOut | ProtocolError
"""Nothing more will come."""


@dataclass(frozen=True, slots=True)
class Overtaken:
    """All was written, and a reply came before the end of it: whatever it says, it is no answer to the whole."""


Event = Reply | PeerClosed | TimedOut | ProtocolError | Chain | Failure | Overtaken | None

T = TypeVar("T")

Talk = Generator[Command, Event, T]
"""A conversation that ends in a T."""


class Stage(StrEnum):
    """Where in a session something happened, in the words of a DSN."""

    GREETING = "greeting"
    HELLO = "EHLO"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    CONTENT = "end of data"
    RESET = "RSET"


@dataclass(frozen=True, slots=True)
class Refused:
    """The server said no to something that the session needs."""

    stage: Stage
    reply: Reply

    @property
    def status(self) -> str:
        return self.reply.status

    @property
    def text(self) -> str:
        return self.reply.text


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection was lost, or is of no more use: close it."""

    stage: Stage
    why: Gone

    @property
    def status(self) -> str:
        """RFC 3463: 4.4.2 bad connection, 4.5.0 other protocol status."""
        return "4.5.0" if isinstance(self.why, ProtocolError) else "4.4.2"

    @property
    def text(self) -> str:
        return f"{self.why.words} at {self.stage}"


def read(timeout: float) -> Talk[Reply | Gone]:
    """The next reply."""
    event = yield _read_reply(timeout)
    assert isinstance(event, (Reply, PeerClosed, TimedOut, ProtocolError))
    return event


def ask(line: bytes, timeout: float) -> Talk[Reply | Gone]:
    """The reply to one command."""
    yield Write(line)
    return (yield from read(timeout))


_read_reply = lru_cache(64)(ReadReply)  # one for each kind of wait: they are the commonest commands
