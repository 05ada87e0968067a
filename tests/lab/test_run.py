"""Every cell of the decision table, by real sessions: the list is the table's.

All that are asked for are run at once, before the first of them is looked at.
"""

import time
from collections.abc import Mapping
from dataclasses import replace

import pytest
import pytest_asyncio

from tlswitness.datapoint import ResultType
from tlswitness.lab.choose import choose
from tlswitness.lab.compare import NotShown, Result, Shown
from tlswitness.lab.internet import Internet
from tlswitness.lab.mx import MxServer
from tlswitness.lab.run import show, shown
from tlswitness.lab.site import Mx
from tlswitness.lab.table import Cell, Mail, cells

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),  # the first item waits for all
]
LEAST = 200
"""Cells: a table that shrinks is not to go unseen."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def results(request: pytest.FixtureRequest) -> Mapping[str, Result]:
    """What became of each cell that this run has a test for, by its id."""
    items = [item for item in request.session.items if item.path == request.path and hasattr(item, "callspec")]
    asked = [item.callspec.params["cell"] for item in items]
    async with Internet(time.time) as internet:
        return {result.cell.id: result async for result in shown(internet, asked)}


@pytest.mark.parametrize("cell", [cell for cell in cells() if cell.not_shown is None], ids=lambda cell: cell.id)
def test_a_cell_ends_as_the_table_says(results: Mapping[str, Result], cell: Cell) -> None:
    match results[cell.id]:
        case Shown(differences=differences):
            assert differences == ()
        case NotShown(reason=reason):
            pytest.skip(reason)


def test_every_result_type_and_success_came_out(results: Mapping[str, Result]) -> None:
    came = {
        point.result_type or "success" for one in results.values() if isinstance(one, Shown) for point in one.points
    }
    if len(results) > LEAST:  # run as a whole, not cell by cell
        assert came == {*ResultType, "success"}


def test_the_table_says_how_much_of_it_is_shown() -> None:
    assert sum(cell.not_shown is None for cell in cells()) >= LEAST


async def test_what_the_table_does_not_show() -> None:
    (cell,) = choose(["C1/dane"])
    async with Internet(time.time) as internet:
        assert await show(internet, cell) == NotShown(cell, str(cell.not_shown))


async def test_an_address_that_this_machine_lacks_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    serve = Internet.serve

    async def elsewhere(self: Internet, mx: Mx) -> MxServer:
        return await serve(self, replace(mx, address="192.0.2.1"))

    monkeypatch.setattr(Internet, "serve", elsewhere)
    (cell,) = choose(["N5/none"])
    async with Internet(time.time) as internet:
        result = await show(internet, cell)
    assert isinstance(result, NotShown)
    assert "cannot listen for an MX on 192.0.2.1" in result.reason


async def test_other_troubles_of_this_machine_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def too_many(self: Internet, mx: Mx) -> MxServer:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(Internet, "serve", too_many)
    async with Internet(time.time) as internet:
        with pytest.raises(OSError, match="Too many open files"):
            [result async for result in shown(internet, choose(["D1"]))]


async def test_a_wrong_expectation_is_seen() -> None:
    (cell,) = choose(["C3/none"])
    async with Internet(time.time) as internet:
        result = await show(internet, replace(cell, mail=Mail.TLS, points=()))
    assert isinstance(result, Shown)
    assert len(result.differences) == 2


async def test_the_order_is_that_of_the_cells() -> None:
    asked = choose(["C10/dane", "D1/none", "C3/none"])[::-1]
    async with Internet(time.time) as internet:
        assert [result.cell async for result in shown(internet, asked)] == list(asked)
