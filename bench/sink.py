"""An SMTP server that takes all mail as fast as Python can: STARTTLS, PIPELINING, CHUNKING. It keeps counts alone."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from dataclasses import dataclass, field
from typing import cast

GATHER = b"gather@"
"""Mail to such a recipient is taken when `Counts.release` says so: all of it waits at once."""
MAX_TLS = 64 * 1024
START_MAIL = b"354 go on\r\n"


@dataclass
class Counts:
    """What has come in since the last `reset`."""

    sessions: int = 0
    messages: int = 0
    first: float = 0.0
    """When the first session began, on the monotonic clock."""
    last: float = 0.0
    """When the last message was taken."""
    waiting: list[Session] = field(default_factory=list)
    """Gathered."""

    def reset(self) -> None:
        self.sessions = self.messages = 0
        self.first = self.last = 0.0

    def release(self) -> None:
        for session in self.waiting:
            session.go_on()
        self.waiting.clear()


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, counts: Counts, context: ssl.SSLContext) -> None:
        self._counts = counts
        self._context = context
        self._transport: asyncio.Transport | None = None
        self._tls: ssl.SSLObject | None = None
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._shaken = False
        self._rest = b""
        self._content = False
        self._chunk = 0
        self._gather = False
        self._held = False
        self._bye = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if not self._counts.sessions:
            self._counts.first = time.monotonic()
        self._counts.sessions += 1
        self.say(b"220 mx.bench.test ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        if self._tls is None:
            self._smtp(data)
            return
        self._in.write(data)
        try:
            if not self._shaken:
                self._tls.do_handshake()
                self._shaken = True
            while self._in.pending or self._tls.pending():
                plain = self._tls.read(MAX_TLS)
                if not plain:
                    self._close()
                    return
                self._smtp(plain)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self._close()
            return
        self._flush()

    def say(self, text: bytes) -> None:
        assert self._transport is not None
        if self._tls is None:
            self._transport.write(text)
            return
        self._tls.write(text)
        self._flush()

    def _flush(self) -> None:
        if self._out.pending and self._transport is not None:
            self._transport.write(self._out.read())

    def _close(self) -> None:
        if self._tls is not None:
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
            self._flush()
        if self._transport is not None:
            self._transport.close()

    def _smtp(self, data: bytes) -> None:
        text = self._rest + data if self._rest else data
        replies: list[bytes] = []
        place = 0
        end = False  # of this language: what follows is TLS, or nothing
        while not end and not self._held:
            if self._content:
                dot = text.find(b"\r\n.\r\n", place)
                if dot < 0:
                    break
                place = dot + 5
                self._content = False
                if self._taken():
                    replies.append(b"250 2.0.0 taken\r\n")
                continue
            if self._chunk:
                if len(text) - place < self._chunk:
                    break
                place += self._chunk
                self._chunk = 0
                if self._taken():
                    replies.append(b"250 2.0.0 taken\r\n")
                continue
            stop = text.find(b"\r\n", place)
            if stop < 0:
                break
            line = text[place:stop]
            if line.startswith(b"BDAT"):
                self._chunk = int(line.split()[1])  # each is the last one of its message
                place = stop + 2
                continue
            reply = self._command(line)
            # The line end before the content is the one before its first dot, too.
            place = stop if reply == START_MAIL else stop + 2
            end = reply is None
            replies.append(reply or (b"221 2.0.0 bye\r\n" if self._bye else b"220 2.0.0 go on\r\n"))
        self._rest = text[place:]
        if replies:
            self.say(b"".join(replies))
        if end:
            self._turn()

    def _turn(self) -> None:
        """STARTTLS, or QUIT, was the last command."""
        if self._bye:
            self._close()
            return
        self._rest = b""
        self._tls = self._context.wrap_bio(self._in, self._out, server_side=True)

    def _taken(self) -> bool:
        self._counts.messages += 1
        self._counts.last = time.monotonic()
        if self._gather:
            self._held = True
            self._counts.waiting.append(self)
        return not self._gather

    def go_on(self) -> None:
        """With the reply that was held back, and with what has come since."""
        self._held = False
        self.say(b"250 2.0.0 taken\r\n")
        self._smtp(b"")

    def _command(self, line: bytes) -> bytes | None:
        """The reply; None for a command that changes the session."""
        match line[:4].upper():
            case b"MAIL" | b"RSET" | b"NOOP":
                return b"250 2.1.0 ok\r\n"
            case b"RCPT":
                self._gather = GATHER in line
                return b"250 2.1.5 ok\r\n"
            case b"DATA":
                self._content = True
                return START_MAIL
            case b"EHLO":
                more = b"250-STARTTLS\r\n" if self._tls is None else b""
                return (
                    b"250-mx.bench.test\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-SIZE 10485760\r\n"
                    + more
                    + b"250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n"
                )
            case b"STAR" | b"QUIT" as verb:
                self._bye = verb == b"QUIT"
                return None
            case _:
                return b"500 5.5.2 what?\r\n"
