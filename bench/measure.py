"""Timing a call."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

AT_LEAST = 0.2
"""Seconds for which a call is repeated."""
ROUNDS = 3
"""The best of so many rounds counts: the others were disturbed."""


@dataclass(frozen=True)
class Measure:
    """One number."""

    name: str
    value: float
    unit: str


def rate(name: str, call: Callable[[], object], *, of: int = 1) -> Measure:
    """How often in a second `call` does what it does `of` times."""
    best = 0.0
    for _ in range(ROUNDS):
        count, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < AT_LEAST:
            call()
            count += of
        best = max(best, count / elapsed)
    return Measure(name, best, "/s")


def duration(name: str, call: Callable[[], object]) -> Measure:
    """Milliseconds that one `call` takes."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return Measure(name, best * 1000, "ms")
