"""Which findings are kept as Lua tables, and under which number.

Separate because the memory must stay bounded whatever a source of points makes us remember. Two generations: what was
not asked for while the younger one filled up goes. That costs one look into a dictionary for each call.
"""

from __future__ import annotations

from collections.abc import Callable

from tlswitness.datapoint.finding import Finding
from tlswitness.hooks.host.lua.limits import MAX_FINDINGS, MAX_KEPT_TEXT


class KeptFindings:
    """Numbers for findings; equal findings have the same."""

    def __init__(
        self,
        keep: Callable[[int, bytes], object],
        forget: Callable[[int], object],
        *,
        limit: int = MAX_FINDINGS,
        max_text: int = MAX_KEPT_TEXT,
    ) -> None:
        """`keep` puts a finding's text under a number, `forget` takes it away. Limits: of one generation."""
        self._keep = keep
        self._forget = forget
        self._limit = limit
        self._max_text = max_text
        self._findings: dict[int, Finding] = {}
        self._young: dict[str, int] = {}
        self._old: dict[str, int] = {}
        self._young_text = 0
        self._free: list[int] = []
        self._numbers = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def number(self, finding: Finding) -> int:
        """The number of `finding`; it is kept from now on. Raises what `keep` raises, and then it is not kept."""
        found = self._young.get(finding.tail)
        return self._met(finding) if found is None else found

    def finding(self, number: int) -> Finding:
        """The finding that is kept under `number`."""
        return self._findings[number]

    def clear(self) -> None:
        """Forget all."""
        for generation in (self._young, self._old):
            self._drop(generation)
        self._young_text = 0

    def _met(self, finding: Finding) -> int:
        if len(self._young) >= self._limit or self._young_text > self._max_text:
            self._drop(self._old)
            self._old, self._young, self._young_text = self._young, {}, 0
        number = self._old.get(finding.tail)
        if number is None:
            number = self._new(finding)
        else:
            del self._old[finding.tail]
        self._young[finding.tail] = number
        self._young_text += len(finding.tail)
        return number

    def _new(self, finding: Finding) -> int:
        number = self._free.pop() if self._free else self._numbers + 1
        try:
            self._keep(number, finding.text.encode())
        except BaseException:
            if number <= self._numbers:
                self._free.append(number)
            raise
        self._findings[number] = finding
        self._numbers = max(self._numbers, number)
        return number

    def _drop(self, generation: dict[str, int]) -> None:
        for number in generation.values():
            self._forget(number)
            del self._findings[number]
        self._free.extend(generation.values())
        generation.clear()
