"""What a module writes to file descriptor 1, as lines for its printer: C's `printf`, a program that it runs.

Separate because it is the same for every language, and knows none. Descriptor 1 becomes a file in memory whose end is
sealed, so a module that prints without end fills that and no more, and the check after a call is one system call.
What a process that dies in a call had written in it dies with it. Only for a module's own process.
"""

from __future__ import annotations

import ctypes
import fcntl
import os

from tlswitness.hooks.host.callee import Printer

MAX_HELD = 1024 * 1024
"""Octets written in one call; at least half of them are kept. A module that prints without end must not fill memory."""
MAX_LINE = 64 * 1024
"""Octets of one line; a longer one is told in pieces."""
_STDOUT = 1
_IOLBF = 1
"""`setvbuf`: write at the end of each line (glibc and musl agree on the number)."""


class Captured:
    """Descriptor 1 of this process until `close`. One thread uses it; others may write meanwhile."""

    def __init__(self, printer: Printer, held: int = MAX_HELD) -> None:
        """`held` octets, in whole pages. Raises OSError where the descriptor or the memory cannot be had."""
        self._printer = printer
        self._held = held
        self._seen = 0
        self._rest = b""
        self._fd = _sealed(held)
        try:
            self._before = _kept()
            os.dup2(self._fd, _STDOUT)
        except OSError:
            os.close(self._fd)
            raise

    def take(self) -> None:
        """Print the lines that are complete by now."""
        # The offset is that of all who have inherited the descriptor. Who opens /dev/stdout anew has one of their own.
        end = os.lseek(self._fd, 0, os.SEEK_CUR)
        if end != self._seen:
            self._read(end)

    def close(self) -> None:
        """Print what is left, an unfinished line too, and give the descriptor back."""
        self.take()
        os.dup2(self._before, _STDOUT)
        os.close(self._before)
        os.close(self._fd)
        if self._rest:
            self._tell(self._rest)
            self._rest = b""

    def _read(self, end: int) -> None:
        if end < self._seen:  # a module has moved the offset back
            self._seen = 0
        text = self._rest + os.pread(self._fd, end - self._seen, self._seen)
        self._seen = end
        if end > self._held // 2:
            # Only here may what another thread writes at this very moment be lost.
            os.lseek(self._fd, 0, os.SEEK_SET)
            self._seen = 0
        *lines, rest = text.split(b"\n")
        for line in lines:
            self._tell(line)
        while len(rest) > MAX_LINE:
            self._tell(rest[:MAX_LINE])
            rest = rest[MAX_LINE:]
        self._rest = rest
        if end >= self._held:
            self._printer(f"(more than {self._held} octets were written at once: the rest is lost)")

    def _tell(self, line: bytes) -> None:
        for start in range(0, len(line) or 1, MAX_LINE):
            self._printer(line[start : start + MAX_LINE].decode(errors="replace"))


def line_buffered() -> None:
    """Make C's `stdout` write each line at once, as on a terminal. Before a module in C is loaded."""
    libc = ctypes.CDLL(None)
    libc.setvbuf.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t]
    libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, _IOLBF, 0)


def flush_stdio() -> None:
    """Write what C's streams still hold: a line without its end."""
    ctypes.CDLL(None).fflush(None)


def _sealed(size: int) -> int:
    """A file in memory of `size` octets that cannot grow."""
    fd = os.memfd_create("stdout", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    except OSError:
        os.close(fd)
        raise
    return fd


def _kept() -> int:
    """A copy of descriptor 1 for later; of a process that has none, /dev/null."""
    try:
        return fcntl.fcntl(_STDOUT, fcntl.F_DUPFD_CLOEXEC, 3)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
