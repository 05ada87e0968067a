from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.datapoint.outcome import PolicyFacts, PolicyFailed
from tlswitness.datapoint.results import PolicyType
from tlswitness.dns.answer import RecordType, Security
from tlswitness.lab.fakes import FakeResolver, VirtualClock, until
from tlswitness.lab.policyhost import (
    Alert,
    Behaviour,
    Close,
    Hang,
    Plain,
    Reset,
    Serve,
    Silent,
    Speak,
    gzipped,
    policy_text,
    redirect,
)
from tlswitness.names import Domain
from tlswitness.policy.sts import service as module
from tlswitness.policy.sts.fetch import Fetched, FetchOutcome
from tlswitness.policy.sts.grammar import parse_policy
from tlswitness.policy.sts.model import MAX_AGE, StsAbsent, StsApplies, StsPolicy
from tlswitness.policy.sts.service import NotRefreshed, Refreshed, StsPolicies
from tlswitness.policy.sts.store import PolicyStore

DOMAIN = Domain("example.com")
BODY = policy_text("mx.example.com")
LINES = ("version: STSv1", "mode: enforce", "mx: mx.example.com", "max_age: 604800")
Break = Callable[[Any], None]


def behaves(behaviour: Behaviour, *, slow: bool = False) -> Break:
    def apply(world: Any) -> None:
        world.behave(behaviour)
        if slow:
            world.impatient()

    return apply


def presents(kind: str) -> Break:
    return lambda world: world.present(kind)


def txt(*texts: str) -> Break:
    return lambda world: world.txt(*texts)


def txt_gone(world: Any) -> None:
    world.resolver.remove("_mta-sts.example.com")


def txt_fails(code: str, security: Security = Security.FAILED) -> Break:
    return lambda world: world.resolver.fail("_mta-sts.example.com", RecordType.TXT, code, security)


def host_gone(world: Any) -> None:
    world.resolver.remove(world.name)


def host_without_address(world: Any) -> None:
    world.resolver.remove(world.name)
    world.resolver.add_txt(world.name, "something else")


def refuses(world: Any) -> None:
    world.ports[443] = 1


def private(world: Any) -> None:
    world.allowed = "192.0.2.0/24"


def body(*lines: str) -> Break:
    return behaves(Serve("".join(f"{line}\r\n" for line in lines).encode()))


VERSION, ENFORCE, MX, AGE = LINES

