"""What one configured module is: its kind, its target, its view, and how much it may take.

Separate because three sides read it: the supervisor that starts the module's process, the host in that process, and the
commands. It travels to the process as JSON, so it holds plain values alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from tlswitness.datapoint.views import View

BUDGET = 0.050
"""Seconds that a call should take; more is counted."""
CALL_DEADLINE = 30.0
"""Seconds after which a call, and the process with it, is killed."""
LOAD_DEADLINE = 30.0
"""Seconds for loading, `init` included: one that never ends must not look like one that runs."""
MEMORY = 512
"""MiB of data that a module's process may have: one that allocates without end must not take the machine with it."""
NICE = 19
"""How far a module's process steps back behind the mail: a module that never ends a call takes what nobody wants."""


class Kind(StrEnum):
    """What a module is written in; the last three are ours."""

    PYTHON = "python"
    LUA = "lua"
    C = "c"
    PANICLOG = "paniclog"
    JSONL = "jsonl"
    WEBHOOK = "webhook"


class Start(StrEnum):
    """Where a module begins that the journal has never told anything."""

    NOW = "now"
    BEGINNING = "beginning"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleLimits:
    """How much one module may take; see the constants of this file."""

    budget: float = BUDGET
    deadline: float = CALL_DEADLINE
    memory: int = MEMORY
    nice: int = NICE

    @property
    def octets(self) -> int:
        """Of memory."""
        return self.memory * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleSpec:
    """One module as it is configured."""

    name: str
    """1 to 64 letters, digits, `.`, `_` and `-`; names its files, its log and its metrics."""
    kind: Kind
    target: str
    """A file, for Python also an import path; for `jsonl` and `paniclog` the file to write, for `webhook` a URL."""
    view: View
    start: Start = Start.NOW
    limits: ModuleLimits = field(default_factory=ModuleLimits)
    config: str = ""
    """Text for the module's own init: Python's `init(config)`, C's `tlswitness_module_init`."""
    allow: tuple[str, ...] = ()
    """What the confinement of Lua lets through: `io`, `os`, `loadlib`, `debug`."""
    output: str = ""
    """The file that takes what the module prints, as paniclog lines."""
    microseconds: bool = False
    """Whether the paniclog lines begin with 16 digits of microseconds in place of seconds."""
    batch: int = 500
    """webhook: points in one POST, at most."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """webhook: header fields of its requests. Secrets may be among them: they are never shown."""
