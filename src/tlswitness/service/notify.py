"""The service manager is told how the daemon is doing (sd_notify(3)).

Separate because it is a protocol of its own: datagrams of `NAME=value` lines to the socket that NOTIFY_SOCKET names.
Without one nobody is told, and nothing that goes wrong here may end the daemon.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

MAX_WORDS = 500
"""Characters of a status line; `systemctl status` shows one line."""


class Notifier:
    """Speaks to the service manager, if there is one."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        env = os.environ if environ is None else environ
        self._address = _address(env.get("NOTIFY_SOCKET", ""))
        self.watchdog = _watchdog(env) if self._address else None
        """Seconds within which `alive` must be said again; None where nobody watches."""

    def ready(self, words: str = "") -> None:
        """The daemon has started, or has finished a reload."""
        self._send("READY=1", _status(words))

    def reloading(self) -> None:
        """A reload begins; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self, words: str = "") -> None:
        self._send("STOPPING=1", _status(words))

    def status(self, words: str) -> None:
        """One line for `systemctl status`."""
        self._send(_status(words))

    def alive(self) -> None:
        """The event loop goes round."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        message = "\n".join(line for line in lines if line)
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)  # a manager that does not read must not stop the daemon
            sock.connect(self._address)
            sock.send(message.encode())


def _address(named: str) -> str | None:
    """A path, or with `@` a name in the abstract namespace; other kinds of socket are not ours to speak to."""
    if named.startswith("/"):
        return named
    return "\0" + named[1:] if len(named) > 1 and named.startswith("@") else None


def _watchdog(env: Mapping[str, str]) -> float | None:
    try:
        microseconds = int(env.get("WATCHDOG_USEC", ""))
        pid = int(env.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return None
    return microseconds / 1e6 if microseconds > 0 and pid == os.getpid() else None


def _status(words: str) -> str:
    return f"STATUS={' '.join(words.split())[:MAX_WORDS]}" if words else ""
