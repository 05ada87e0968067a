"""A crowd of hosts that take their time: the number of sessions is bounded, and so is the delivery as a whole."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tlswitness.delivery.hosts import MAX_HOSTS
from tlswitness.delivery.outcome import Deferred
from tlswitness.delivery.route import MAX_SESSIONS
from tlswitness.engine import Engine
from tlswitness.lab.choose import choose
from tlswitness.lab.internet import Internet
from tlswitness.lab.stage import MESSAGE, envelope, staged

GREETING = 0.1
DELIVERY = 1.5
LONG = 60.0
SLACK = 15.0


@pytest.fixture
async def internet() -> AsyncIterator[Internet]:
    async with Internet(time.time) as internet:
        yield internet


@pytest.mark.parametrize("mx", ["greeting-silent", "drip@greeting", "drip@ehlo", "421@greeting", "endless-line@ehlo"])
async def test_200_hosts_that_answer_badly(internet: Internet, mx: str) -> None:
    outcome, connections, seconds = await deliver(internet, mx, greeting=GREETING, ehlo=GREETING, delivery=LONG)
    assert isinstance(outcome, Deferred)
    assert connections == MAX_HOSTS <= MAX_SESSIONS
    assert seconds < MAX_HOSTS * 2 * GREETING + SLACK


@pytest.mark.parametrize("mx", ["greeting-silent", "drip@ehlo", "drip@tls-ehlo", "drip@handshake", "drip@dot"])
async def test_the_delivery_as_a_whole_has_an_end(internet: Internet, mx: str) -> None:
    outcome, connections, seconds = await deliver(internet, mx, delivery=DELIVERY)
    assert isinstance(outcome, Deferred)
    assert outcome.status == ("4.4.2" if mx == "drip@dot" else "4.4.7")
    assert outcome.uncertain == (mx == "drip@dot")
    assert connections == 1
    assert seconds < DELIVERY + SLACK


async def deliver(internet: Internet, mx: str, **timeouts: float) -> tuple[object, int, float]:
    """To a domain with 200 MX records, all of which lead to the same server."""
    (cell,) = choose(["H16/none"])
    async with staged(internet, replace(cell, setup=replace(cell.setup, mx=mx))) as stage:
        patient = dict.fromkeys(("greeting", "ehlo", "handshake", "starttls", "dot"), LONG)
        config = replace(stage.config, timeouts=replace(stage.config.timeouts, **(patient | timeouts)))
        started = time.monotonic()
        async with Engine(config, surroundings=stage.surroundings) as engine:
            (outcome,) = (await engine.deliver(MESSAGE, envelope(stage.site))).recipients
        return outcome, stage.servers[0].connections, time.monotonic() - started
