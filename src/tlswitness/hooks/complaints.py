"""Complaints about one hook in the log, rate-limited.

Separate because a hook that fails on every point of a busy MTA must not fill the log, and what was left unsaid is told
in the next line.
"""

from __future__ import annotations

import contextlib
import logging
import os
import traceback
from collections.abc import Callable
from pathlib import Path

MAX_COMPLAINT = 300
"""Characters of an error's own text in the log: a hook may put a whole data point into it."""

_OURS = f"{Path(__file__).parent}{os.sep}"
"""The code of this package, which is of no help to who has written a hook."""

log = logging.getLogger("tlswitness.hooks")


class Complaints:
    """One line, then none of the same kind for `interval` seconds of `clock`."""

    def __init__(
        self, hook: str, interval: float, clock: Callable[[], float], tell: Callable[[str, str], None] | None = None
    ) -> None:
        """`tell` takes the kind and the text; without it the log does, with the hook's name before the text."""
        self._hook = hook
        self._interval = interval
        self._clock = clock
        self._tell = tell or self._log
        self._said: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def say(self, kind: str, text: str) -> None:
        """Log `text`, or count it. The kinds are few and ours."""
        now = self._clock()
        last = self._said.get(kind)
        if last is not None and now - last < self._interval:
            self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
            return
        self._said[kind] = now
        unsaid = self._unsaid.pop(kind, 0)
        more = f" ({unsaid} more like this since the last line)" if unsaid else ""
        with contextlib.suppress(Exception):  # a handler of the program's own that raises must not end a hook's thread
            self._tell(kind, text + more)

    def _log(self, _: str, text: str) -> None:
        log.warning("hook %s: %s", self._hook, text)


def error_words(error: BaseException) -> str:
    """An exception of a hook on one line, and where it was raised, if that was in code of its own.

    Lua's errors name their place themselves, and a webhook has none.
    """
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - a hook's exception class may be as broken as the hook
        message = ""
    text = " ".join(f"{type(error).__name__}: {message}"[:MAX_COMPLAINT].split())
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or frames[-1].filename.startswith(_OURS):
        return text
    return f"{text} at {frames[-1].filename}:{frames[-1].lineno}"
