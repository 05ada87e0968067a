"""Who the journal is kept for: the modules that are configured, and for a while those that are so no more.

Separate because a name that is mistyped in a reload must not cost a module its place: its segments are held for a week,
loudly, and let go afterwards, loudly. Since when is kept in a file beside its cursor, so that no restart begins anew.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from tlswitness.hooks.progress import FILE, BadProgress, Progress
from tlswitness.service.status import Held

HELD = 7 * 86_400.0
"""Seconds."""
MARK = "unconfigured"
"""The file that has, in words and in its time, since when."""

_log = logging.getLogger(__name__)


class Consumers:
    """Looks after the directories of modules below `hooks`."""

    def __init__(self, hooks: Path) -> None:
        self._hooks = hooks
        self._told: dict[str, bool] = {}
        """By module: whether it was said that it is let go, else that it is held."""
        self.held: tuple[Held, ...] = ()

    def cursors(self, configured: Collection[str], now: float) -> dict[str, dict[str, int]]:
        """The cursors to wait for at `now` (Unix seconds), by module. Raises OSError where nothing can be listed."""
        found = {name: _cursor(self._hooks / name) or {} for name in configured}
        held = []
        for home in sorted(self._hooks.iterdir()) if self._hooks.is_dir() else ():
            if home.name in configured:
                (home / MARK).unlink(missing_ok=True)
                self._told.pop(home.name, None)
                continue
            cursor = _cursor(home)
            if cursor is None:
                continue
            until = self._since(home, now) + HELD
            if now < until:
                found[home.name] = cursor
                held.append(Held(name=home.name, until=until))
            self._tell(home, until, gone=now >= until)
        self.held = tuple(held)
        return found

    def _since(self, home: Path, now: float) -> float:
        mark = home / MARK
        with suppress(OSError):
            return mark.stat().st_mtime
        with suppress(OSError):
            mark.write_text("This module is configured no more, since the time of this file.\n")
        return now

    def _tell(self, home: Path, until: float, *, gone: bool) -> None:
        if self._told.get(home.name) is gone:
            return
        self._told[home.name] = gone
        days = HELD // 86_400
        words = (
            f"hook {home.name} has not been configured for {days:.0f} days: the journal is kept for it no longer"
            if gone
            else f"hook {home.name} is configured no more: the journal is kept for it for {days:.0f} days; "
            f"removing {home} ends that"
        )
        _log.warning("%s", words, extra={"fields": {"module": home.name, "until": int(until)}})


def _cursor(home: Path) -> dict[str, int] | None:
    """How far the module of this directory is: nothing more is waited for in segments that it has finished, whatever
    recovery puts at their end. None where there is no module, or its file is damaged.
    """
    try:
        with Progress.open(home / FILE) as progress:
            standing = progress.standing
    except (OSError, BadProgress):
        return None
    return {**standing.cursor, **dict.fromkeys(standing.finished, sys.maxsize)}
