"""Work that goes on beside all else, for as long as an engine or the daemon is open.

Separate because nobody waits for its result: should a bug end it, someone is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

_log = logging.getLogger(__name__)


def background(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Begin `work`; whoever does so must keep the task, and `cancel` it in the end."""
    task = asyncio.create_task(work)
    task.add_done_callback(_ended)
    return task


async def cancel(task: asyncio.Task[None]) -> None:
    """End it, and wait until it has ended. Never raises."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("a background task ended: %r", error, exc_info=error)
