import time
from pathlib import Path

import pytest

from tlswitness.lab.internet import Internet
from tlswitness.lab.seed import EXAMPLES, Example, log_line, replay

PANICLOG = Path(__file__).parents[1] / "data" / "momentum_paniclog.txt"


def logged(example: Example) -> str:
    """The line of the manual page's log for this example."""
    lines = PANICLOG.read_text("utf-8").splitlines()
    return next(line for line in lines if "{" in line and line.startswith(str(example.epoch)))


@pytest.mark.parametrize("example", EXAMPLES, ids=["success", "failure"])
async def test_the_log_of_the_manual_page_comes_out_of_real_deliveries(example: Example) -> None:
    async with Internet(time.time) as internet:
        assert log_line(example, await replay(internet, example)) == logged(example)
