"""Where a module stands: what it has done, how far it is, and what it is at.

Separate from the progress file that holds these facts because whoever shows them needs no mapped file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Counts:
    """What a module has done since its progress file was made."""

    calls: int
    """Calls that returned or raised."""
    errors: int
    slow: int
    """Calls that took longer than the budget."""
    retries: int
    damaged: int
    """Damages of the journal that it met."""
    missed: int
    """Segments that were removed before it had read them to their end."""
    deaths: int
    dead_letters: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a module stands."""

    counts: Counts = field(default_factory=lambda: Counts(*[0] * 8))
    cursor: Mapping[str, int] = field(default_factory=dict)
    finished: frozenset[str] = frozenset()
    """Segments that were read to their end."""

    def behind(self, sizes: Mapping[str, int]) -> int:
        """Octets of segments of these `sizes` that it has not been told."""
        cursor, finished = self.cursor, self.finished
        return sum(max(0, size - cursor.get(name, 0)) for name, size in sizes.items() if name not in finished)


@dataclass(frozen=True, slots=True)
class Running:
    """A call under way, or under way when its process died."""

    slot: int
    offset: int
    """Where the line of its point begins."""
    since: int
    """Nanoseconds of the monotonic clock."""
