"""What is told of a running daemon: to `tlswitness status`, to the metrics, to the service manager.

Separate because it is a value: those who show it, here or in another process, know neither modules nor files. It
travels as one JSON object; whoever reads it takes members that are missing as not known, so that a command may be newer
or older than the daemon.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from tlswitness.hooks.supervisor import ModuleSnapshot
from tlswitness.hooks.supervisor.snapshot import State

MAX_LAG = 60.0
"""Seconds that a module may be behind before something is wrong."""
MIN_FREE = 64 << 20
"""Octets of the disk that should be free: about a segment of the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalStatus:
    """The journal as it stands on the disk, and what the daemon wrote and removed."""

    directory: str
    chains: int = 0
    segments: int = 0
    octets: int = 0
    oldest: float | None = None
    """Unix seconds: when the oldest segment was made."""
    unsynced: int = 0
    """Octets of the daemon's own chain that are not known to be on the disk yet."""
    damaged: int = 0
    """Damages met since the start: at recovery, and by the module that met most."""
    torn: int = 0
    """Octets that were cut off at recovery since the start: written in part."""
    written: int = 0
    dropped: int = 0
    """Points of the daemon's own that were lost since the start."""
    pending: int = 0
    """Points of the daemon's own that wait for the disk."""
    failing: str = ""
    """Why the journal cannot be written, listed, recovered or cleaned; empty while it can."""
    removed: int = 0
    """Segments removed since the start, because they were old or the journal was too large."""
    free: int | None = None
    """Octets of its disk that are free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleStatus:
    """One module."""

    now: ModuleSnapshot
    lag: float = 0.0
    """Seconds that it is behind."""
    missed: int = 0
    """Octets that were removed since the start before it had been told them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """A reload, and what came of it."""

    at: float
    """Unix seconds."""
    applied: bool
    """False: the configuration was wrong, and the old one stayed."""
    problems: tuple[str, ...] = ()
    """What was wrong: with the configuration, or with new versions of modules."""
    needs_restart: tuple[str, ...] = ()
    """Options that were changed and hold only after a restart."""
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A module that is configured no more, for which segments are kept a while."""

    name: str
    until: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One daemon now."""

    version: str
    pid: int
    at: float
    """Unix seconds."""
    since: float
    """Unix seconds: when it was ready."""
    config: str
    """The configuration file; empty where there is none."""
    state: str
    """`running` or `stopping`."""
    journal: JournalStatus
    modules: tuple[ModuleStatus, ...] = ()
    reload: Reload | None = None
    """The last one."""
    reloads: int = 0
    failed_reloads: int = 0
    held: tuple[Held, ...] = ()
    metrics: str = ""
    """Where metrics are served; empty: nowhere."""
    faults: tuple[str, ...] = field(default=())
    """What else does not work, in words: a port that is taken."""

    def troubles(self) -> Iterator[str]:
        """All that is wrong, in words; nothing where all is well."""
        for module in self.modules:
            yield from troubles_of(module)
        yield from _of_journal(self.journal)
        if self.reload is not None:
            yield from (f"the last reload: {problem}" for problem in self.reload.problems)
            if self.reload.needs_restart:
                yield f"changed, but only a restart makes it so: {', '.join(self.reload.needs_restart)}"
        yield from self.faults


def encode(status: Status) -> bytes:
    """One line of JSON."""
    return msgspec.json.encode(status)


def decode(octets: bytes) -> Status:
    """What `encode` made, here or by another version. Raises ValueError."""
    return msgspec.json.decode(octets, type=Status)


def troubles_of(module: ModuleStatus) -> Iterator[str]:
    """All that is wrong with one module, in words."""
    now = module.now
    if now.state is State.FAILED or (now.refused and now.state not in (State.RUNNING, State.RETRYING)):
        yield f"hook {now.name} does not load: {now.refused or now.last_error}"
    elif now.refused:
        yield f"hook {now.name}: its new version does not load, the old one goes on: {now.refused}"
    if now.state is State.BACKING_OFF:
        yield f"hook {now.name} is being started again: {now.last_death or now.last_error}"
    if module.lag > MAX_LAG:
        why = f": {now.last_error}" if now.state is State.RETRYING and now.last_error else ""
        yield f"hook {now.name} is {module.lag:.0f} s behind, {now.behind} octets of the journal{why}"
    if module.missed:
        yield f"hook {now.name} was never told {module.missed} octets of the journal: they were removed"


def _of_journal(journal: JournalStatus) -> Iterator[str]:
    if journal.failing:
        yield f"the journal: {journal.failing}"
    if journal.dropped:
        yield f"{journal.dropped} data points were lost: the journal could not take them"
    if journal.damaged:
        yield f"the journal has damaged lines ({journal.damaged}); `tlswitness journal verify` tells where"
    if journal.free is not None and journal.free < MIN_FREE:
        yield f"only {journal.free >> 20} MiB are free on the disk of the journal"