# What is broken (rows A1 to A12 of the decision table), the failure, whether it is one too where nothing is cached, and
# the lines of an invalid policy.
ROWS: list[tuple[str, Break, Failure, bool, tuple[str, ...]]] = [
    ("A1", txt_gone, Failure(Cause.STS_TXT_NONE), False, ()),
    ("A2", txt_fails("SERVFAIL"), Failure(Cause.STS_TXT_LOOKUP, "SERVFAIL"), False, ()),
    ("A2b", txt_fails("SERVFAIL EDE 6", Security.BOGUS), Failure(Cause.STS_TXT_LOOKUP, "SERVFAIL EDE 6"), False, ()),
    ("A2t", txt_fails("timeout"), Failure(Cause.STS_TXT_LOOKUP, "timeout"), False, ()),
    ("A3", txt("v=STSv1; id=2;", "v=STSv1; id=3;"), Failure(Cause.STS_TXT_MULTIPLE), False, ()),
    ("A3i", txt("v=STSv1;"), Failure(Cause.STS_TXT_INVALID, "no id"), False, ()),
    ("A3l", txt(f"v=STSv1; id={'a' * 33};"), Failure(Cause.STS_TXT_INVALID, "bad id"), False, ()),
    ("A3v", txt("v=STSv2; id=2;"), Failure(Cause.STS_TXT_NONE), False, ()),
    ("A4", host_gone, Failure(Cause.STS_HOST_LOOKUP, "NXDOMAIN"), True, ()),
    ("A4a", host_without_address, Failure(Cause.STS_HOST_LOOKUP, "NODATA"), True, ()),
    ("A4r", refuses, Failure(Cause.STS_CONNECT, "connection refused"), True, ()),
    ("A4t", behaves(Silent(), slow=True), Failure(Cause.STS_TIMEOUT), True, ()),
    ("A4g", private, Failure(Cause.STS_ADDRESS_REFUSED), True, ()),
    ("A5", presents("expired"), Failure(Cause.STS_CERT, "expired"), True, ()),
    ("A5n", presents("wrong name"), Failure(Cause.STS_CERT, "host mismatch"), True, ()),
    ("A5c", presents("common name only"), Failure(Cause.STS_CERT, "host mismatch"), True, ()),
    ("A5u", presents("unknown issuer"), Failure(Cause.STS_CERT, "unknown issuer"), True, ()),
    ("A5s", presents("self-signed"), Failure(Cause.STS_CERT, "self-signed"), True, ()),
    ("A6", behaves(Alert()), Failure(Cause.STS_TLS, "alert protocol version"), True, ()),
    ("A6r", behaves(Reset()), Failure(Cause.STS_TLS, "connection closed"), True, ()),
    ("A6c", behaves(Close()), Failure(Cause.STS_TLS, "connection closed"), True, ()),
    ("A6p", behaves(Plain()), Failure(Cause.STS_TLS, "wrong version number"), True, ()),
    *((f"A7/{code}", behaves(Serve(BODY, code)), Failure(Cause.STS_HTTP_STATUS, str(code)), True, ())
      for code in (206, 403, 404, 500)),
    ("A7n", behaves(Serve(b"", 204)), Failure(Cause.STS_HTTP_STATUS, "204"), True, ()),
    ("A7h", behaves(Speak(b"no HTTP\r\n\r\n")), Failure(Cause.STS_HTTP, "protocol error"), True, ()),
    *((f"A8/{code}", behaves(redirect(code, "https://mta-sts.example.com/x")),
       Failure(Cause.STS_HTTP_REDIRECT, str(code)), True, ()) for code in (301, 302, 307)),
    ("A9", behaves(Serve(b"x" * 70_000)), Failure(Cause.STS_TOO_LARGE), True, ()),
    ("A9z", behaves(gzipped(b"\0" * 1_000_000)), Failure(Cause.STS_TOO_LARGE), True, ()),
    ("A10", behaves(Serve(BODY, piece=1, pause=0.05), slow=True), Failure(Cause.STS_TIMEOUT), True, ()),
    ("A10h", behaves(Hang(), slow=True), Failure(Cause.STS_TIMEOUT), True, ()),
    ("A11", behaves(Serve(BODY, media_type="text/html")), Failure(Cause.STS_MEDIA_TYPE), True, ()),
    ("A12", body(ENFORCE, MX, AGE), Failure(Cause.STS_GRAMMAR, "no version"), True, (ENFORCE, MX, AGE)),
    ("A12m", body(VERSION, MX, AGE), Failure(Cause.STS_GRAMMAR, "no mode"), True, (VERSION, MX, AGE)),
    ("A12a", body(VERSION, ENFORCE, MX), Failure(Cause.STS_GRAMMAR, "no max_age"), True, (VERSION, ENFORCE, MX)),
    ("A12x", body(VERSION, ENFORCE, AGE), Failure(Cause.STS_GRAMMAR, "no mx"), True, (VERSION, ENFORCE, AGE)),
    ("A12u", body(VERSION, "mode: on", MX, AGE), Failure(Cause.STS_GRAMMAR, "unknown mode"), True,
     (VERSION, "mode: on", MX, AGE)),
    ("A12v", body("version: STSv2", ENFORCE, MX, AGE), Failure(Cause.STS_GRAMMAR, "unknown version"), True,
     ("version: STSv2", ENFORCE, MX, AGE)),
]  # fmt: skip


