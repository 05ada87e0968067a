"""A session around its messages: greeting, EHLO, STARTTLS, EHLO again, RSET, QUIT. No I/O.

    greet(name)                            -> Greeted | Refused | Lost
    starttls(capabilities, name, strength) -> TlsUp | TlsFailed
    hello_after_tls(name)                  -> Greeted | TlsFailed | Refused | Lost
    reset()                                -> None | Refused | Lost
    hang_up(unproven)                      -> None | Failure

Separate from `transaction` because data points are made from what happens here, and mail's fate from what happens
there. `delivery.connection.Connection.run` performs them. RFC 5321 sections 3.1, 3.2, 4.1.1; RFC 3207; RFC 8460
section 4.4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.delivery.smtp.capabilities import NO_CAPABILITIES, Capabilities, parse_capabilities
from tlswitness.delivery.smtp.reply import ProtocolError, Reply
from tlswitness.delivery.smtp.talk import (
    DEFAULT_TIMEOUTS,
    Gone,
    Lost,
    PeerClosed,
    Refused,
    Stage,
    Strength,
    Talk,
    TimedOut,
    Timeouts,
    UpgradeToTls,
    ask,
    read,
)
from tlswitness.delivery.verdict.chain import Chain
from tlswitness.names import HostName

MAX_HELO = 255
"""Octets of the name that a server calls itself by: it goes into data points, and the peer chooses it."""
READY = 220
"""The reply that starts a session, and a handshake."""

_HELO = re.compile(r"[A-Za-z0-9._:\[\]-]+", re.ASCII)
_NAME = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Greeted:
    """The session is open."""

    capabilities: Capabilities
    helo: str | None
    """What the server calls itself in its greeting or else in its reply to EHLO: `receiving-mx-helo`."""


@dataclass(frozen=True, slots=True)
class TlsUp:
    """The handshake is done and nothing is judged yet. TLS is proven by the first complete reply within it only."""

    chain: Chain


@dataclass(frozen=True, slots=True)
class TlsFailed:
    """TLS did not come up, or broke before the first reply within it."""

    failure: Failure
    clear_usable: bool = False
    """The session stands as before STARTTLS and could go on in clear text; else the connection must be closed."""


def greet(name: str, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> Talk[Greeted | Refused | Lost]:
    """The greeting, then EHLO, or HELO where the server does not know EHLO. `name` is what we call ourselves."""
    greeting = yield from read(timeouts.greeting)
    if not isinstance(greeting, Reply):
        return Lost(Stage.GREETING, greeting)
    if not greeting.positive:
        return Refused(Stage.GREETING, greeting)
    first = yield from ask(_hello("EHLO", name), timeouts.hello)
    return (yield from _hello_rest(first, name, timeouts, greeting=greeting, within_tls=False))


def starttls(
    capabilities: Capabilities, server_name: HostName, strength: Strength, timeouts: Timeouts = DEFAULT_TIMEOUTS
) -> Talk[TlsUp | TlsFailed]:
    """STARTTLS and the handshake (RFC 3207 section 4). Only the codes of a refusal are kept, never its text."""
    if not capabilities.starttls:
        return TlsFailed(Failure(Cause.STARTTLS_NOT_OFFERED), clear_usable=True)
    reply = yield from ask(b"STARTTLS\r\n", timeouts.starttls)
    if not isinstance(reply, Reply):
        return TlsFailed(Failure(Cause.STARTTLS_NO_REPLY, _code_of(reply)))
    if reply.code != READY:
        usable = reply.code >= 400 and not reply.closing
        return TlsFailed(Failure(Cause.STARTTLS_REFUSED, reply.codes), clear_usable=usable)
    event = yield UpgradeToTls(server_name, strength, timeouts.handshake)
    assert isinstance(event, Chain | Failure)
    return TlsUp(event) if isinstance(event, Chain) else TlsFailed(event)


def hello_after_tls(name: str, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> Talk[Greeted | TlsFailed | Refused | Lost]:
    """EHLO within TLS; what was learnt before is not used (RFC 3207 section 4.2).

    In TLS 1.3 a server may find fault with the handshake after we think it done: until its first complete reply has
    come, an alert, a close or silence is a failure of TLS.
    """
    first = yield from ask(_hello("EHLO", name), timeouts.hello)
    failure = _failure_of_tls(first)
    if failure is not None:
        return TlsFailed(failure)
    return (yield from _hello_rest(first, name, timeouts, greeting=None, within_tls=True))


def reset(timeouts: Timeouts = DEFAULT_TIMEOUTS) -> Talk[Refused | Lost | None]:
    """RSET, which is also how an idle session is asked whether it still lives. None: it does."""
    reply = yield from ask(b"RSET\r\n", timeouts.quit)
    match reply:
        case Reply(positive=True):
            return None
        case Reply():
            return Refused(Stage.RESET, reply)
        case gone:
            return Lost(Stage.RESET, gone)


def hang_up(unproven: bool, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> Talk[Failure | None]:
    """QUIT. With `unproven`, no reply has come since the handshake (the verdict was bad, RFC 3207 section 4.1): the
    Failure tells that TLS broke, too.
    """
    reply = yield from ask(b"QUIT\r\n", timeouts.quit)
    return _failure_of_tls(reply) if unproven else None


def _hello_rest(
    first: Reply | Gone, name: str, timeouts: Timeouts, *, greeting: Reply | None, within_tls: bool
) -> Talk[Greeted | Refused | Lost]:
    """RFC 5321 section 3.2: a server that refuses EHLO for good may still know HELO."""
    reply = first
    extended = True
    if isinstance(reply, Reply) and reply.permanent:
        extended = False
        reply = yield from ask(_hello("HELO", name), timeouts.hello)
    if not isinstance(reply, Reply):
        return Lost(Stage.HELLO, reply)
    if not reply.positive:
        return Refused(Stage.HELLO, reply)
    known = parse_capabilities(reply.lines[1:], within_tls=within_tls) if extended else NO_CAPABILITIES
    return Greeted(known, _helo(greeting, reply))


def _hello(verb: str, name: str) -> bytes:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be our name in EHLO: 1 to 255 printable ASCII characters without spaces")
    return f"{verb} {name}\r\n".encode("ascii")


def _helo(*replies: Reply | None) -> str | None:
    """The first word that looks like a name; one with a dot or a bracket is preferred to `ESMTP` and its like."""
    words = [reply.lines[0].split(None, 1)[0] for reply in replies if reply is not None and reply.lines[0].strip()]
    names = [word for word in words if len(word) <= MAX_HELO and _HELO.fullmatch(word)]
    return next((name for name in names if "." in name or name.startswith("[")), names[0] if names else None)


def _failure_of_tls(first: Reply | Gone) -> Failure | None:
    """What the first answer after the handshake says about TLS; a text that is no reply came through TLS all the
    same.
    """
    if isinstance(first, Reply | ProtocolError):
        return None
    return Failure(Cause.TLS_AFTER_HANDSHAKE, _code_of(first))


def _code_of(gone: Gone) -> str:
    match gone:
        case PeerClosed(tls=tls):
            return tls or "connection closed"
        case TimedOut():
            return "timeout"
        case ProtocolError():
            return "unreadable reply"
