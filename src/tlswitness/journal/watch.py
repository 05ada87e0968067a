"""Waking when a journal grows: inotify, and a slow look now and then where it is not to be had.

Separate because readers in other processes must learn of each write within milliseconds, without the writers knowing
them, and without a look at the disk a hundred times a second.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
from collections.abc import Sequence
from contextlib import suppress
from enum import IntFlag
from pathlib import Path

POLL = 0.05
"""Seconds between two looks without inotify."""
PATIENCE = 1.0
"""Seconds without word after which one looks all the same: a directory that was replaced is not watched any more."""

_IN_MODIFY, _IN_MOVED_TO, _IN_DELETE = 0x2, 0x80, 0x200
_EVENT = struct.Struct("iIII")
"""Watch, mask, cookie, octets of the name that follows."""
_EVENTS = 64 * 1024


class Change(IntFlag):
    """What may have changed."""

    NOTHING = 0
    SIZES = 1
    NAMES = 2
    ANYTHING = 3


class Watch:
    """Watches one directory. Not for several threads."""

    def __init__(self, directory: Path) -> None:
        self._fd = _inotify(directory)

    def wait(self, timeout: float, others: Sequence[int] = ()) -> Change:
        """Wait until the directory changes, one of the descriptors `others` is readable, or `timeout` seconds are over;
        less where there is reason to look. What may have changed.
        """
        patience = PATIENCE if self._fd >= 0 else POLL
        poll = select.poll()
        for fd in (self._fd, *others):
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        ready = {fd for fd, _ in poll.poll(min(timeout, patience) * 1000)}
        if self._fd in ready:
            return self._changes()
        return Change.NOTHING if ready or timeout < patience else Change.ANYTHING

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _changes(self) -> Change:
        found = Change.NOTHING
        with suppress(BlockingIOError):
            while events := os.read(self._fd, _EVENTS):
                at = 0
                while at < len(events):
                    _, mask, _, octets = _EVENT.unpack_from(events, at)
                    found |= Change.SIZES if mask == _IN_MODIFY else Change.ANYTHING
                    at += _EVENT.size + octets
        return found


def _inotify(directory: Path) -> int:
    """A descriptor that is readable after a change; -1 where the system has none to give."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        fd: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if fd < 0:
            return -1
        if libc.inotify_add_watch(fd, os.fsencode(directory), _IN_MODIFY | _IN_MOVED_TO | _IN_DELETE) < 0:
            os.close(fd)
            return -1
    except (OSError, AttributeError):  # another system
        return -1
    return fd