@pytest.mark.rfc(8461, "3.3")
@pytest.mark.rfc(8461, "6")
@pytest.mark.rfc(8461, "3")
@pytest.mark.rfc(8460, "4.3.2.2")
@pytest.mark.parametrize(
    ("breaks", "failure", "reportable", "lines"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS]
)
async def test_without_a_cached_policy(
    world: Any, breaks: Break, failure: Failure, reportable: bool, lines: tuple[str, ...]
) -> None:
    breaks(world)
    answer = await world.policies.find(DOMAIN)
    assert isinstance(answer, StsAbsent)
    assert answer.failure == (failure if reportable else None)
    assert answer.lines == lines
    assert failure.words in answer.reason
    assert answer.unsure == (failure.cause is not Cause.STS_TXT_NONE), "without a record the domain has said its word"
    facts = PolicyFacts(PolicyType.STS, "example.com", lines)
    assert answer.event() == (PolicyFailed("example.com", facts, failure) if reportable else None)


@pytest.mark.rfc(8461, "3.3")
@pytest.mark.rfc(8461, "6")
@pytest.mark.rfc(8461, "10.2")
@pytest.mark.parametrize(
    ("breaks", "failure", "reportable", "lines"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS]
)
async def test_with_a_cached_policy(
    world: Any, breaks: Break, failure: Failure, reportable: bool, lines: tuple[str, ...]
) -> None:
    first = await world.policies.find(DOMAIN)
    assert isinstance(first, StsApplies)
    world.restart()  # it is the file that resists
    world.clock.advance(600)
    if reportable:
        world.txt("v=STSv1; id=2;")
    breaks(world)
    answer = await world.policies.find(DOMAIN)
    assert answer == StsApplies(DOMAIN, first.policy, True, failure, lines, unsure=True)
    event = answer.event()
    assert event is not None
    assert event.policy.strings == (lines or LINES)
    assert event.failure == failure


@pytest.mark.rfc(8461, "3.3")
@pytest.mark.parametrize("breaks", [txt_gone, refuses, presents("expired"), body(VERSION, ENFORCE, AGE)])
async def test_a17_an_expired_policy_is_none(world: Any, breaks: Break) -> None:
    await world.policies.find(DOMAIN)
    world.clock.advance(604_800)
    breaks(world)
    answer = await world.policies.find(DOMAIN)
    assert isinstance(answer, StsAbsent)
    assert (answer.failure is None) == (breaks is txt_gone)


@pytest.mark.rfc(8461, "3.3")
async def test_a12_octets_that_are_not_utf8(world: Any) -> None:
    world.serve(BODY + b"x: \xff\r\n")
    answer = await world.policies.find(DOMAIN)
    assert answer.failure == Failure(Cause.STS_GRAMMAR, "not UTF-8")


@pytest.mark.rfc(8461, "3.2")
async def test_a13_a_max_age_that_is_too_great_is_cut(world: Any) -> None:
    world.serve(policy_text("mx.example.com", max_age=MAX_AGE + 1))
    answer = await world.policies.find(DOMAIN)
    assert isinstance(answer, StsApplies)
    assert answer.failure is None
    world.clock.advance(MAX_AGE)
    assert world.store.get(DOMAIN).expired(world.clock())


@pytest.mark.rfc(8461, "5")
@pytest.mark.rfc(8461, "8.3")
async def test_a14_mode_none_is_no_policy_and_replaces_one_at_once(world: Any) -> None:
    world.serve(policy_text(mode="none"))
    none = StsAbsent(DOMAIN, "the MTA-STS policy has mode none")
    assert await world.policies.find(DOMAIN) == none
    world.serve(BODY)
    world.txt("v=STSv1; id=2;")
    assert isinstance(await world.policies.find(DOMAIN), StsApplies)
    world.serve(policy_text(mode="none"))
    world.txt("v=STSv1; id=3;")
    assert await world.policies.find(DOMAIN) == none
    assert await world.policies.find(DOMAIN) == none
    assert world.fetches == 3


