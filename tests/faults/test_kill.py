"""Processes killed at random moments; `python -m tools.faults` does the same for as long as it is told to."""

import random

import pytest
from tools.faults.kill import kill_engine, kill_send, kill_server

pytestmark = pytest.mark.slow

SEED = 8461
KILLS = 15


@pytest.mark.rfc(8461, "3.3")
async def test_an_engine_is_killed():
    """What it had said of messages is true, and the policies on disk are whole and the last that were written."""
    tally = await kill_engine(KILLS, random.Random(SEED))
    assert tally.faults == [], tally.words()
    numbers = tally.numbers
    assert numbers["kills"] == KILLS
    assert min(numbers["outcomes told"], numbers["policies kept"]) > 0


async def test_send_is_killed():
    tally = await kill_send(KILLS, random.Random(SEED))
    assert tally.faults == [], tally.words()
    assert tally.numbers["kills"] > 0
    assert tally.numbers["outcomes told"] > 0


@pytest.mark.rfc(5321, "4.5.4.1")
async def test_a_server_is_killed():
    tally = await kill_server(KILLS, random.Random(SEED))
    assert tally.faults == [], tally.words()
    assert min(tally.numbers[name] for name in ("delivered", "deferred")) > 0
