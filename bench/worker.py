"""A process that sends as it is told.

python -m bench.worker KIND LOOP; orders: {"send": [seconds, reuse, at once]}, {"gather": number},
{"each": [number, at once]}
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack
from typing import Any

from bench import child, parts
from bench.clients import KINDS, Client, Ours

WARM_UP = 0.1
"""Seconds of sending before anything is measured: policies are fetched, answers cached."""


async def main(kind: str) -> None:
    facts = json.loads(await asyncio.to_thread(sys.stdin.readline))
    async with AsyncExitStack() as stack:
        client = await KINDS[kind](facts, stack)
        for reuse, at_once in ((False, 2), (True, 1), (True, 2)):
            await client.send(time.perf_counter() + WARM_UP, reuse, at_once)
        child.say({})
        while line := await asyncio.to_thread(sys.stdin.readline):
            child.say(await _obey(client, json.loads(line)))


async def _obey(client: Client, order: dict[str, Any]) -> dict[str, object]:
    match order:
        case {"send": [seconds, reuse, at_once]}:
            cpu, start, spent = time.process_time(), time.perf_counter(), parts.spent.copy()
            count = await client.send(start + seconds, reuse, at_once)
            took, cpu = time.perf_counter() - start, time.process_time() - cpu
            return {"count": count, "seconds": took, "cpu": cpu, "parts": parts.spent - spent}
        case {"gather": number}:
            await client.gather(number)
            return {}
        case {"each": [number, at_once]}:
            assert isinstance(client, Ours)
            cpu = time.process_time()
            each = await client.each(number, at_once)
            return {"milliseconds": each, "cpu": time.process_time() - cpu}
        case _:
            raise ValueError(f"no such order: {order}")


if __name__ == "__main__":
    child.pin(child.CLIENTS)
    if sys.argv[2] == "uvloop":
        import uvloop

        uvloop.run(main(sys.argv[1]))
    else:
        asyncio.run(main(sys.argv[1]))
