"""What a session of ours is made of: the CPU of its parts, taken while it runs.

Each part is timed by the clock of its thread, around the calls that it consists of; the hook by the whole of its
thread. The clock itself is paid for by the session, so that the shares are a little too small, all by the same.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from tlswitness.delivery.tls import TlsLayer
from tlswitness.delivery.verdict.memo import Memo
from tlswitness.engine.reporter import Reporter

HANDSHAKE, VERDICT, REPORT, HOOK = "handshake", "verdict", "data points", "hook"
_WATCHED: tuple[tuple[type, str, str], ...] = (
    (TlsLayer, "__init__", HANDSHAKE),
    (TlsLayer, "handshake", HANDSHAKE),
    (Memo, "judge", VERDICT),
    (Reporter, "report", REPORT),
)

spent: Counter[str] = Counter()
"""Nanoseconds of CPU by part, since the start; of the hook's thread as it was when it was last told."""


def watch() -> None:
    """From now on; before an engine is made."""
    for owner, method, part in _WATCHED:
        setattr(owner, method, _timed(getattr(owner, method), part))


def in_hook() -> None:
    """To be called by the hook."""
    spent[HOOK] = time.thread_time_ns()


def _timed(call: Callable[..., Any], part: str) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.thread_time_ns()
        try:
            return call(*args, **kwargs)
        finally:
            spent[part] += time.thread_time_ns() - start

    return timed