@pytest.mark.rfc(8461, "6")
@pytest.mark.parametrize("breaks", [txt_gone, txt_fails("SERVFAIL"), refuses, presents("expired")])
async def test_a15_failures_under_mode_none_are_not_reportable(world: Any, breaks: Break) -> None:
    world.serve(policy_text(mode="none"))
    await world.policies.find(DOMAIN)
    world.txt("v=STSv1; id=2;")
    breaks(world)
    assert await world.policies.find(DOMAIN) == StsAbsent(DOMAIN, "the MTA-STS policy has mode none", unsure=True)


@pytest.mark.rfc(8461, "3.3")
async def test_a16_a_fetch_that_failed_is_not_tried_again_for_five_minutes_unless_the_id_is_new(world: Any) -> None:
    world.behave(Serve(BODY, 404))
    assert (await world.policies.find(DOMAIN)).failure is not None
    world.clock.advance(299)
    answer = await world.policies.find(DOMAIN)
    assert answer == StsAbsent(DOMAIN, "the last fetch of the MTA-STS policy failed", unsure=True)
    assert world.fetches == 1
    world.txt("v=STSv1; id=2;")
    assert (await world.policies.find(DOMAIN)).failure is None  # real, but told 5 minutes ago
    assert world.fetches == 2
    world.clock.advance(300)
    assert (await world.policies.find(DOMAIN)).failure == Failure(Cause.STS_HTTP_STATUS, "404")
    assert world.fetches == 3
    world.serve(BODY)
    world.clock.advance(300)
    assert isinstance(await world.policies.find(DOMAIN), StsApplies)


async def test_a16_back_off_with_a_cached_policy_applies_it(world: Any) -> None:
    first = await world.policies.find(DOMAIN)
    world.txt("v=STSv1; id=2;")
    world.behave(Serve(BODY, 404))
    assert (await world.policies.find(DOMAIN)).failure is not None
    assert await world.policies.find(DOMAIN) == StsApplies(DOMAIN, first.policy, True, unsure=True)
    assert world.fetches == 2


@pytest.mark.rfc(8461, "3.1")
@pytest.mark.rfc(8461, "5.1")
@pytest.mark.rfc(8461, "3")
@pytest.mark.rfc(8461, "8.1")
async def test_a_cached_policy_of_the_same_id_is_applied_without_a_fetch(world: Any) -> None:
    first = await world.policies.find(DOMAIN)
    assert first == StsApplies(DOMAIN, first.policy, False)
    assert first.policy.lines == LINES
    world.serve(policy_text("other.example.com"))
    assert await world.policies.find(DOMAIN) == StsApplies(DOMAIN, first.policy, True)
    assert world.fetches == 1
    world.txt("v=STSv1; id=0;")  # ids have no order
    answer = await world.policies.find(DOMAIN)
    assert answer.policy.lines[2] == "mx: other.example.com"
    assert not answer.cached


@pytest.mark.rfc(8461, "3.1")
@pytest.mark.rfc(8461, "3.3")
async def test_a_record_that_vanishes_does_not_drop_the_policy_and_is_told_once_in_five_minutes(world: Any) -> None:
    first = await world.policies.find(DOMAIN)
    txt_gone(world)
    told = 0
    for _ in range(20):
        answer = await world.policies.find(DOMAIN)
        assert answer.policy == first.policy
        told += answer.failure is not None
        world.clock.advance(60)
    assert told == 4
    txt_fails("SERVFAIL")(world)  # another kind
    assert (await world.policies.find(DOMAIN)).failure == Failure(Cause.STS_TXT_LOOKUP, "SERVFAIL")


