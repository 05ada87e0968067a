"""How much callables of the program may take; what modules with a process may take stands in `hooks.spec`."""

from __future__ import annotations

from dataclasses import dataclass

from tlswitness.hooks.spec import BUDGET, CALL_DEADLINE

QUEUE_POINTS = 2000
"""Points that wait for one hook: a hook that hangs must not fill the memory."""
LOG_INTERVAL = 60.0
"""Seconds between two complaints about one hook: one that fails on each point must not fill the log."""
CLOSE_DEADLINE = 5.0
"""Seconds that closing waits for hooks to be told what is still queued."""


@dataclass(frozen=True, slots=True)
class HookLimits:
    """The limits of each hook; see the constants."""

    queue_points: int = QUEUE_POINTS
    budget: float = BUDGET
    call_deadline: float = CALL_DEADLINE
    """Of a coroutine, which is cancelled. A plain function cannot be stopped: it blocks its own thread only."""
    log_interval: float = LOG_INTERVAL
