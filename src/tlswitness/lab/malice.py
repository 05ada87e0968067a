"""What a peer that means harm says in place of a reply: floods, drips, garbage, resets.

Separate from the session, which knows what is right: harm is one kind of malice at one point of a session, and any kind
may come at any point. A flood goes on until the client has gone; a drip until the client has lost its patience.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import repeat

from tlswitness.lab.tlsrecords import Sealer

PIECE = 64 * 1024
"""Octets of a flood handed over at a time."""
MAX_FLOOD = 512 * 1024 * 1024
"""Octets of a flood that nobody stops: a client without limits is to fail, not the machine."""
IN_FLIGHT = 32 * 1024
"""Octets of a flood that wait in the kernel for the client to take them: what is made in vain costs the lab time."""
DRIP = 0.1
"""Seconds between two octets."""
HEARD = 0.05
"""Seconds in which what was said is heard."""


class At(StrEnum):
    """A point of a session: what the client has just done, or waits for."""

    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    HANDSHAKE = "handshake"
    TLS_EHLO = "tls-ehlo"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"
    RSET = "rset"
    QUIT = "quit"


class Malice(StrEnum):
    """What is done there."""

    NONE = ""
    RESET = "reset"
    SHUT = "421"
    GARBAGE = "garbage"
    DRIP = "drip"
    LINE = "endless-line"
    LINES = "endless-lines"
    UNASKED = "unasked"
    ALERT = "alert"
    KEY_UPDATES = "key-updates"
    TICKETS = "tickets"
    EMPTY_RECORDS = "empty-records"


AFTER_HANDSHAKE = frozenset({Malice.ALERT, Malice.KEY_UPDATES, Malice.TICKETS, Malice.EMPTY_RECORDS})
"""Within TLS 1.3, and not to be had of a library: the lab seals these records itself."""

CLOSING = b"421 4.3.2 closing\r\n"
UNASKED = b"250 2.0.0 nobody asked\r\n"
GARBAGE = bytes(range(128, 256)) + b"\x00\x1b[2J\xff\xfe\r\n"
"""Octets beyond ASCII that are no UTF-8, a NUL, and what a terminal obeys."""
DRIPPED = b"250-drip\r\n"
"""Over and over: a reply that never ends, an octet at a time."""
SLOW_RECORD = bytes.fromhex("1603034000") + b"\x02\x00\x3f\xfc" + bytes(0x3FFC)
"""A ServerHello of 16 KiB, dripped."""
HUGE_MESSAGE = bytes.fromhex("1603034000") + b"\x02\xff\xff\xff" + bytes(0x3FFC)
"""The beginning of a ServerHello of 16 MiB, which no server needs."""
EMPTY_HANDSHAKE = bytes.fromhex("1603030000")
"""A record of the handshake with nothing in it."""
INTERNAL_ERROR = 80
"""A TLS alert (RFC 8446 section 6.2)."""


def dripped(at: At) -> bytes:
    """What comes octet by octet, again and again."""
    return SLOW_RECORD if at is At.HANDSHAKE else DRIPPED


def once(malice: Malice) -> bytes | None:
    """What is said a single time, before the connection is closed; None where it is a flood or something else."""
    match malice:
        case Malice.SHUT:
            return CLOSING
        case Malice.GARBAGE:
            return GARBAGE
        case _:
            return None


def flood(malice: Malice, at: At) -> Iterator[bytes]:
    """Octets without end, in pieces, as they are said at this point."""
    if at is At.HANDSHAKE:
        return repeat(HUGE_MESSAGE if malice is Malice.LINE else EMPTY_HANDSHAKE * 1024)
    if malice is Malice.LINES:
        return repeat(b"250-more\r\n" * (PIECE // 10))
    return _line()


def records(malice: Malice, sealer: Sealer) -> Iterator[bytes]:
    """Sealed records of a TLS 1.3 session in which nothing is said; without end, but for the alert."""
    match malice:
        case Malice.ALERT:
            yield sealer.alert(INTERNAL_ERROR)
        case Malice.KEY_UPDATES:
            while True:
                yield b"".join(sealer.key_update() for _ in range(64))
        case Malice.TICKETS:
            while True:
                yield sealer.tickets()
        case _:
            while True:
                yield b"".join(sealer.empty() for _ in range(64))


def _line() -> Iterator[bytes]:
    yield b"250 "
    yield from repeat(b"x" * PIECE)