@pytest.mark.rfc(8461, "3.2")
async def test_a_lifetime_of_zero_is_for_this_delivery_only(world: Any) -> None:
    world.serve(policy_text("mx.example.com", max_age=0))
    for _ in range(2):
        answer = await world.policies.find(DOMAIN)
        assert isinstance(answer, StsApplies)
        assert not answer.cached
    assert world.fetches == 2
    txt_gone(world)
    assert isinstance(await world.policies.find(DOMAIN), StsAbsent)


@pytest.mark.rfc(8461, "3.4")
async def test_a_subdomain_has_no_part_in_its_parents_policy(world: Any) -> None:
    answer = await world.policies.find(Domain("sub.example.com"))
    assert isinstance(answer, StsAbsent)
    assert answer.failure is None


async def test_one_discovery_serves_all_who_wait_and_one_of_them_reports(world: Any) -> None:
    world.behave(Serve(BODY, 500))
    answers = await asyncio.gather(*(world.policies.find(DOMAIN) for _ in range(20)))
    assert world.fetches == 1
    assert world.resolver.asked("_mta-sts.example.com", RecordType.TXT) == 1
    assert [answer.failure is not None for answer in answers].count(True) == 1


async def test_a_waiter_that_gives_up_does_not_end_the_fetch_of_the_others(world: Any) -> None:
    world.behave(Serve(BODY, piece=20, pause=0.02))
    first, second = (asyncio.create_task(world.policies.find(DOMAIN)) for _ in range(2))
    await until(lambda: world.host.connections)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert isinstance(await second, StsApplies)


async def test_closing_ends_what_is_under_way(world: Any) -> None:
    world.behave(Hang())
    task = asyncio.create_task(world.policies.find(DOMAIN))
    await until(lambda: world.host.requests)
    await world.policies.aclose()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_options(world: Any) -> None:
    policies = world.policies
    assert await policies.find(DOMAIN, use=False, enable=False) == StsAbsent(DOMAIN, "MTA-STS is switched off")
    nothing = StsAbsent(DOMAIN, "no MTA-STS policy is cached, and none is fetched")
    assert await policies.find(DOMAIN, use=False) == nothing
    assert world.resolver.questions == []
    assert await policies.find(DOMAIN, enable=False) == StsAbsent(DOMAIN, "MTA-STS is not applied here")
    assert world.fetches == 1
    txt_gone(world)
    cached = await policies.find(DOMAIN, use=False)
    assert isinstance(cached, StsApplies)
    assert cached.cached
    assert cached.failure is None
    world.clock.advance(604_800)
    assert await policies.find(DOMAIN, use=False) == nothing


async def test_names_that_are_too_long_have_no_record(world: Any) -> None:
    assert isinstance(await world.policies.find(Domain(".".join(["a" * 60] * 4) + ".example")), StsAbsent)
    assert world.resolver.questions == []


async def test_use_is_noted(world: Any) -> None:
    await world.policies.find(DOMAIN)
    world.clock.advance(86_400)
    await world.policies.find(DOMAIN)
    world.restart()
    assert world.store.get(DOMAIN).last_used == world.clock()
    assert world.store.get(DOMAIN).fetched_at == world.clock() - 86_400


# Looking again before mail fails.


async def cached(world: Any) -> StsApplies:
    await world.policies.find(DOMAIN)
    answer = await world.policies.find(DOMAIN)
    assert isinstance(answer, StsApplies)
    assert answer.cached
    return answer


@pytest.mark.rfc(8461, "5")
@pytest.mark.rfc(8461, "5.1")
@pytest.mark.rfc(8461, "8.1")
@pytest.mark.rfc(8461, "10.3")
@pytest.mark.parametrize("new_id", [True, False])
async def test_recheck_finds_a_policy_that_was_mended(world: Any, new_id: bool) -> None:
    applied = await cached(world)
    world.serve(policy_text("new.example.com"))
    if new_id:
        world.txt("v=STSv1; id=2;")
    answer = await world.policies.recheck(applied)
    assert isinstance(answer, StsApplies)
    assert answer.policy.lines[2] == "mx: new.example.com"
    assert world.resolver.asked("_mta-sts.example.com", RecordType.TXT) == 3
    assert world.store.get(DOMAIN).id == ("2" if new_id else "1")


