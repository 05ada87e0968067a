"""One process from its birth to its end, at a moment that is given, and what it says meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext

PATIENCE = 30.0
"""Seconds in which a process that was killed must be gone."""
READ = 64 * 1024


def forks() -> ForkServerContext:
    """Makes processes that have imported everything already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tools.faults.child", "tlswitness.cli.send_run"])
    return context


async def live(
    what: Callable[..., None],
    args: tuple[object, ...],
    seconds: float,
    hear: Callable[[str], None],
    *,
    most: int | None = None,
) -> int | None:
    """Let a process live so long, or until it has said `most` lines, kill it, and return its exit status.

    `hear` is given each line that it said.
    """
    reader, writer = multiprocessing.Pipe(duplex=False)
    process = forks().Process(target=what, args=(*args, writer), daemon=True)
    await asyncio.to_thread(process.start)
    writer.close()
    said_enough = asyncio.Event()
    count = itertools.count(1)

    def heard(line: str) -> None:
        hear(line)
        if next(count) == most:
            said_enough.set()

    lines = asyncio.create_task(_lines(reader, heard))
    enough = asyncio.create_task(said_enough.wait())
    try:
        await asyncio.wait([lines, enough], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        process.kill()
        await asyncio.wait_for(lines, PATIENCE)
    finally:
        enough.cancel()
        process.kill()
        await asyncio.to_thread(process.join, PATIENCE)
        reader.close()
    return process.exitcode


async def _lines(reader: Connection, hear: Callable[[str], None]) -> None:
    """Until the other end is closed, which a kill does too."""
    loop = asyncio.get_running_loop()
    number = reader.fileno()
    os.set_blocking(number, False)
    ready = asyncio.Event()
    loop.add_reader(number, ready.set)
    rest = b""
    try:
        while True:
            await ready.wait()
            ready.clear()
            with contextlib.suppress(BlockingIOError):
                data = os.read(number, READ)
                if not data:
                    return
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    hear(line.decode())
    finally:
        loop.remove_reader(number)
