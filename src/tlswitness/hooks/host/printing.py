"""What a module prints, on its way to a file of paniclog lines: `EPOCH:scriptlet: text`.

Separate because two facts meet here: the text, which the module has, and the time, which is that of the point inside a
call and the clock's outside.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

MAX_TEXT = 1024 * 1024
"""Characters of one print."""


class StampedPrinter:
    """A `Printer`; whoever calls the module sets `epoch` for the time of the call."""

    def __init__(
        self,
        write: Callable[[bytes], object],
        *,
        microseconds: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`write` takes whole lines."""
        self.epoch: int | None = None
        self._write = write
        self._microseconds = microseconds
        self._clock = clock

    def __call__(self, text: str) -> None:
        now = self._clock() if self.epoch is None else self.epoch
        stamp = f"{int(now * 1_000_000):016d}" if self._microseconds else str(int(now))
        self._write(f"{stamp}:scriptlet: {text[:MAX_TEXT]}\n".encode(errors="backslashreplace"))


def to_file(path: Path, octets: bytes) -> None:
    """Add whole lines, in one write; a file that was moved away is made anew. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    try:
        os.write(fd, octets)
    finally:
        os.close(fd)


def to_stderr(octets: bytes) -> None:
    """Where no file is named: the supervisor puts it into its log."""
    os.write(2, octets)
