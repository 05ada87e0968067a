"""How a module is doing: what `hooks list`, `status` and the metrics show.

Separate because those who show it need not know processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tlswitness.hooks.spec import Kind
from tlswitness.hooks.standing import Counts


class State(StrEnum):
    """What the supervisor has of a module."""

    STARTING = "starting"
    """Its process is loading it."""
    RUNNING = "running"
    RETRYING = "retrying"
    """It has asked to be told a point again, and that time has not come."""
    BACKING_OFF = "backing off"
    """Its process died, and a new one is started in a moment."""
    FAILED = "failed"
    """It does not load: until a reload, or until its file changes."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleSnapshot:
    """One module now."""

    name: str
    kind: Kind
    target: str
    state: State
    since: float
    """Unix seconds: when this state began."""
    pid: int | None
    counts: Counts
    behind: int
    """Octets of the journal that it has not been told: exact, with all that stands between sessions."""
    busy: float
    """Seconds that the call under way has taken; 0 without one."""
    last_error: str = ""
    last_death: str = ""
    """In words, with the last that the process had written to stderr."""
    refused: str = ""
    """Why it does not load; of a running module, why its new version does not."""
