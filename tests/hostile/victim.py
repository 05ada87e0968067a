"""A process that does nothing but deliver, so that what a peer costs can be measured: its memory is the engine's alone.

One order a line on standard input, one account a line on standard output. Orders may overlap.
"""

import asyncio
import base64
import contextlib
import json
import os
import pickle
import re
import resource
import socket
import sys
import time
import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tlswitness.config import Config
from tlswitness.datapoint import DataPoint, compact
from tlswitness.delivery.outcome import Envelope
from tlswitness.engine import Engine, Surroundings
from tlswitness.net import Dialer

NET = 3 << 30
"""Octets of address space: a limit that is broken must break the test, not the machine."""
MAX_ORDER = 1 << 20
STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Order:
    """Deliver one message; the two kinds of limits are in the configuration."""

    number: int
    config: Config
    surroundings: Surroundings
    message: bytes
    envelope: Envelope

    def line(self) -> bytes:
        return base64.b64encode(pickle.dumps(self)) + b"\n"

    @classmethod
    def of(cls, line: bytes) -> "Order":
        order = pickle.loads(base64.b64decode(line))
        assert isinstance(order, cls)
        return order


@dataclass(frozen=True)
class Account:
    """What became of it, and what it cost this process."""

    number: int
    outcome: str
    """`Delivered`, `Deferred`, `Failed`."""
    protocol: str
    text: str
    points: list[str]
    dials: int
    """Connections that were tried."""
    seconds: float
    cpu: float
    before: int
    peak: int
    """KiB of the process at most, before and behind it."""


@dataclass
class Counting:
    inner: Dialer
    dials: int = field(default=0)

    async def dial(self, address: str, port: int, *, source: str | None = None) -> socket.socket:
        self.dials += 1
        return await self.inner.dial(address, port, source=source)


async def carry_out(order: Order) -> Account:
    points: list[DataPoint] = []
    dialer = Counting(order.surroundings.dialer)
    around = replace(order.surroundings, dialer=dialer)
    forget_peak()
    before, started, cpu = peak(), time.monotonic(), time.process_time()
    async with Engine(order.config, hooks=[points.append], surroundings=around) as engine:
        (outcome,) = (await engine.deliver(order.message, order.envelope)).recipients
    return Account(
        number=order.number,
        outcome=type(outcome).__name__,
        protocol=outcome.tls.protocol if hasattr(outcome, "tls") else "",
        text=outcome.text,
        points=[compact(point) for point in points],
        dials=dialer.dials,
        seconds=time.monotonic() - started,
        cpu=time.process_time() - cpu,
        before=before,
        peak=peak(),
    )


def peak() -> int:
    """KiB at most since the last `forget_peak`. Not `ru_maxrss`: a process inherits that from whoever began it."""
    found = re.search(r"VmHWM:\s*(\d+) kB", STATUS.read_text())
    assert found is not None, "the kernel does not tell"
    return int(found[1])


def forget_peak() -> None:
    with contextlib.suppress(OSError):  # then each peak is the highest so far
        CLEAR_REFS.write_text("5")


async def serve() -> None:
    reader = asyncio.StreamReader(limit=MAX_ORDER)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks: set[asyncio.Task[Any]] = set()

    async def one(line: bytes) -> None:
        try:
            account = await carry_out(Order.of(line))
        except BaseException:  # noqa: BLE001 - whatever it is
            traceback.print_exc()
            os._exit(1)  # or the order would be waited for
        sys.stdout.write(json.dumps(vars(account)) + "\n")
        sys.stdout.flush()

    while line := await reader.readline():
        task = asyncio.create_task(one(line))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (NET, NET))
    asyncio.run(serve())


if __name__ == "__main__":
    from tests.hostile import victim  # the module that orders are pickled for; this one is called `__main__`

    victim.main()
