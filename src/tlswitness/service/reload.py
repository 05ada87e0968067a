"""Reloads: a new configuration is read, checked as a whole, and made to hold as far as a running daemon can.

Separate because it must not matter when it fails: a configuration that is wrong changes nothing and is told, and so is
a new version of a module that does not load.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator

from tlswitness.config import ConfigError
from tlswitness.hooks.supervisor import Applied, Supervisor
from tlswitness.service.settings import ServiceSettings, applied, needs_restart
from tlswitness.service.status import Reload

Load = Callable[[], ServiceSettings]
"""Reads the configuration. Raises ConfigError, OSError."""

_log = logging.getLogger(__name__)


class Reloader:
    """Has the settings that hold now."""

    def __init__(
        self, settings: ServiceSettings, load: Load, supervisor: Supervisor, on_reload: Callable[[], None]
    ) -> None:
        self.settings = settings
        self.last: Reload | None = None
        self.count = self.failed = 0
        """Reloads that are over, and those that changed nothing because the configuration was wrong."""
        self._load = load
        self._supervisor = supervisor
        self._on_reload = on_reload

    async def reload(self) -> None:
        """Once. Never raises for what is in a file or in a module."""
        at = time.time()
        try:
            new = await asyncio.to_thread(self._load)
            done = await self._supervisor.apply(new.modules)
        except ConfigError as error:
            self._refused(at, tuple(str(problem) for problem in error.problems))
        except (OSError, ValueError) as error:
            self._refused(at, (str(error),))
        else:
            self._accepted(at, new, done)
        self.count += 1

    def _refused(self, at: float, problems: tuple[str, ...]) -> None:
        self.failed += 1
        self.last = Reload(at=at, applied=False, problems=problems)
        for problem in problems:
            _log.error("the configuration is not loaded anew, the old one holds: %s", problem)

    def _accepted(self, at: float, new: ServiceSettings, done: Applied) -> None:
        restart = needs_restart(self.settings, new)
        self.settings = applied(self.settings, new)
        self._on_reload()
        for warning in new.warnings:
            _log.warning("%s", warning)
        if restart:
            _log.warning("changed, but only a restart makes it so: %s", ", ".join(restart))
        problems = tuple(f"hook {name}: its new version does not load: {why}" for name, why in done.refused)
        changes = tuple(_changes(done))
        self.last = Reload(at=at, applied=True, problems=problems, needs_restart=restart, changes=changes)
        _log.info(
            "the configuration is loaded anew: %s",
            ", ".join(changes) or "no module has changed",
            extra={"fields": {"started": done.started, "replaced": done.replaced, "stopped": done.stopped}},
        )


def _changes(done: Applied) -> Iterator[str]:
    for word, names in (("started", done.started), ("replaced", done.replaced), ("stopped", done.stopped)):
        yield from (f"{name} {word}" for name in names)
