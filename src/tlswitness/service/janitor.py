"""What has to be done in a journal's directory now and then: close what dead writers left, remove what may go.

Separate because it goes on for as long as the daemon runs, works on the disk, and may fail there: the next sweep tries
again, and meanwhile `failing` says why.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from tlswitness.journal import JournalSettings, Recovered, recover, retire
from tlswitness.journal.retention import Retired
from tlswitness.service.consumers import Consumers

EVERY = 60.0
"""Seconds between two sweeps."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Swept:
    """All that was done since the start."""

    damaged: int = 0
    torn: int = 0
    """Octets."""
    removed: int = 0
    """Segments."""
    missed: dict[str, int] = field(default_factory=dict)
    """Octets that were removed before a module had been told them."""
    failing: str = ""


class Janitor:
    """For who holds the directory's lock. One sweep at a time."""

    def __init__(self, hooks: Path) -> None:
        self.consumers = Consumers(hooks)
        self.swept = Swept()

    def recover(self, directory: Path) -> None:
        """Close the segments whose writers died, and tell of each. Never raises."""
        try:
            found = recover(directory)
        except OSError as error:
            self._fails("a segment whose writer died cannot be closed", error)
            return
        for each in found:
            self._tell_recovered(each)

    def sweep(self, settings: JournalSettings, configured: Collection[str], now: float) -> None:
        """All of it, at `now` (Unix seconds); `configured` are the names of the modules. Never raises."""
        self.swept.failing = ""
        self.recover(settings.directory)
        try:
            cursors = self.consumers.cursors(configured, now)
            retired = retire(settings, cursors, now)
        except OSError as error:
            self._fails("what is old cannot be removed", error)
            return
        self._tell_retired(retired)

    def _tell_recovered(self, recovered: Recovered) -> None:
        self.swept.damaged += recovered.damaged
        self.swept.torn += recovered.cut
        worse = recovered.cut or recovered.damaged
        fields = {"segment": recovered.segment.id, "cut": recovered.cut, "damaged": recovered.damaged}
        level = logging.WARNING if worse else logging.INFO
        _log.log(level, "recovered %s", recovered, extra={"fields": fields})

    def _tell_retired(self, retired: Retired) -> None:
        if not retired.segments:
            return
        self.swept.removed += len(retired.segments)
        _log.info(
            "removed %d segments of the journal, %d octets",
            len(retired.segments),
            retired.octets,
            extra={"fields": {"segments": len(retired.segments), "octets": retired.octets}},
        )
        for name, octets in retired.missed.items():
            self.swept.missed[name] = self.swept.missed.get(name, 0) + octets
            _log.error(
                "hook %s was not told %d octets of the journal: they were removed before, for want of room",
                name,
                octets,
                extra={"fields": {"module": name, "octets": octets}},
            )

    def _fails(self, what: str, error: OSError) -> None:
        self.swept.failing = f"{what}: {error}"
        _log.error("%s", self.swept.failing)
