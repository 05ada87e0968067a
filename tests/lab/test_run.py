"""Every cell of the decision table, by real sessions: the list is the table's."""

import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tlswitness.datapoint import ResultType
from tlswitness.lab import Cell, cells
from tlswitness.lab.internet import Internet
from tlswitness.lab.run import show

SHOWN = [cell for cell in cells() if cell.not_shown is None]
SEEN: Counter[str] = Counter()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def internet() -> AsyncIterator[Internet]:
    async with Internet(time.time) as running:
        yield running


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("cell", SHOWN, ids=lambda cell: cell.id)
async def test_a_cell_ends_as_the_table_says(internet: Internet, cell: Cell) -> None:
    shown = await show(internet, cell)
    SEEN.update(point.result_type or "success" for point in shown.points)
    assert shown.differences == ()


def test_every_result_type_and_success_came_out() -> None:
    expected = {point.result for cell in SHOWN for point in cell.points}
    assert expected == {*ResultType, "success"}
    if len(SEEN) > 1:  # run as a whole, not cell by cell
        assert set(SEEN) == expected


def test_the_table_says_how_much_of_it_is_shown() -> None:
    assert len(SHOWN) >= 80
    assert all(cell.not_shown for cell in cells() if cell not in SHOWN)
