"""Retention where no daemon runs: who writes to a journal that nobody looks after does so himself, now and then.

Separate from `retention` because it knows no consumers: it waits a week longer than was configured, which is as long as
the cursor of a module counts that is not configured any more. The size is a limit at once.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace

from tlswitness.journal.lock import LOCK
from tlswitness.journal.names import hold
from tlswitness.journal.retention import Retired, retire
from tlswitness.journal.settings import DAY, JournalSettings

EVERY = 3600.0
"""Seconds from one time to the next, whoever does it; the time of the lock's file tells the last one."""
GRACE = 7 * DAY
"""Seconds beyond `keep_seconds`."""

_log = logging.getLogger("tlswitness.journal")


def tidy(settings: JournalSettings, now: float) -> Retired | None:
    """Remove what is too old or too much at `now` (Unix seconds), and say so; None where it is not time, or somebody
    else's task. Raises OSError.
    """
    fd = os.open(settings.directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if 0 <= now - os.fstat(fd).st_mtime < EVERY or not hold(fd):
            return None
        os.ftruncate(fd, 0)  # nobody's number: a daemon that starts now waits for a moment
        os.utime(fd, (now, now))
        retired = retire(replace(settings, keep_seconds=settings.keep_seconds + GRACE), {}, now)
    finally:
        os.close(fd)
    if retired.segments:
        _log.warning("removed %d segments of the journal, %d octets", len(retired.segments), retired.octets)
    return retired
