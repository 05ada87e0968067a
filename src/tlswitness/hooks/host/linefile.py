"""A file that lines are added to, by this process and perhaps by others.

Separate because two logs are written this way: what modules print, and points as JSON lines. Lines that are added
together go out in one write at the end of the file, which the system does as one step, so that those of several
processes never mix. A file that was moved away (by logrotate) is made anew within a second. A line that a crash or a
full disk has torn is ended before the next one, so that no line ever begins in the middle of another.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

MAX_FILE = 64 * 1024 * 1024
"""Octets after which a file is moved aside: a module that prints without end must not fill the disk."""
BEFORE = ".1"
"""Ends the name of the one old file that is kept."""
LOOK = 1.0
"""Seconds after which one looks again whether the file is still the one of that name, and how large it is."""


class LineFile:
    """One file, opened when the first line comes. Not for several threads at once."""

    def __init__(self, path: Path, *, most: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """`most` octets, then the file is moved to its name with `.1`, in place of the one before; None: never."""
        self.path = path
        self._most = most
        self._clock = clock
        self._fd = -1
        self._size = 0
        self._regular = False
        self._torn = False
        self._look_at = 0.0

    def append(self, octets: bytes) -> None:
        """Add whole lines, in one write.

        Raises OSError where they are not all there; then none counts as written. What is there of them is taken back
        where nobody has written behind it; else it stays, and a torn line is ended before the next one.
        """
        if not octets:
            return
        self._ready(len(octets))
        data = b"\n" + octets if self._torn else octets
        written = os.write(self._fd, data)
        if written < len(data):
            written += self._rest(data, written)
        self._torn = False
        self._size += written

    def open(self) -> None:
        """Make the file if there is none, before there is a line for it. Raises OSError."""
        if self._fd < 0:
            self._open()

    def sync(self) -> None:
        """What was added outlives a loss of power when this returns. Raises OSError."""
        if self._fd >= 0 and self._regular:
            os.fdatasync(self._fd)

    def close(self) -> None:
        """A later line opens the file again."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _rest(self, data: bytes, written: int) -> int:
        """Write what a short write has left, which says by its error why it was short."""
        start = written
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError:
            self._take_back(written)
            raise
        return written - start

    def _take_back(self, written: int) -> None:
        before, self._torn = self._torn, True
        with suppress(OSError):
            size = os.fstat(self._fd).st_size
            end = os.lseek(self._fd, 0, os.SEEK_CUR)  # where our last write ended
            if self._regular and size == end:
                os.ftruncate(self._fd, size - written)
                self._torn = before

    def _ready(self, more: int) -> None:
        """An open file of that name with room for `more` octets. Raises OSError."""
        now = self._clock()
        if self._fd >= 0 and now < self._look_at and not self._full(more):
            return
        if self._fd >= 0:
            self._look()
            if self._fd >= 0 and self._full(more):
                self._rotate()
        if self._fd < 0:
            self._open()
            if self._full(more):  # it was there already, of that size
                self._rotate()
                if self._fd < 0:
                    self._open()
        self._look_at = now + LOOK

    def _full(self, more: int) -> bool:
        return self._most is not None and self._regular and self._size > 0 and self._size + more > self._most

    def _look(self) -> None:
        """Let go of a file that no longer has the name."""
        if not self._regular:
            return
        if self._is_current():
            self._size = os.fstat(self._fd).st_size
        else:
            self.close()

    def _is_current(self) -> bool:
        try:
            named, ours = self.path.stat(), os.fstat(self._fd)
        except FileNotFoundError:
            return False
        return (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)

    def _rotate(self) -> None:
        """Move the file aside. One of several writers does: who finds the lock taken goes on with the file it has."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return
            raise
        try:
            if self._is_current():  # else another writer was faster
                mode = stat.S_IMODE(os.fstat(self._fd).st_mode)
                self.path.replace(self.path.with_name(self.path.name + BEFORE))
                self._make(mode)
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        self.close()

    def _make(self, mode: int) -> None:
        """A new file with the mode of the old one."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with suppress(FileExistsError):  # another writer has opened it
            fd = os.open(self.path, flags, 0o600)
            try:
                os.fchmod(fd, mode)
            finally:
                os.close(fd)

    def _open(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # O_NONBLOCK: a pipe that nobody reads must be an error, not the end of the module.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
        self._fd = os.open(self.path, flags, 0o600)
        info = os.fstat(self._fd)
        self._regular = stat.S_ISREG(info.st_mode)
        self._size = info.st_size if self._regular else 0
        self._torn = self._regular and self._size > 0 and not self._ends_line()

    def _ends_line(self) -> bool:
        """Whether the last line has its end; of a file that may not be read, nobody knows."""
        try:
            with self.path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read(1) == b"\n"
        except OSError:
            return True
