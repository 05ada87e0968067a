"""All modules of a daemon: started, reloaded, watched, stopped, shown.

Separate from the runner of one because here a set of specs becomes a set of runners, and a reload the difference
between two of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tlswitness.hooks.spec import ModuleSpec
from tlswitness.hooks.supervisor.check import why_not
from tlswitness.hooks.supervisor.home import home_of
from tlswitness.hooks.supervisor.runner import ModuleRunner
from tlswitness.hooks.supervisor.snapshot import ModuleSnapshot
from tlswitness.journal.names import sizes

TICK = 0.1
"""Seconds between two looks at each module."""
STOP_DEADLINE = 10.0
"""Seconds in which a call has to end when its module is stopped."""

_log = logging.getLogger("tlswitness.hooks")


@dataclass(frozen=True, slots=True)
class Applied:
    """What a reload did, by the names of modules."""

    started: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    """New versions that do not load, and why: the old ones go on."""


class Supervisor:
    """Runs modules. All in one event loop, whose thread lives as long as they shall: its end is theirs."""

    def __init__(self, journal: Path, hooks: Path) -> None:
        """`journal` is the directory of the segments, `hooks` takes a directory for each module."""
        self._journal = journal
        self._hooks = hooks
        self._runners: dict[str, ModuleRunner] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._changing = asyncio.Lock()
        self._checks: set[asyncio.Task[str]] = set()

    async def apply(self, specs: Iterable[ModuleSpec]) -> Applied:
        """Make the modules those of `specs`: start what is new, stop what is gone, replace what has changed, leave
        alone what has not. Cursors are kept; that of a new module has its place when this returns.

        A new version is tried first: where it does not load, the old one goes on. Raises ValueError for two modules of
        one name and for what is no name, before anything is done.
        """
        wanted = self._by_name(specs)
        async with self._changing:
            if self._timer is None:
                self._tick()
            gone = [name for name in self._runners if name not in wanted]
            new = [spec for name, spec in wanted.items() if name not in self._runners]
            changed = [
                spec for name, spec in wanted.items() if name in self._runners and self._runners[name].changed(spec)
            ]
            await asyncio.gather(*(self._runners.pop(name).stop(drain=0.0, deadline=STOP_DEADLINE) for name in gone))
            await asyncio.gather(*map(self._start, new))
            refusals = await asyncio.gather(*map(self._replace, changed))
        refused = {spec.name: why for spec, why in zip(changed, refusals, strict=True) if why}
        return Applied(
            started=tuple(spec.name for spec in new),
            replaced=tuple(spec.name for spec in changed if spec.name not in refused),
            stopped=tuple(gone),
            refused=tuple(refused.items()),
        )

    async def stop(self, *, drain: float = 0.0, deadline: float = STOP_DEADLINE) -> None:
        """Let all modules tell what the journal holds for up to `drain` seconds, then finish the call under way, then
        be killed after `deadline` seconds. Modules that are stopped stay to be shown.
        """
        for check in self._checks:
            check.cancel()
        async with self._changing:
            await asyncio.gather(*(runner.stop(drain=drain, deadline=deadline) for runner in self._runners.values()))
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def snapshots(self, octets: Mapping[str, int] | None = None) -> tuple[ModuleSnapshot, ...]:
        """Each module now, in the order in which they came. `octets` are those of each segment where the caller knows
        them; else this looks, and raises OSError where the journal cannot be listed.
        """
        known = sizes(self._journal) if octets is None else octets
        return tuple(runner.snapshot(known) for runner in self._runners.values())

    def _by_name(self, specs: Iterable[ModuleSpec]) -> dict[str, ModuleSpec]:
        wanted: dict[str, ModuleSpec] = {}
        for spec in specs:
            home_of(self._hooks, spec.name)
            if spec.name in wanted:
                raise ValueError(f"two modules have the name {spec.name!r}")
            wanted[spec.name] = spec
        return wanted

    async def _start(self, spec: ModuleSpec) -> None:
        runner = ModuleRunner(spec, journal=self._journal, home=home_of(self._hooks, spec.name))
        self._runners[spec.name] = runner
        await runner.start()

    async def _replace(self, spec: ModuleSpec) -> str:
        """Put a new version in the place of an old one, or say why not."""
        runner = self._runners[spec.name]
        if not runner.idle:
            reason = await self._why_not(spec)
            if reason:
                runner.refused = reason
                return reason
        await runner.stop(drain=0.0, deadline=STOP_DEADLINE)
        runner.spec = spec
        runner.refused = ""
        await runner.start()
        return ""

    async def _why_not(self, spec: ModuleSpec) -> str:
        """Why it does not load; that takes its time, and a stop does not wait for it."""
        asking = why_not(spec, journal=self._journal, home=home_of(self._hooks, spec.name))
        check = asyncio.get_running_loop().create_task(asking)
        self._checks.add(check)
        try:
            await asyncio.wait({check})
        finally:
            check.cancel()
            self._checks.discard(check)
        if check.cancelled():
            return "all modules are being stopped"
        if reason := check.result():
            _log.error("hook %s: its new version does not load, the old one goes on: %s", spec.name, reason)
        return reason

    def _tick(self) -> None:
        for runner in self._runners.values():
            runner.watch()
        self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)
