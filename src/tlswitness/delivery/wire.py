"""The octets of one connection: replies and TLS in, commands out, one listener, one timer.

Separate from `connection` because it is driven by the event loop, not by a conversation, and because it is all that
must be fast: no task, no stream, and no timer of its own for a reply. Works on asyncio's loops and on uvloop. RFC
3207 section 4.2.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import cast

from tlswitness.datapoint.failure import Failure
from tlswitness.delivery.smtp.reply import ProtocolError, Reply, ReplyParser
from tlswitness.delivery.smtp.talk import Gone, PeerClosed, TimedOut
from tlswitness.delivery.tls import TlsLayer
from tlswitness.delivery.verdict.chain import Chain
from tlswitness.names import HostName

INBOX = 8 * 1024
"""Octets taken from the socket at a time; held once for each connection."""
OUTBOX_HIGH = 256 * 1024
"""Octets waiting for the peer at which writing stops, and"""
OUTBOX_LOW = 64 * 1024
"""at which it goes on."""
MAX_UNASKED = 8
"""Replies more than were asked for. Bounds a peer that talks to itself; one 421 may come unasked (RFC 5321 section
3.8)."""
MAX_PER_REPLY = 256 * 1024
"""Octets from the socket between two replies. Bounds TLS records with nothing in them: tickets, padding, and key
updates, of which 10,000 cost a sixth of a second. A reply itself has at most 64 KiB."""
LINGER = 2.0
"""Seconds for the last octets to leave when the connection is closed."""


class Wire(asyncio.BufferedProtocol):
    """Made by the event loop's `create_connection`; within a running loop only."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._inbox = bytearray(INBOX)
        self._view = memoryview(self._inbox)
        self._parser = ReplyParser()
        self._replies: deque[Reply] = deque()
        self._awaited = 1  # the greeting
        self._since_reply = 0
        self._tls: TlsLayer | None = None
        self._proven = False
        self._paused = False
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._fault: Exception | None = None
        self._closed = False
        self._on_closed: Callable[[], None] = lambda: None
        self.listener: Callable[[], None] | None = None
        """Told whenever a reply, room, the handshake's result or the end has come."""
        self.shaken: Chain | Failure | None = None
        """What the handshake that `start_tls` began came to."""
        self.now = self._loop.time
        """Seconds on the event loop's clock; deadlines are given in them."""
        self.end: Gone | None = None
        """Why nothing more will come. Replies that came before can still be taken."""

    # What a conversation asks for.

    @property
    def unsolicited(self) -> bool:
        """Whether the peer has said something that nothing asked for."""
        return len(self._replies) + self._parser.partial > self._awaited

    @property
    def answered(self) -> bool:
        """Whether the last reply that was asked for has begun to come."""
        return len(self._replies) + self._parser.partial >= self._awaited

    @property
    def unproven(self) -> bool:
        """Whether a handshake was done and no reply has come within TLS."""
        return isinstance(self.shaken, Chain) and not self._proven

    @property
    def full(self) -> bool:
        """Whether the peer is behind with reading."""
        return self._paused

    def expect(self, replies: int) -> None:
        """Before a command is written that causes so many replies. With one unsolicited the answers would shift by one,
        and a refusal could pass for an acceptance: the session ends, or goes on to read the 421 that it is.
        """
        if self.unsolicited and not (len(self._replies) == 1 and self._replies[0].closing and not self._parser.partial):
            self._replies.clear()
            self._finish(ProtocolError("a reply that nothing asked for"))
        self._awaited += replies

    def take(self) -> Reply | None:
        """The next reply if it is there."""
        if not self._replies:
            return None
        self._awaited -= 1
        return self._replies.popleft()

    def ending(self) -> Gone | None:
        """Why nothing more will come, if so. Raises what was our own fault."""
        if self._fault is not None:
            raise self._fault
        return self.end

    def wait_until(self, deadline: float) -> None:
        """The end, if nothing clears this before `deadline`: it holds until it is set anew or the listener goes."""
        self._deadline = deadline
        if self._timer is None or self._timer_at > deadline:
            self._set_timer(deadline)

    def write(self, data: bytes | memoryview) -> None:
        """Through TLS where it is up. Dropped after the end."""
        if self.end is not None:
            return
        if self._tls is None:
            self._send(data)
            return
        self._tls.encrypt(data)
        self._send(self._tls.output())
        if self._tls.broken is not None:
            self._finish(PeerClosed(self._tls.broken))

    def start_tls(self, context: ssl.SSLContext, server_name: HostName) -> bool:
        """Begin the handshake. False: clear text stands behind the reply to STARTTLS (RFC 3207 section 6)."""
        if self._tls is not None:
            raise RuntimeError("TLS is up already (RFC 3207 section 4.2)")
        if self._replies or self._parser.partial or isinstance(self.end, ProtocolError):
            return False
        self._tls = TlsLayer(context, server_name)
        self._awaited = 0
        self._since_reply = 0
        self._shake(self._tls, b"")
        return True

    def when_closed(self, tell: Callable[[], None]) -> None:
        """Call `tell` once, when the socket is closed."""
        if self._closed:
            tell()
        else:
            self._on_closed = tell

    def close(self) -> None:
        """Close after what is written has left, in bounded time."""
        if self.end is None:
            self.end = PeerClosed()
            if self._tls is not None and isinstance(self.shaken, Chain) and self._tls.broken is None:
                self._send(self._tls.close())
        self._stop_timer()
        if self._transport is not None and not self._transport.is_closing():
            if self._transport.get_write_buffer_size():
                self._loop.call_later(LINGER, self._transport.abort)
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        self._finish(PeerClosed())

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(OUTBOX_HIGH, OUTBOX_LOW)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - reset or close: the same to us
        self._finish(PeerClosed())
        self._closed = True
        self._on_closed()

    def eof_received(self) -> bool:
        self._finish(PeerClosed())
        return False

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._tell()

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - ours has one size
        return self._inbox

    def buffer_updated(self, nbytes: int) -> None:
        if self.end is not None:
            return
        self._since_reply += nbytes
        data = bytes(self._view[:nbytes])
        try:
            if self._tls is None:
                self._plain(data)
            elif self.shaken is None:
                self._shake(self._tls, data)
            else:
                self._decrypt(self._tls, data)
                self._send_output()
        except (ssl.SSLError, MemoryError) as fault:  # our own: raised to who waits, not to the event loop
            self._fault = fault
            self._finish(PeerClosed())
        if self._since_reply > MAX_PER_REPLY:
            # Only TLS can say much without saying anything: the parser's own limits are lower.
            self._finish(PeerClosed("too much data without a reply"))

    # Within.

    def _plain(self, data: bytes) -> None:
        for item in self._parser.feed(data):
            if isinstance(item, ProtocolError):
                self._finish(item)
                return
            self._replies.append(item)
            self._since_reply = 0
            self._proven = True
        if self._replies:
            if len(self._replies) > self._awaited + MAX_UNASKED:
                self._finish(ProtocolError("replies that nothing asked for"))
            self._tell()

    def _shake(self, tls: TlsLayer, data: bytes) -> None:
        result = tls.handshake(data)
        if not isinstance(result, Chain):
            self._send(tls.output())
            if result is None:
                return
        else:
            self._proven = False
        self.shaken = result
        self._tell()
        if isinstance(result, Chain):
            # The last flight goes with the first command if that is written at once, else alone and right after.
            self._loop.call_soon(self._send_output)
            self._decrypt(tls, b"")

    def _decrypt(self, tls: TlsLayer, data: bytes) -> None:
        plain = tls.decrypt(data)
        if plain:
            self._plain(plain)
        if tls.broken is not None:
            self._finish(PeerClosed(tls.broken))

    def _send_output(self) -> None:
        if self._tls is not None and self.end is None:
            self._send(self._tls.output())

    def _send(self, data: bytes | memoryview) -> None:
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _finish(self, end: Gone) -> None:
        """The end, once. What is still in the outbox is worth nothing now."""
        if self.end is None:
            self.end = end
        self._stop_timer()
        if self._transport is not None:
            self._transport.abort()
        self._tell()

    def _tell(self) -> None:
        if self.listener is not None:
            self.listener()

    def _set_timer(self, when: float) -> None:
        self._stop_timer()
        self._timer_at = when
        self._timer = self._loop.call_at(when, self._on_time)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_time(self) -> None:
        """The timer is set once for many waits: most deadlines move on long before they are due."""
        self._timer = None
        if self.listener is None:
            return
        if self._loop.time() >= self._deadline:
            self._finish(TimedOut())
        else:
            self._set_timer(self._deadline)
