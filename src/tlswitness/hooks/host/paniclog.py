r"""The log of what a module prints: lines `EPOCH:scriptlet: text`, as the seed's MTA writes them.

Separate because two facts meet here: the text, which the module has, and the time, which is that of the point inside a
call and the clock's outside. With `microseconds` the time has 16 digits; inside a call the last six are zeros, as a
point knows its second alone.

A line stays a line: of a text with several lines each becomes one of its own, with the time before it, and control
characters are written as JSON writes them (`\u001b`), so that neither a reader of lines nor a terminal is led astray.
What cannot be written (a full disk) is dropped and counted, and the module goes on.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tlswitness.hooks.host.linefile import MAX_FILE, LineFile

MAX_TEXT = 1024 * 1024
"""Characters of one print; what is beyond is cut off."""
MAX_HELD = 64 * 1024
"""Octets that are held back during a call, in order to be written in one piece."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MICROSECONDS = 1_000_000


class Lines(Protocol):
    """What takes whole lines."""

    def append(self, octets: bytes) -> None:
        """Raises OSError."""
        ...

    def close(self) -> None: ...


class Paniclog:
    """A `Printer`. Whoever calls the module sets `epoch` before a call and to None behind it, and then flushes."""

    def __init__(
        self,
        lines: Lines,
        *,
        microseconds: bool = False,
        clock: Callable[[], float] = time.time,
        complain: Callable[[str], object] | None = None,
    ) -> None:
        """`clock` tells seconds since 1970; `complain` is told when lines begin to be lost, and how many it were."""
        self.epoch: int | None = None
        """Of the point that the module is being told, if it is."""
        self.dropped = 0
        """Lines that could not be written."""
        self._lines = lines
        self._microseconds = microseconds
        self._clock = clock
        self._complain = complain or _to_stderr
        self._lost = 0
        self._last = (-1, "")
        self._held = bytearray()
        self._lock = threading.Lock()  # a module may have threads

    @classmethod
    def to(cls, path: Path, *, microseconds: bool = False, most: int = MAX_FILE) -> Paniclog:
        """A log in the file `path` of at most `most` octets; one older file is kept."""
        return cls(LineFile(path, most=most), microseconds=microseconds)

    def __call__(self, text: str) -> None:
        """Take one print. Never raises."""
        epoch, last = self.epoch, self._last
        stamp = last[1] if epoch is not None and epoch == last[0] else self._stamp(epoch)
        octets = paniclog_lines(text, stamp)
        with self._lock:
            self._held += octets
            if self.epoch is None or len(self._held) > MAX_HELD:
                self._write()

    def print(self, text: str) -> None:
        """The same by its name."""
        self(text)

    def flush(self) -> None:
        """Write what the call has printed, in one write. Never raises."""
        if self._held:
            with self._lock:
                self._write()

    def forget(self) -> None:
        """In a forked process: what is held is the other one's to write."""
        self._lock = threading.Lock()
        self._held.clear()

    def close(self) -> None:
        self.flush()
        self._lines.close()

    def _stamp(self, epoch: int | None) -> str:
        """The time as it is written; that of a point is remembered, for many points have the same."""
        now = self._clock() if epoch is None else epoch
        stamp = f"{int(now * _MICROSECONDS):016d}" if self._microseconds else str(int(now))
        if epoch is not None:
            self._last = epoch, stamp
        return stamp

    def _write(self) -> None:
        octets, self._held = bytes(self._held), bytearray()
        try:
            self._lines.append(octets)
        except OSError as error:
            self._drop(octets.count(b"\n"), error)
        else:
            if self._lost:
                self._complain(f"the log of what it prints is written again; lines lost: {self._lost}")
                self._lost = 0

    def _drop(self, lines: int, error: OSError) -> None:
        if not self._lost:
            self._complain(f"what it prints cannot be written, and is lost: {error.strerror or error}")
        self._lost += lines
        self.dropped += lines


def paniclog_lines(text: str, stamp: str) -> bytes:
    """The lines of one print, each with its end."""
    text = text[:MAX_TEXT]
    if text.isprintable():  # nearly always, and faster than a search
        return _octets(f"{stamp}:scriptlet: {text}\n")
    safe = _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\r\n", "\n")).removesuffix("\n")
    return _octets("".join(f"{stamp}:scriptlet: {line}\n" for line in safe.split("\n")))


def _octets(text: str) -> bytes:
    """UTF-8; the halves of characters that a module's text may have are written as escapes."""
    return text.encode("utf-8", "backslashreplace")


def _to_stderr(text: str) -> None:
    """The supervisor puts it into its log."""
    os.write(2, f"{text}\n".encode("utf-8", "backslashreplace"))
