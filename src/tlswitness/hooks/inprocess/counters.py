"""What became of the points that one hook was to be told of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HookCounters:
    """A snapshot. Points that the hook's view hides are in none of the numbers."""

    name: str
    delivered: int = 0
    """Calls that returned."""
    failed: int = 0
    """Calls that raised, or were cancelled at the deadline."""
    dropped: int = 0
    """Points that the hook was never told of: its queue was full, or it was closed."""
    over_budget: int = 0
    """Calls that took longer than they should, whether they returned or raised."""
    pending: int = 0
    """Points in the queue and in the running call."""
    busy: float = 0.0
    """Seconds that the running call has taken so far; 0 between calls."""
