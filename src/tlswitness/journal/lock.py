"""The lock of a journal's directory: one daemon at a time recovers, removes, and runs the modules.

Separate because writers and readers do without it: they never touch what another one wrote.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tlswitness.journal.names import hold

LOCK = "lock"
PATIENCE = 10.0
"""Seconds to wait for a holder without a number: a writer that tidies (`tidy`), and is soon done."""


class DirectoryBusy(Exception):  # noqa: N818 - a state of things, in words
    """Somebody else holds the lock."""

    def __init__(self, directory: Path, holder: str) -> None:
        super().__init__(f"{directory} is in use by another tlswitness{f', process {holder}' if holder else ''}")
        self.holder = holder


class DirectoryLock:
    """Held from its making until it is closed, or the process ends."""

    def __init__(self, directory: Path) -> None:
        """Make `directory` where it is missing, and take its lock. Raises DirectoryBusy, OSError."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(directory)
        except BaseException:
            self.close()
            raise

    def _take(self, directory: Path) -> None:
        until = time.monotonic() + PATIENCE
        while not hold(self._fd):
            holder = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip()
            if holder or time.monotonic() >= until:
                raise DirectoryBusy(directory, holder)
            time.sleep(0.02)
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
