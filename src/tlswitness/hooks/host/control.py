"""What the supervisor wants of this process, as the loop sees it: go on, go on to the end of the journal, or end.

Separate because two threads meet here: the main thread reads the supervisor's words, the other one calls the module,
looks between two calls, and is woken from its waits.
"""

from __future__ import annotations

import os
import select
import time

from tlswitness.hooks.host.order import DRAIN, STOP

_WORDS = 4096
"""Octets of words read at once; each has a few."""


class Control:
    """Flags, and descriptors that are readable from the moment on at which one is set."""

    def __init__(self) -> None:
        self.stopping = False
        """End after the call under way."""
        self.draining = False
        """End at the end of the journal."""
        self._stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._drain = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._over = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    @property
    def fds(self) -> tuple[int, int]:
        """What wakes from waiting for the journal."""
        return self._stop, self._drain

    def stop(self) -> None:
        self.stopping = True
        os.eventfd_write(self._stop, 1)

    def drain(self) -> None:
        self.draining = True
        os.eventfd_write(self._drain, 1)

    def over(self) -> None:
        """The calling thread has nothing left to do."""
        os.eventfd_write(self._over, 1)

    def rest(self, seconds: float) -> bool:
        """Wait, less where the process is to stop. Whether it may go on."""
        until = time.monotonic() + seconds
        while not self.stopping and (left := until - time.monotonic()) > 0:
            _readable((self._stop,), left)
        return not self.stopping

    def listen(self, fd: int) -> None:
        """Heed the words that come on `fd` until the calling thread is over."""
        heard = b""
        listening = [fd, self._over]
        while self._over not in (ready := _readable(listening, None)):
            if fd not in ready:
                continue
            words = os.read(fd, _WORDS)
            heard = heard[-_WORDS:] + words
            if not words or STOP in heard:  # the end: the supervisor is gone
                self.stop()
                listening.remove(fd)
            elif DRAIN in heard:
                self.drain()


def _readable(fds: tuple[int, ...] | list[int], timeout: float | None) -> set[int]:
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    return {fd for fd, _ in poll.poll(None if timeout is None else timeout * 1000)}
