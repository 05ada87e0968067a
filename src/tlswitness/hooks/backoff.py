"""Waiting longer and longer: between two tries of one point, and between two lives of one process.

Separate because both sides of a module's process need the same arithmetic, and neither a clock for it.
"""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Doubles from `first` to `most` seconds; `jitter` is the part of it that is left to chance."""

    def __init__(
        self, first: float, most: float, *, jitter: float = 0.0, chance: Callable[[], float] = random.random
    ) -> None:
        self._first = first
        self._most = most
        self._jitter = jitter
        self._chance = chance
        self._next = first

    def next(self) -> float:
        """Seconds to wait now."""
        wait, self._next = self._next, min(self._most, self._next * 2)
        return wait * (1 - self._jitter * self._chance())

    def reset(self) -> None:
        """Begin anew."""
        self._next = self._first
