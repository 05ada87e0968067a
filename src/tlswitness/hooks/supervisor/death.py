"""How a module's process died, in words.

Separate because they are read in the log, in `hooks list` and in `status` alike, by somebody who has to find out why.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence

from tlswitness.hooks.host.order import EXIT_MEMORY
from tlswitness.hooks.progress import MAX_DEATHS
from tlswitness.hooks.spec import ModuleLimits

MAX_STORY = 2000
"""Characters."""
LINES = 10
"""Of what it wrote to stderr."""

_CRASH = "Fatal Python error"
"""Begins a trace whose first lines say most, where those of an exception do so at the end."""


def how(status: int, limits: ModuleLimits, killed_for: str) -> str:
    """From the exit status, or the negative number of a signal; `killed_for` is why the supervisor killed it."""
    if killed_for:
        return f"was killed: {killed_for}"
    if status == EXIT_MEMORY:
        return f"ran out of its {limits.memory} MiB of memory"
    if status >= 0:
        return f"ended by itself with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"died of {name}"


def story(words: str, where: str, count: int, last: Sequence[str]) -> str:
    """All of it. `where` names the point of the call, empty outside of one; `last` is what it wrote to stderr."""
    told = f"its process {words}, "
    told += f"telling the point at {where} (death {count} of {MAX_DEATHS} on it)" if where else "outside of a call"
    return told + last_words(last)


def last_words(last: Sequence[str]) -> str:
    """What counts of them, in one line; empty where there are none."""
    if not last:
        return ""
    at = next((at for at, line in enumerate(last) if line.startswith(_CRASH)), None)
    lines = list(last[-LINES:]) if at is None else list(last[max(0, at - 2) : at + LINES - 2])
    text = " | ".join(line.strip() for line in lines)
    if len(text) > MAX_STORY:
        text = "..." + text[-MAX_STORY:] if at is None else text[:MAX_STORY] + "..."
    return f"; its last words: {text}"
