import asyncio
import itertools
import time
from dataclasses import replace

import pytest

from tlswitness.config import RouteHost
from tlswitness.delivery.course import Course, Literal
from tlswitness.delivery.outcome import Envelope
from tlswitness.dns.answer import RecordType
from tlswitness.engine import Engine
from tlswitness.engine.check import Fate, Severity
from tlswitness.engine.check.look import MAX_SESSIONS
from tlswitness.lab import Cell, cells, staged
from tlswitness.lab.compare import describe
from tlswitness.lab.stage import turns, waits
from tlswitness.lab.table import Mail
from tlswitness.names import Domain
from tlswitness.policy.plan import Refusal
from tlswitness.policy.sts import Entry, PolicyStore, StsApplies, StsPolicy, parse_policy

AFTER_EHLO = (
    *("@mail", "@rcpt", "@data", "@dot", "@rset", "@quit", "data-anyway"),
    *("unasked-one-by-one@ehlo", "unasked-one-by-one@tls-ehlo"),
)
"""What an MX does when it is given the mail."""
FATES = {
    Mail.TLS: Fate.DELIVERED,
    Mail.CLEAR: Fate.DELIVERED,
    Mail.DEFERRED: Fate.DEFERRED,
    Mail.FAILED: Fate.BOUNCED,
}


def comparable(cell: Cell) -> bool:
    setup = cell.setup
    if cell.not_shown is not None or setup.local or setup.twice or setup.message or turns(setup) or setup.dns == "ipv6":
        return False
    # A check says no MAIL, so what is refused there it cannot know.
    return not (cell.row.startswith("C13") or setup.mx.endswith(AFTER_EHLO) or waits(setup))


def some_of_each_row() -> list[Cell]:
    """One cell of each row, another column each time."""
    rows: dict[str, list[Cell]] = {}
    for cell in filter(comparable, cells()):
        rows.setdefault(cell.row, []).append(cell)
    return [row[number % len(row)] for number, row in enumerate(rows.values())]


@pytest.mark.rfc(8460, "4.3")
async def test_a_check_foretells_what_the_table_says_of_a_delivery(internet):
    turns = asyncio.Semaphore(8)

    async def difference(cell: Cell) -> str | None:
        async with (
            turns,
            staged(internet, cell) as stage,
            Engine(stage.config, surroundings=stage.surroundings) as engine,
        ):
            check = await engine.check(cell.domain)
        points = tuple(describe(point) for point in check.prospect.points)
        if points == cell.points and check.prospect.fate is FATES[cell.mail]:
            return None
        return f"{cell.id}: {check.prospect.fate}, {[str(point) for point in points]}"

    found = await asyncio.gather(*map(difference, some_of_each_row()))
    assert len(found) > 80
    assert not [each for each in found if each]


async def test_it_leaves_no_trace(stage, check):
    """No message, no policy in the store, no back-off, nothing told to hooks."""
    told = []
    site = await stage("D2/enforce")
    async with Engine(site.config, hooks=[told.append], surroundings=site.surroundings) as engine:
        await engine.check(site.site.domain)
        again = await engine.check(site.site.domain)
        assert engine.policies.store.entries() == ()
        assert len(again.prospect.points) == 1
    assert told == []
    assert not any(server.received for server in site.servers)


async def test_a_session_has_one_time(stage):
    site = await stage("D1/enforce")
    ticks = itertools.count(int(site.surroundings.clock()))
    around = replace(site.surroundings, clock=lambda: float(next(ticks)))
    async with Engine(site.config, surroundings=around) as engine:
        check = await engine.check(site.site.domain)
    ((tried,),) = [host.tries for way in check.ways for host in way.hosts]
    assert tried.points == check.prospect.points


async def test_a_delivery_behind_a_check_reports_all_the_same(stage):
    told = []
    site = await stage("A7/nocache")
    async with Engine(site.config, hooks=[told.append], surroundings=site.surroundings) as engine:
        check = await engine.check(site.site.domain)
        await engine.deliver(b"Subject: x\r\n\r\n", Envelope("", (f"a@{site.site.domain}",)))
    assert [describe(point) for point in told] == [describe(point) for point in check.prospect.points]
    assert len(told) == 2


async def test_hosts_behind_the_one_that_takes_the_mail_are_looked_at(stage, check, internet):
    site = await stage("C3n/enforce")
    domain, (bad, good) = site.site.domain, (mx.name for mx in site.site.mxs)
    internet.zone.mx(domain, (20, bad), (10, good))
    seen = await check(site)
    assert seen.prospect.relay.host == good
    assert [describe(point).result for point in seen.prospect.points] == ["success"]
    (problem,) = [finding for finding in seen.findings if finding.severity is Severity.PROBLEM]
    assert (problem.code, problem.mx) == ("starttls-not-offered", bad)
    assert seen.problems


