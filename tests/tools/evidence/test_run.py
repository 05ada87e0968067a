"""The run itself, small: everybody is killed, the power fails, and each point is where it should be."""

from __future__ import annotations

import random

import pytest
from tools.evidence.plan import Plan
from tools.evidence.run import Run


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_nothing_is_missing_or_twice_while_everybody_is_killed(tmp_path):
    outcome = Run(Plan(tmp_path, 4, 15_000, batch=100, segment_bytes=100_000), 12, 2, random.Random(11)).carry_out()
    assert outcome.faults == []
    assert outcome.numbers["power cuts"] == 2
    assert outcome.numbers["lives of the daemon"] >= 3
    assert sum(number for name, number in outcome.numbers.items() if name.endswith("killed")) == 12
