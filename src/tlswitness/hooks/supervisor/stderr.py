"""What a module's process writes to stderr: lines for the log, and the last ones for the story of its death.

Separate because it is a stream of the module's: endless, in pieces, of any octets; the log gets a bounded part of it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

MAX_LINE = 1000
"""Octets of a line in the log; the rest of it is dropped."""
LINES = 20
"""Lines in the log,"""
SECONDS = 10.0
"""in so many seconds; more are counted."""
KEPT = 40
"""Last lines for the story."""


class StderrLines:
    """Takes octets, logs lines."""

    def __init__(self, log: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._partial = b""
        self._since = clock()
        self._logged = self._unsaid = 0
        self.last: deque[str] = deque(maxlen=KEPT)

    def begin(self) -> None:
        """Another process begins; how much is logged is for all of them."""
        self.last.clear()

    def feed(self, octets: bytes) -> None:
        """The next octets, wherever they are cut."""
        *lines, rest = (self._partial + octets).split(b"\n")
        self._partial = rest[: MAX_LINE + 1]
        for line in lines:
            self._line(line)

    def end(self) -> None:
        """Nothing follows."""
        if self._partial:
            self._line(self._partial)
            self._partial = b""
        self._tell_unsaid()

    def _line(self, line: bytes) -> None:
        text = line[:MAX_LINE].decode("utf-8", "backslashreplace").rstrip()
        text = "".join(character if character.isprintable() else " " for character in text)
        if not text:
            return
        if len(line) > MAX_LINE:
            text += " ..."
        self.last.append(text)
        now = self._clock()
        if now - self._since >= SECONDS:
            self._tell_unsaid()
            self._since, self._logged = now, 0
        if self._logged < LINES:
            self._logged += 1
            self._log(text)
        else:
            self._unsaid += 1

    def _tell_unsaid(self) -> None:
        unsaid, self._unsaid = self._unsaid, 0
        if unsaid:
            self._log(f"({unsaid} more lines)")
