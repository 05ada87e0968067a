"""How far a module is behind in time, from how far it is behind in octets.

Separate and pure because neither the journal nor the modules know it: octets have no time. The daemon looks at what was
written every few seconds; a module that is behind by so many octets has been told what was written when the journal was
that much shorter.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

SAMPLES = 2000
"""Looks that are remembered."""
BLUR = 0.01
"""How far off, as a part of an age, it may be: older looks are remembered less densely, so that years fit."""


class Lags:
    """Remembers when the journal had grown to where."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._written = 0
        self._begun = 0.0
        self._times: list[float] = []
        self._totals: list[int] = []

    def look(self, now: float, sizes: Mapping[str, int]) -> None:
        """`sizes` has the octets of each segment at `now` (seconds that never go back)."""
        if not self._times:
            self._begun = now
        grown = sum(max(0, size - self._sizes.get(name, 0)) for name, size in sizes.items())
        self._sizes = dict(sizes)
        self._written += grown
        if self._totals and grown == 0:
            self._times[-1] = now  # nothing was written meanwhile: who knows the end knows it as of now
            return
        self._times.append(now)
        self._totals.append(self._written)
        if len(self._times) > SAMPLES:
            self._thin_out(now)

    def seconds(self, now: float, behind: int) -> float:
        """How long ago the journal was where a module is that is `behind` by so many octets; 0 where it is at the end.

        Of what was there before the first look, no more is known than that it is as old as that look.
        """
        if behind <= 0 or not self._times:
            return 0.0
        known = bisect_right(self._totals, self._written - behind)
        return max(0.0, now - (self._times[known - 1] if known else self._begun))

    def _thin_out(self, now: float) -> None:
        times, totals = self._times[:1], self._totals[:1]
        for time, total, after in zip(self._times[1:], self._totals[1:], [*self._times[2:], now], strict=True):
            if after - times[-1] > BLUR * (now - after):
                times.append(time)
                totals.append(total)
        self._times, self._totals = times[-SAMPLES:], totals[-SAMPLES:]
