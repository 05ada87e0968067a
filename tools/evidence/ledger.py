"""What a writer says of itself, in memory that outlives it: a file that is mapped, with one word for each fact.

A word is stored in one piece, so a writer that is killed leaves the old value or the new one.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

WORDS = 4
ACKNOWLEDGED, ON_DISK, LIVES, UNUSED = range(WORDS)
"""Points whose append has returned; of these, those that were fsynced; and how often the writer was started."""


class Ledger:
    """The words of one writer."""

    def __init__(self, file: Path) -> None:
        fd = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(fd, WORDS * 8)
            self._map = mmap.mmap(fd, WORDS * 8)
        finally:
            os.close(fd)
        self._words = memoryview(self._map).cast("Q")

    def __getitem__(self, word: int) -> int:
        return self._words[word]

    def __setitem__(self, word: int, value: int) -> None:
        self._words[word] = value

    def close(self) -> None:
        self._words.release()
        self._map.close()
