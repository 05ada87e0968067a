"""Replies: bytes in, `Reply` values out, or one `ProtocolError` after which nothing more is read.

Separate because this is the first thing that a stranger's bytes meet: pure, bounded, and tested with any bytes in any
pieces. RFC 5321 section 4.2 (replies), RFC 2034 and 3463 (enhanced status codes). Lenient where it harms nothing: a
bare LF ends a line, text may have any octet (RFC 5321 section 4.2.1 allows ASCII only). Not here: what a reply means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

MAX_LINE = 2048
"""Octets of one line without its end; RFC 5321 section 4.5.3.1.5 says 512. Bounds a line that never ends."""
MAX_LINES = 128
"""Lines of one reply. Bounds a multi-line reply that never ends."""
MAX_BYTES = 64 * 1024
"""Octets of one reply with its line ends. Bounds memory where lines are long and many."""
MAX_TEXT = 900
"""Characters of a reply as shown in a log or DSN: the peer writes them."""

SHORT = 64
"""Octets of a line whose parts are kept: servers say the same few things for ever, and strangers write them."""

SERVICE_CLOSING = 421
"""RFC 5321 section 3.8: may answer any command, and ends the session."""

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?= |$)", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CODES = {str(code): code for code in range(200, 600)}


@dataclass(frozen=True, slots=True)
class Reply:
    """One complete reply."""

    code: int
    """200 to 599."""
    lines: tuple[str, ...]
    """The text of each line without code and line end; octets that are no UTF-8 stand as `\\xNN`. Never empty."""

    @property
    def positive(self) -> bool:
        """2yz: done."""
        return 200 <= self.code < 300

    @property
    def intermediate(self) -> bool:
        """3yz: go on."""
        return 300 <= self.code < 400

    @property
    def permanent(self) -> bool:
        """5yz: the same command will fail again."""
        return self.code >= 500

    @property
    def closing(self) -> bool:
        """421: the session is over, whatever was asked."""
        return self.code == SERVICE_CLOSING

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code, such as `4.7.0`; None where there is none or its class contradicts the code."""
        found = _ENHANCED.match(self.lines[0])
        if found is None or int(found[1]) != self.code // 100:
            return None
        return found[0]

    @property
    def status(self) -> str:
        """The enhanced status code, or the plain one of the reply's class (RFC 3463 section 2)."""
        return self.enhanced or f"{4 if self.code < 200 or 300 <= self.code < 400 else self.code // 100}.0.0"

    @property
    def codes(self) -> str:
        """Code and enhanced code without any free text, such as `454 4.7.0`: fit to be counted."""
        return f"{self.code} {self.enhanced}" if self.enhanced else str(self.code)

    @property
    def text(self) -> str:
        """The whole of it in one printable line, such as `550 5.1.1 No such user`; at most `MAX_TEXT` characters."""
        return _UNPRINTABLE.sub("?", f"{self.code} {' '.join(self.lines)}".rstrip())[:MAX_TEXT]


@dataclass(frozen=True, slots=True)
class ProtocolError:
    """The peer does not speak SMTP as it must: the session is over."""

    reason: str
    """In words, without anything that the peer wrote."""

    @property
    def words(self) -> str:
        return f"protocol error: {self.reason}"


def _read(line: bytes) -> tuple[int | None, str, str]:
    """Code, the mark behind it, and text; no code where the line is no reply."""
    text = line.decode("utf-8", "backslashreplace")
    mark = text[3:4]
    return (_CODES.get(text[:3]) if mark in "- " else None), mark, text[4:]


_known = lru_cache(256)(_read)


class ReplyParser:
    """Turns bytes into replies, however they are cut into pieces."""

    __slots__ = ("_code", "_dead", "_lines", "_rest", "_size")

    def __init__(self) -> None:
        self._rest = b""
        self._code = 0
        self._lines: list[str] = []
        self._size = 0
        self._dead = False

    @property
    def partial(self) -> bool:
        """Whether a reply has begun and is not complete."""
        return bool(self._rest or self._lines)

    def feed(self, data: bytes) -> list[Reply | ProtocolError]:
        """The replies that `data` completes. A `ProtocolError` is the last item ever; what is fed later is dropped."""
        done: list[Reply | ProtocolError] = []
        if self._dead:
            return done
        if self._rest:
            data = self._rest + data
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            item = self._line(data[start:end], end + 1 - start)
            start = end + 1
            if item is not None:
                done.append(item)
            if isinstance(item, ProtocolError):
                return done
        self._rest = data[start:] if start else data
        if len(self._rest) > MAX_LINE + 1:  # one more for a CR that may be the line's end
            done.append(self._fail("a line is too long"))
        return done

    def _line(self, line: bytes, octets: int) -> Reply | ProtocolError | None:
        if line.endswith(b"\r"):
            line = line[:-1]
        if len(line) > MAX_LINE:
            return self._fail("a line is too long")
        code, mark, text = _known(line) if len(line) <= SHORT else _read(line)
        if code is None:
            return self._fail("a line is no reply")
        if not self._lines and mark != "-":
            return Reply(code, (text,))
        if self._lines and code != self._code:
            return self._fail("the lines of a reply differ in code")
        self._code = code
        self._lines.append(text)
        self._size += octets
        if len(self._lines) > MAX_LINES or self._size > MAX_BYTES:
            return self._fail("a reply is too long")
        if mark == "-":
            return None
        reply = Reply(code, tuple(self._lines))
        self._lines.clear()
        self._size = 0
        return reply

    def _fail(self, reason: str) -> ProtocolError:
        self._dead = True
        self._rest = b""
        self._lines.clear()
        return ProtocolError(reason)
