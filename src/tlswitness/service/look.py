"""From what the daemon has to its status.

Separate because it asks everybody, the disk among them, and none of them knows how he is shown.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tlswitness import __version__
from tlswitness.hooks.supervisor import ModuleSnapshot, Supervisor
from tlswitness.journal import JournalSink, SegmentName, Writer, segments, sizes
from tlswitness.service.janitor import Janitor
from tlswitness.service.lag import Lags
from tlswitness.service.status import JournalStatus, ModuleStatus, Status

FRESH = 0.5
"""Seconds for which a status is told again: who asks a thousand times a second must not keep the disk busy."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Who is asked."""

    supervisor: Supervisor
    sink: JournalSink
    writer: Writer
    janitor: Janitor
    directory: Path
    about: Callable[[Status], Status]
    """Adds what the daemon knows of itself."""


class Looker:
    """Makes the status, and remembers what has to be held against later looks. All in one event loop."""

    def __init__(self, sources: Sources, clock: Callable[[], float] = time.time) -> None:
        self._sources = sources
        self._clock = clock
        self._lags = Lags()
        self._damaged: dict[str, int] = {}
        """What each module had met when it was first seen."""
        self._looking = asyncio.Lock()
        self._last: Status | None = None

    async def look(self) -> Status:
        """The status now, or of a moment ago."""
        async with self._looking:
            if self._last is None or not 0 <= self._clock() - self._last.at < FRESH:
                self._last = self._sources.about(await self._made())
            return self._last

    async def _made(self) -> Status:
        failing = ""
        octets: dict[str, int] = {}
        snapshots: tuple[ModuleSnapshot, ...] = ()
        names: list[SegmentName] = []
        try:
            names, octets = await asyncio.to_thread(_listed, self._sources.directory)
            self._lags.look(time.monotonic(), octets)
            snapshots = self._sources.supervisor.snapshots(octets)
        except OSError as error:
            failing = f"it cannot be listed: {error}"
        now = self._clock()
        return Status(
            version=__version__,
            pid=os.getpid(),
            at=now,
            since=now,
            config="",
            state="",
            journal=self._journal(names, octets, snapshots, failing),
            modules=tuple(self._module(snapshot) for snapshot in snapshots),
            held=self._sources.janitor.consumers.held,
        )

    def _module(self, snapshot: ModuleSnapshot) -> ModuleStatus:
        lag = self._lags.seconds(time.monotonic(), snapshot.behind)
        return ModuleStatus(now=snapshot, lag=lag, missed=self._sources.janitor.swept.missed.get(snapshot.name, 0))

    def _journal(
        self, names: list[SegmentName], octets: dict[str, int], snapshots: tuple[ModuleSnapshot, ...], failing: str
    ) -> JournalStatus:
        swept, counters = self._sources.janitor.swept, self._sources.sink.counters()
        met = [each.counts.damaged - self._damaged.setdefault(each.name, each.counts.damaged) for each in snapshots]
        watermark = self._sources.writer.watermark
        return JournalStatus(
            directory=str(self._sources.directory),
            chains=len({name.chain for name in names}),
            segments=len(names),
            octets=sum(octets.values()),
            oldest=min((float(name.created) for name in names), default=None),
            unsynced=0 if watermark is None else max(0, octets.get(watermark[0], 0) - watermark[1]),
            damaged=swept.damaged + max(met, default=0),
            torn=swept.torn,
            written=counters.written,
            dropped=counters.dropped,
            pending=counters.pending,
            failing="; ".join(each for each in (failing, counters.failing, swept.failing) if each),
            removed=swept.removed,
            free=_free(self._sources.directory),
        )


def _listed(directory: Path) -> tuple[list[SegmentName], dict[str, int]]:
    """The segments and their octets. Raises OSError."""
    names = segments(directory)
    return names, sizes(directory, names)


def _free(directory: Path) -> int | None:
    try:
        status = os.statvfs(directory)
    except OSError:
        return None
    return status.f_bavail * status.f_frsize
