"""What a check says of mail that requires TLS is what becomes of it."""

import asyncio
from dataclasses import replace

import pytest

from tlswitness.datapoint import Cause, Failure
from tlswitness.engine import Engine
from tlswitness.engine.check import RequireTls, require_tls
from tlswitness.lab import cells, staged
from tlswitness.lab.table import Mail
from tlswitness.policy.plan import Named, Plan, Refusal, Tag, make_plan

ASKING = [cell for cell in cells() if cell.setup.message == "require-tls" and cell.mail is not None]


@pytest.mark.rfc(8689, "4.2.1")
async def test_a_check_foretells_what_becomes_of_such_mail(internet):
    turns = asyncio.Semaphore(8)

    async def difference(cell):
        async with (
            turns,
            staged(internet, cell) as stage,
            Engine(stage.config, surroundings=stage.surroundings) as engine,
        ):
            check = await engine.check(cell.domain)
        answers = [require_tls(host) for way in check.ways for host in way.hosts]
        possible = any(answer.possible for answer in answers)
        return None if possible == (cell.mail is Mail.TLS) else f"{cell.id}: {answers}"

    assert len(ASKING) > 30
    assert not [each for each in await asyncio.gather(*map(difference, ASKING)) if each]


def required(make, look, named=Named.YES):
    plan = make_plan(make.domain, look.finding, make.absent, look.plan.local, tag=Tag.REQUIRE, named=named)
    return replace(look, required=plan)


def test_where_nobody_is_connected_to(make):
    look = required(make, make.host())
    assert isinstance(look.required, Plan)
    assert require_tls(look) == RequireTls(None, "mx.example.com was not connected to")
    refused = required(make, make.host(), Named.NO)
    assert isinstance(refused.required, Refusal)
    answer = require_tls(refused)
    assert answer.possible is False
    assert answer.text.startswith("no MTA-STS policy and no signed DNS record says")


def test_one_good_address_is_enough(make):
    good = replace(make.tried(address="192.0.2.2"), require_tls=True)
    for tries in ((make.tried(), good), (good, make.tried())):
        answer = require_tls(required(make, make.host(*tries)))
        assert answer == RequireTls(True, "mx.example.com is authenticated, and offers REQUIRETLS after STARTTLS")


def test_what_stands_in_the_way(make):
    mismatch = (Failure(Cause.CERT_HOST_MISMATCH),)
    offering = replace(make.tried(), require_tls=True)
    for tried, words in (
        (make.tried(), "does not offer REQUIRETLS after STARTTLS"),
        (replace(offering, webpki=mismatch), "SSL certificate subject does not match host"),
        (replace(offering, tls=replace(offering.tls, protocol="")), "is not spoken to over TLS"),
    ):
        answer = require_tls(required(make, make.host(tried)))
        assert not answer.possible
        assert words in answer.text
