"""What a module's process says to the supervisor.

Separate because several threads speak, and because a supervisor that is gone must not be an error of the module's.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import cast

from tlswitness.hooks.host.order import Message, Trouble, TroubleKind, message_line


class Speech:
    """Whole messages into one pipe."""

    def __init__(self, fd: int) -> None:
        os.set_inheritable(fd, False)  # a module's own programs have no part in this
        self._fd = fd
        self._lock = threading.Lock()

    def say(self, message: Message) -> None:
        """Waits where the supervisor does not read."""
        with self._lock, suppress(BrokenPipeError):  # it is gone, and so shall we
            octets = message_line(message)
            while octets:
                octets = octets[os.write(self._fd, octets) :]

    def trouble(self, kind: str, text: str) -> None:
        """What `Complaints` has to tell."""
        self.say(Trouble(cast("TroubleKind", kind), text))
