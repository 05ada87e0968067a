"""The lab's MX hosts: SMTP servers that do as they should, or err in exactly one chosen way.

An MX keeps what it accepted, so that a scenario can tell "delivered" from what the client believes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import tempfile
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

from tlswitness.lab.malice import AFTER_HANDSHAKE, At, Malice
from tlswitness.lab.mxsession import OK, Behaviour, MxSession, Received, RequireTls, Starttls, Suite
from tlswitness.lab.tlsstream import MAX_LINE

GOODBYE = 1.0
"""Seconds for the last octets to leave."""

BUSY = "450 4.2.1 mailbox is busy"
ONE_BY_ONE = tuple(extension for extension in OK.extensions if extension != "PIPELINING")
"""Of a server to which each command goes alone; only to such a one a client says RSET."""

BEHAVIOURS: dict[str, Behaviour] = {
    "ok": OK,
    "refused": replace(OK, refuses_connection=True),
    "greeting-421": replace(OK, greeting="421 4.3.2 {name} is too busy"),
    "greeting-554": replace(OK, greeting="554 5.7.1 {name} does not talk to you"),
    "greeting-silent": replace(OK, greeting=""),
    "ehlo-refused": replace(OK, ehlo=False, helo=False),
    "helo-only": replace(OK, ehlo=False),
    "no-starttls": replace(OK, starttls=Starttls.ABSENT),
    "starttls-454": replace(OK, starttls=Starttls.REFUSED_454),
    "starttls-501": replace(OK, starttls=Starttls.REFUSED_501),
    "starttls-injection": replace(OK, starttls=Starttls.INJECTION),
    "tls-alert": replace(OK, starttls=Starttls.ALERT),
    "tls-garbage": replace(OK, starttls=Starttls.GARBAGE),
    "tls-close": replace(OK, starttls=Starttls.CLOSE),
    "tls-reset": replace(OK, starttls=Starttls.RESET),
    "tls-silent": replace(OK, starttls=Starttls.SILENT),
    "tls-late-close": replace(OK, starttls=Starttls.LATE_CLOSE),
    "tls-late-alert": replace(OK, suite=Suite.CLIENT_CERTIFICATE),
    "ssl3-only": replace(OK, starttls=Starttls.SSL3),
    "tls10-only": replace(OK, suite=Suite.TLS10),
    "tls-anonymous": replace(OK, suite=Suite.ANONYMOUS),
    "insists-in-vain": replace(OK, starttls=Starttls.REFUSED_454, insists=True),
    "requiretls": replace(OK, require_tls=RequireTls.WITHIN),
    "requiretls-early": replace(OK, require_tls=RequireTls.BEFORE),
    "requiretls-no-starttls": replace(OK, require_tls=RequireTls.BEFORE, starttls=Starttls.ABSENT),
    "mail-550": replace(OK, mail="550 5.1.8 sender is not welcome"),
    "rcpt-450": replace(OK, rcpt=BUSY),
    "data-554": replace(OK, message="554 5.6.0 message is not welcome"),
    "starttls-injection-late": replace(OK, starttls=Starttls.LATE_INJECTION),
    "data-anyway": replace(OK, rcpt="550 5.1.1 no such mailbox", data_anyway=True),
    **{f"{malice}@{at}": replace(OK, malice=malice, at=at) for malice in Malice for at in At if malice},
    **{f"{malice}@rset": replace(OK, malice=malice, at=At.RSET, rcpt=BUSY, extensions=ONE_BY_ONE) for malice in Malice},
    **{f"unasked-one-by-one@{at}": replace(OK, malice=Malice.UNASKED, at=at, extensions=ONE_BY_ONE) for at in At},
}
"""By the tokens of the decision table."""


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what this peer is for
        context.minimum_version = version
        context.maximum_version = version


@dataclass
class MxServer:
    """One MX host on one address. With port 0 the port is known after `start`."""

    name: str
    address: str
    context: ssl.SSLContext
    behaviour: Behaviour = OK
    port: int = 0
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    _server: asyncio.Server | None = field(default=None, repr=False)
    _socket: socket.socket | None = field(default=None, repr=False)
    _key_log: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False)
    _sessions: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict, repr=False)

    async def start(self) -> None:
        """Listen; or only keep a port, where the behaviour is to refuse connections. Raises OSError if it cannot."""
        if self.behaviour.malice in AFTER_HANDSHAKE:
            self._key_log = tempfile.TemporaryDirectory(prefix="tlswitness-lab-")
            self.context.keylog_filename = str(Path(self._key_log.name, "keys"))
            self.context.num_tickets = 0  # the first record after the handshake is the lab's own
        self._socket = self._bound()
        self.port = self._socket.getsockname()[1]
        if not self.behaviour.refuses_connection:
            self._server = await asyncio.start_server(self._serve, sock=self._socket, limit=MAX_LINE)

    async def stop(self) -> None:
        """Stop listening and end every session."""
        if self._server is not None:
            self._server.close()
            # Aborted, not cancelled: Python 3.11 logs an error for a handler that is cancelled.
            for writer in self._sessions.values():
                writer.transport.abort()
            await asyncio.gather(*self._sessions, return_exceptions=True)
            await self._server.wait_closed()
        if self._socket is not None:
            self._socket.close()
        if self._key_log is not None:
            self._key_log.cleanup()

    def _bound(self) -> socket.socket:
        bound = socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET)
        try:
            # A port that only is kept is not to be had by another at the same time.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, not self.behaviour.refuses_connection)
            bound.bind((self.address, self.port))
        except OSError:
            bound.close()
            raise
        return bound

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions[task] = writer
        self.connections += 1
        session = MxSession(self.name, self.behaviour, self.context, reader, writer, self.received.append)
        try:
            await session.run()
        except (OSError, EOFError, ValueError):
            pass  # the client went away, or could not agree on TLS: the other side tells that story
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), GOODBYE)
            del self._sessions[task]