@pytest.mark.rfc(8461, "5")
@pytest.mark.rfc(8461, "8.3")
async def test_recheck_finds_a_policy_that_was_withdrawn(world: Any) -> None:
    applied = await cached(world)
    world.serve(policy_text(mode="none"))
    assert isinstance(await world.policies.recheck(applied), StsAbsent)
    assert isinstance(await world.policies.find(DOMAIN), StsAbsent)


@pytest.mark.rfc(8461, "5")
@pytest.mark.parametrize(
    ("breaks", "failure"),
    [
        (refuses, Failure(Cause.STS_CONNECT, "connection refused")),
        (presents("expired"), Failure(Cause.STS_CERT, "expired")),
        (host_gone, Failure(Cause.STS_HOST_LOOKUP, "NXDOMAIN")),
    ],
)
async def test_recheck_that_learns_nothing_keeps_the_demand(world: Any, breaks: Break, failure: Failure) -> None:
    applied = await cached(world)
    breaks(world)
    assert await world.policies.recheck(applied) == StsApplies(DOMAIN, applied.policy, True, failure)
    assert await world.policies.recheck(applied) == applied


@pytest.mark.rfc(8461, "5.1")
async def test_recheck_asks_for_the_body_even_where_the_record_is_gone(world: Any) -> None:
    applied = await cached(world)
    txt_gone(world)
    world.serve(policy_text("new.example.com"))
    answer = await world.policies.recheck(applied)
    assert answer.policy != applied.policy
    assert answer.failure is None


async def test_recheck_happens_once_in_five_minutes(world: Any) -> None:
    applied = await cached(world)
    answers = await asyncio.gather(*(world.policies.recheck(applied) for _ in range(10)))
    assert all(answer.policy == applied.policy for answer in answers)
    assert world.fetches == 2
    world.serve(policy_text("new.example.com"))
    assert await world.policies.recheck(applied) == applied
    world.clock.advance(300)
    newer = await world.policies.recheck(applied)
    assert newer.policy != applied.policy
    again = await world.policies.recheck(applied)  # what others learnt meanwhile is not looked up again
    assert again == StsApplies(DOMAIN, newer.policy, True)
    assert world.fetches == 3


async def test_recheck_keeps_to_the_back_off(world: Any) -> None:
    applied = await cached(world)
    world.txt("v=STSv1; id=2;")
    world.behave(Serve(BODY, 500))
    await world.policies.find(DOMAIN)
    assert await world.policies.recheck(applied) == applied
    assert world.fetches == 2


async def test_recheck_of_a_policy_that_was_just_fetched_does_nothing(world: Any) -> None:
    fetched = await world.policies.find(DOMAIN)
    assert await world.policies.recheck(fetched) == fetched
    assert world.fetches == 1


async def test_recheck_never_lowers_the_demand_because_the_cache_expired(world: Any) -> None:
    applied = await cached(world)
    world.clock.advance(604_800)
    refuses(world)
    answer = await world.policies.recheck(applied)
    assert isinstance(answer, StsApplies)
    assert answer.policy == applied.policy


# By hand.


