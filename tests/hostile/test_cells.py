"""Every cell of part H, and those of other parts in which a peer does as it likes, against a process that is measured.

The outcome is the table's. What it may cost: memory, time by the clocks that are configured, processor time,
connections. Floods go on until the client ends them (or half a gibibyte has been said), drips for ever.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from tests.hostile.victim import STATUS, Account, Order

from tlswitness.datapoint import DataPoint, decode
from tlswitness.lab.choose import choose
from tlswitness.lab.compare import Shown
from tlswitness.lab.internet import Internet
from tlswitness.lab.stage import MESSAGE, PATIENCE, PATIENT, envelope, staged, waits
from tlswitness.lab.table import Cell, Mail

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),  # the first item waits for all
    pytest.mark.skipif(not STATUS.exists(), reason="needs: a /proc that tells a process's memory"),
]

ALSO = [
    *("A4t", "A6", "A6r", "A6x", "A7h", "A8", "A9", "A9z", "A10", "B7l", "B7m", "B7t"),
    *("C2t", "C6", "C7", "C8", "C8c", "C9", "C9r", "C10", "C11", "C11c", "D8c", "D8p", "N4"),
]
"""Rows of other parts."""
CELLS = [cell for cell in choose(["H*/*", *ALSO]) if cell.not_shown is None]
BY_ONE = 16
"""MiB by which one cell may raise the process's highest memory so far."""
IN_ALL = 48
"""MiB by which all of them may, counted from a few deliveries without harm."""
DIALS = 30 + 8
"""Connections of one delivery: sessions, and those to the policy host."""
PROCESSOR = 5.0
"""Seconds that one delivery may keep a processor busy; those that run beside one another, together."""
SLACK = 20.0
"""Seconds that a busy machine may add to a clock of ours."""


@dataclass
class Victim:
    """The process, from the outside."""

    process: asyncio.subprocess.Process
    waiting: dict[int, asyncio.Future[Account]] = field(default_factory=dict)
    number: int = 0

    async def deliver(self, internet: Internet, cell: Cell) -> tuple[Account, Shown]:
        async with staged(internet, cell) as stage:
            before = stage.accepted
            account = await self._order(
                Order(self.number, stage.config, stage.surroundings, MESSAGE, envelope(stage.site))
            )
            accepted = stage.accepted - before
        points = tuple(point for text in account.points if isinstance(point := decode(text), DataPoint))
        mail = {"Deferred": Mail.DEFERRED, "Failed": Mail.FAILED}.get(account.outcome)
        mail = mail or (Mail.TLS if account.protocol else Mail.CLEAR)
        return account, Shown(cell, mail, account.text, points, accepted, account.seconds)

    async def _order(self, order: Order) -> Account:
        self.number += 1
        answer = self.waiting[order.number] = asyncio.get_running_loop().create_future()
        assert self.process.stdin is not None
        self.process.stdin.write(order.line())
        await self.process.stdin.drain()
        return await answer

    async def listen(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            account = Account(**json.loads(line))
            self.waiting.pop(account.number).set_result(account)
        for answer in self.waiting.values():
            answer.set_exception(RuntimeError("the process died: see its last words above"))


@asynccontextmanager
async def victim() -> AsyncIterator[Victim]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.hostile.victim",
        cwd=Path(__file__).parents[2],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    this = Victim(process)
    listening = asyncio.create_task(this.listen())
    try:
        yield this
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await listening
        await process.wait()


@dataclass(frozen=True)
class Suffered:
    """All that happened to the victim."""

    cells: Mapping[str, tuple[Account, Shown]]
    base: int
    """KiB at most before any harm."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suffered(request: pytest.FixtureRequest) -> Suffered:
    items = [item for item in request.session.items if item.path == request.path and hasattr(item, "callspec")]
    asked = [item.callspec.params["cell"] for item in items if "cell" in item.callspec.params]
    found: dict[str, tuple[Account, Shown]] = {}
    async with Internet(time.time) as internet, victim() as this:
        for cell in choose(["D1", "A9/cache"]):
            account, _ = await this.deliver(internet, cell)
        base = account.peak

        async def suffer(cell: Cell) -> None:
            found[cell.id] = await this.deliver(internet, cell)

        for cell in asked:
            if not waits(cell.setup):
                await suffer(cell)
        gc.collect()
        await asyncio.gather(*(suffer(cell) for cell in asked if waits(cell.setup)))
    return Suffered(found, base)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.id)
def test_harm_is_bounded_and_ends_as_the_table_says(suffered: Suffered, cell: Cell) -> None:
    account, shown = suffered.cells[cell.id]
    assert shown.differences == ()
    assert (account.peak - account.before) / 1024 < BY_ONE
    assert account.dials <= DIALS
    assert account.cpu < PROCESSOR * (len(waiting()) if waits(cell.setup) else 1)
    # What is not about waiting is ended by a limit, long before the clock; what is, by the clock.
    assert account.seconds < (PATIENCE + SLACK if waits(cell.setup) else min(PATIENT.values()))


def test_all_the_harm_together(suffered: Suffered) -> None:
    peak = max(account.peak for account, _ in suffered.cells.values())
    assert (peak - suffered.base) / 1024 < IN_ALL


def waiting() -> list[Cell]:
    return [cell for cell in CELLS if waits(cell.setup)]