async def test_one_host_alone(stage, check, internet):
    site = await stage("C3n/enforce")
    bad = site.site.mxs[0].name
    seen = await check(site, mx=bad.upper())
    assert [look.host.key for look in seen.ways[0].hosts] == [bad]
    assert seen.prospect.fate is Fate.DEFERRED
    seen = await check(site, mx="new.example.test")
    (look,) = seen.ways[0].hosts
    assert isinstance(look.plan, Refusal)
    assert seen.findings[0].code == "sts-mx-mismatch"


async def test_without_connecting(stage, check):
    site = await stage("S6-1/both")
    seen = await check(site, connect=False)
    assert seen.prospect.fate is Fate.UNKNOWN
    assert seen.prospect.protected_by == ("tlsa", "sts")
    assert not any(look.tries for look in seen.ways[0].hosts)
    assert not seen.problems
    text = "nobody was connected to"
    assert (seen.prospect.text, seen.prospect.relay) == (text, None)


def other_policy(domain: str, record_id: str, mx: str) -> Entry:
    body = f"version: STSv1\r\nmode: enforce\r\nmx: {mx}\r\nmax_age: 864000\r\n".encode()
    policy = parse_policy(body)
    assert isinstance(policy, StsPolicy)
    now = int(time.time())
    return Entry(Domain(domain), record_id, policy, body, now, now)


@pytest.mark.rfc(8461, "5.1")
async def test_a_cached_policy_in_the_way_is_looked_up_anew(stage, check):
    site = await stage("D1/enforce")
    domain = site.site.domain
    old = other_policy(domain, "2", "mx.elsewhere.test")
    PolicyStore(site.config.mta_sts_policy_store).put(old)
    seen = await check(site)
    assert seen.prospect.fate is Fate.DELIVERED
    (way,) = seen.ways
    assert isinstance(way.again, StsApplies)
    assert len(way.passes) == 2
    assert [describe(point).result for point in seen.prospect.points] == ["validation-failure", "success"]
    codes = {finding.code for finding in seen.findings}
    assert {"sts-rechecked", "sts-same-id"} <= codes
    assert PolicyStore(site.config.mta_sts_policy_store).get(Domain(domain)) == old
    untried = await check(site, connect=False)
    assert untried.prospect.fate is Fate.UNKNOWN


async def test_a_route_of_the_operators(stage, check):
    site = await stage("D1/none")
    mx = site.site.mxs[0]
    route = (RouteHost("192.0.2.255", 9), RouteHost(mx.address, None))
    seen = await check(site, {"route": route, "source_ipv4": "127.0.0.1"})
    assert [type(way.course) for way in seen.ways] == [Literal, Literal]
    assert seen.prospect.relay.address == mx.address
    assert seen.prospect.points == ()
    route = (RouteHost(mx.name, None),)
    seen = await check(site, {"route": route})
    (way,) = seen.ways
    assert isinstance(way.course, Course)
    assert way.course.next_hop.domain == mx.name
    assert "route" in {finding.code for finding in seen.findings}


async def test_records_that_do_nothing(stage, check):
    site = await stage("B1/opportunistic")
    seen = await check(site)
    assert seen.ways[0].hosts[0].idle_tlsa
    assert {"tlsa-idle", "dnssec-unsigned", "unprotected"} <= {finding.code for finding in seen.findings}


async def test_the_number_of_sessions_is_bounded(stage, check, internet):
    site = await stage("D1/none")
    for number in range(4):
        internet.zone.address(f"mx{number}.many.test", *(f"127.200.{number}.{last}" for last in range(1, 15)))
    internet.zone.mx(site.site.domain, *((10, f"mx{number}.many.test") for number in range(4)))
    seen = await check(site)
    assert sum(len(look.tries) for look in seen.ways[0].hosts) == MAX_SESSIONS
    assert internet.nameserver.count("mx3.many.test", RecordType.A) == 1


async def test_names_that_are_none(stage, check):
    site = await stage("N2/none")
    async with Engine(site.config, surroundings=site.surroundings) as engine:
        for domain, mx in (("a..b", None), ("example.com", "127.0.0.1"), ("", None)):
            with pytest.raises(ValueError, match="is not a host name"):
                await engine.check(domain, mx=mx)
    assert not (await check(site)).exists
