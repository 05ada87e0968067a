import time

import pytest

from tlswitness.delivery.outcome import Delivered, Envelope
from tlswitness.engine import Engine
from tlswitness.lab import Internet, cells, choose, staged
from tlswitness.lab.stage import (
    FIELDS,
    LOCAL,
    MESSAGE,
    NEVER,
    PATIENCE,
    PATIENT,
    REQUIRING,
    SENDER,
    STALE,
    waits,
)
from tlswitness.policy.sts import PolicyStore


async def test_a_scenario_for_an_engine_of_ones_own():
    (cell,) = choose(["A4/cache"])
    async with Internet(time.time) as internet, staged(internet, cell) as stage:
        (kept,) = PolicyStore(stage.config.mta_sts_policy_store).entries()
        assert kept.domain == cell.domain
        (server,) = stage.servers
        taken = len(server.received)
        async with Engine(stage.config, surroundings=stage.surroundings) as engine:
            outcome = await engine.deliver(b"Subject: x\r\n\r\n", Envelope("", (f"a@{cell.domain}",)))
        assert isinstance(outcome.recipients[0], Delivered)
        assert len(server.received) == taken + 1
        assert stage.surroundings.clock() > time.time() + STALE - 60


async def test_afterwards_it_is_gone():
    (cell,) = choose(["D1/none"])
    async with Internet(time.time) as internet:
        async with staged(internet, cell):
            assert internet.zone.has(cell.domain)
        assert not internet.zone.has(cell.domain)


@pytest.mark.parametrize(
    ("name", "timeout"),
    [("C10/dane", "handshake"), ("A4t/nocache", "policy_fetch"), ("B7t/sts", "dns"), ("C2t/none", "greeting")],
)
async def test_only_what_never_answers_is_waited_for_in_vain(name, timeout):
    (cell,) = choose([name])
    assert waits(cell.setup) == {timeout}
    async with Internet(time.time) as internet, staged(internet, cell) as stage:
        times = {name: getattr(stage.config.timeouts, name) for name in PATIENT}
    assert times == {**PATIENT, timeout: PATIENCE}


def test_the_tokens_are_those_of_the_table():
    used = {
        token for cell in cells() for token in (cell.setup.txt, cell.setup.policyhost, cell.setup.dns, cell.setup.mx)
    }
    assert set(NEVER) <= used
    assert {cell.setup.local for cell in cells()} == {*LOCAL, "own-name"}
    assert {cell.setup.message for cell in cells()} == {"", *FIELDS, *REQUIRING}


@pytest.mark.parametrize(
    ("name", "field", "requires", "sender"),
    [
        ("D1/none", False, False, SENDER),
        ("C15/none", True, False, SENDER),
        ("C16/none", True, True, SENDER),
        ("C16n/none", False, True, ""),
    ],
)
async def test_what_a_message_asks_for(name, field, requires, sender):
    (cell,) = choose([name])
    async with Internet(time.time) as internet, staged(internet, cell) as stage:
        envelope = stage.envelope
        assert stage.message.startswith(b"TLS-Required: No\r\n") == field
        assert stage.message.endswith(MESSAGE)
    assert (envelope.sender, envelope.recipients, envelope.require_tls) == (
        sender,
        (f"someone@{cell.domain}",),
        requires,
    )


@pytest.mark.parametrize(("name", "option"), [("C14/none", "source_ipv4"), ("N6/none", "own_names")])
async def test_faults_of_our_own(name, option):
    (cell,) = choose([name])
    async with Internet(time.time) as internet, staged(internet, cell) as stage:
        assert getattr(stage.config, option)


async def test_an_expired_policy():
    (cell,) = choose(["A17/cache"])
    async with Internet(time.time) as internet, staged(internet, cell) as stage:
        (kept,) = PolicyStore(stage.config.mta_sts_policy_store).entries()
        assert kept.policy.max_age < stage.clock.offset
