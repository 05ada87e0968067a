"""How much hooks may take."""

from __future__ import annotations

from dataclasses import dataclass

QUEUE_POINTS = 2000
"""Points that wait for one hook: a hook that hangs must not fill the memory."""
BUDGET = 0.050
"""Seconds that a call should take; more is counted."""
CALL_DEADLINE = 30.0
"""Seconds after which a coroutine is cancelled. A plain function cannot be stopped: it blocks its own thread only."""
LOG_INTERVAL = 60.0
"""Seconds between two complaints about one hook: one that fails on each point must not fill the log."""
CLOSE_DEADLINE = 5.0
"""Seconds that closing waits for hooks to be told what is still queued."""


@dataclass(frozen=True, slots=True)
class HookLimits:
    """The limits of each hook; see the constants of this module."""

    queue_points: int = QUEUE_POINTS
    budget: float = BUDGET
    call_deadline: float = CALL_DEADLINE
    log_interval: float = LOG_INTERVAL
