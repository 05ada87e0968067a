"""Does a module load? A process that loads it and ends.

Separate because it has neither a cursor nor a call: it is asked before a running module gives way to its new version.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from tlswitness.hooks.host.order import Loaded, Message, Order, Refused
from tlswitness.hooks.spec import LOAD_DEADLINE, ModuleSpec
from tlswitness.hooks.supervisor.child import Child
from tlswitness.hooks.supervisor.death import how, last_words
from tlswitness.hooks.supervisor.stderr import StderrLines


async def why_not(spec: ModuleSpec, *, journal: Path, home: Path) -> str:
    """Why `spec` does not load; empty where it does. What it prints is part of the answer, not of the log."""
    heard: list[Message] = []
    lines = StderrLines(lambda _: None)

    def order(fd: int) -> Order:
        return Order(spec=spec, journal=str(journal), home=str(home), messages=fd, parent=os.getpid(), check=True)

    try:
        child = Child(order, on_message=heard.append, on_stderr=lines.feed)
    except (OSError, ValueError) as error:
        return f"no process can be started: {error}"
    late = ""
    try:
        if not await child.wait(LOAD_DEADLINE):
            late = f"loading took more than {LOAD_DEADLINE:g} s"
    finally:
        child.kill()
        await asyncio.shield(child.ended)
    lines.end()
    status = child.ended.result()
    for message in heard:
        if isinstance(message, Refused):
            return message.reason
        if isinstance(message, Loaded) and not late and status == 0:
            return ""
    return f"its process {how(status, spec.limits, late)}{last_words(tuple(lines.last))}"