async def test_refresh_by_hand(world: Any) -> None:
    first = await world.policies.refresh(DOMAIN)
    assert isinstance(first, Refreshed)
    assert first.changed
    world.clock.advance(60)
    second = await world.policies.refresh(DOMAIN)
    assert isinstance(second, Refreshed)
    assert not second.changed
    assert second.entry.fetched_at == first.entry.fetched_at + 60
    world.txt("v=STSv1; id=2;")
    world.behave(Serve(BODY, 404))
    for _ in range(2):  # no back-off
        failed = await world.policies.refresh(DOMAIN)
        assert failed == NotRefreshed(DOMAIN, Failure(Cause.STS_HTTP_STATUS, "404"), second.entry)
    world.serve(BODY)
    txt_gone(world)
    third = await world.policies.refresh(DOMAIN)
    assert isinstance(third, Refreshed)
    assert third.entry.id == "1"


async def test_refresh_by_hand_of_a_domain_without_record(world: Any) -> None:
    txt_gone(world)
    assert await world.policies.refresh(DOMAIN) == NotRefreshed(DOMAIN, Failure(Cause.STS_TXT_NONE), None)
    assert world.fetches == 0


# What the network has no part in.


class SlowFetcher:
    """Each fetch takes the body of its start and waits for its gate."""

    def __init__(self) -> None:
        self.gates: list[asyncio.Event] = []
        self.running = self.most = 0
        self.body = BODY

    async def fetch(self, domain: Domain) -> FetchOutcome:
        policy, body = parse_policy(self.body), self.body
        assert isinstance(policy, StsPolicy)
        self.running += 1
        self.most = max(self.most, self.running)
        self.gates.append(asyncio.Event())
        await self.gates[-1].wait()
        self.running -= 1
        return Fetched(policy, body)

    async def begun(self, count: int) -> None:
        await until(lambda: len(self.gates) >= count)


def many(count: int) -> FakeResolver:
    resolver = FakeResolver()
    for number in range(count):
        resolver.add_txt(f"_mta-sts.n{number}.example", "v=STSv1; id=1;")
    return resolver


async def test_fetches_at_a_time_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAIT", 0.05)
    fetcher = SlowFetcher()
    policies = StsPolicies(many(8), fetcher, PolicyStore(None), clock=VirtualClock(), max_fetches=3)
    tasks = [asyncio.create_task(policies.find(Domain(f"n{number}.example"))) for number in range(8)]
    refused = 0
    for task in asyncio.as_completed(tasks):
        answer = await task
        if isinstance(answer, StsAbsent):
            assert answer == StsAbsent(answer.domain, "too many MTA-STS policies are being fetched", unsure=True)
            refused += 1
        if refused == 5:
            for gate in fetcher.gates:
                gate.set()
    assert refused == 5
    assert fetcher.most == len(fetcher.gates) == 3


async def test_a_slow_refresh_does_not_undo_what_a_delivery_learnt() -> None:
    resolver, fetcher, clock = many(1), SlowFetcher(), VirtualClock()
    domain = Domain("n0.example")
    policies = StsPolicies(resolver, fetcher, PolicyStore(None), clock=clock)
    first = asyncio.create_task(policies.find(domain))
    await fetcher.begun(1)
    fetcher.gates[0].set()
    await first
    slow = asyncio.create_task(policies.fetch_again(domain, policies.store.get(domain)))
    await fetcher.begun(2)
    resolver.add_txt("_mta-sts.n0.example", "v=STSv1; id=2;")
    fetcher.body = policy_text("new.example.com")
    clock.advance(5)
    quick = asyncio.create_task(policies.find(domain))
    await fetcher.begun(3)
    fetcher.gates[2].set()
    newer = await quick
    kept = policies.store.get(domain)
    fetcher.gates[1].set()
    assert await slow == NotRefreshed(domain, None, kept)
    assert policies.store.get(domain) == kept
    assert isinstance(newer, StsApplies)
    assert kept is not None
    assert (kept.id, kept.policy) == ("2", newer.policy)


async def test_a_policy_that_no_thread_can_write_is_applied(
    world: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def none_left(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(asyncio, "to_thread", none_left)
    answer = await world.policies.find(DOMAIN)
    assert isinstance(answer, StsApplies)
    assert "is not kept: can't start new thread" in caplog.text
