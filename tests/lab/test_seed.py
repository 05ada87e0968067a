import time
from pathlib import Path

import pytest

from tlswitness.lab.internet import Internet
from tlswitness.lab.seed import FAILURE, SUCCESS, Example, replay

PANICLOG = Path(__file__).parents[1] / "data" / "momentum_paniclog.txt"


def logged(example: Example) -> str:
    """The JSON of the manual page's log line for this example."""
    lines = PANICLOG.read_text("utf-8").splitlines()
    return next(line[line.index("{") :] for line in lines if "{" in line and line.startswith(str(example.epoch)))


@pytest.mark.parametrize("example", [SUCCESS, FAILURE], ids=["success", "failure"])
async def test_the_data_points_of_the_manual_page_come_out_of_real_deliveries(example: Example) -> None:
    async with Internet(time.time) as internet:
        assert await replay(internet, example) == logged(example)
