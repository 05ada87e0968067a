"""The daemon's side of module processes: start, watch, count, end, and tell what became of each.

Separate from `host` because it must survive whatever happens there, and shares with it only a file, a pipe and
the journal.
"""

from tlswitness.hooks.supervisor.snapshot import ModuleSnapshot, State
from tlswitness.hooks.supervisor.supervisor import STOP_DEADLINE, Applied, Supervisor

__all__ = ["STOP_DEADLINE", "Applied", "ModuleSnapshot", "State", "Supervisor"]
