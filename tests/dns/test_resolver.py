import asyncio
import itertools
import logging
from collections.abc import Callable

import pytest

from tlswitness.dns import (
    Alias,
    Denied,
    DnsResolver,
    Found,
    LookupFailed,
    MxHosts,
    RecordType,
    Security,
    Server,
    TlsaRecord,
    TrustReport,
    TrustState,
    find_mx,
)
from tlswitness.dns.resolver import LOOKS
from tlswitness.lab.dnsreply import Conduct
from tlswitness.lab.fakes import VirtualClock
from tlswitness.lab.nameserver import NameServer
from tlswitness.lab.zone import BOGUS, Failing, Silent, insecure
from tlswitness.names import Domain

Maker = Callable[..., DnsResolver]
TLSA = TlsaRecord(3, 1, 1, bytes(32))
TLSA_NAME = "_25._tcp.mx.example.com"
A, MX = RecordType.A, RecordType.MX


class NameServerAt(NameServer):
    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    async def __aenter__(self) -> NameServer:
        await self.start(self._address)
        return self


@pytest.fixture
def signed(lab: NameServer) -> NameServer:
    """A domain with DANE."""
    lab.zone.mx("example.com", (10, "mx.example.com"))
    lab.zone.address("mx.example.com", "192.0.2.25")
    lab.zone.tlsa("mx.example.com", TLSA)
    lab.zone.mx("plain.example", (10, "mx.plain.example"), secure=False)
    return lab


async def learn(resolver: DnsResolver) -> None:
    for name, rtype in (("example.com", MX), ("mx.example.com", A), (TLSA_NAME, RecordType.TLSA)):
        answer = await resolver.lookup(name, rtype)
        assert isinstance(answer, Found)
        assert answer.secure


async def code(resolver: DnsResolver, name: str, rtype: RecordType) -> str:
    answer = await resolver.lookup(name, rtype)
    return answer.code if isinstance(answer, LookupFailed) else str(answer.security)


async def test_the_cache_answers_without_a_query(lab: NameServer, resolver_for: Maker, clock: VirtualClock) -> None:
    lab.zone.address("example.com", "192.0.2.1")
    resolver = resolver_for(lab.server)
    for name in ("example.com", "EXAMPLE.com", "example.com."):
        assert isinstance(await resolver.lookup(name, A), Found)
    assert lab.count("example.com", A) == 1
    clock.advance(300)
    await resolver.lookup("example.com", A)
    assert lab.count("example.com", A) == 2
    resolver.flush()
    await resolver.lookup("example.com", A)
    assert lab.count("example.com", A) == 3


async def test_equal_questions_share_one_query(lab: NameServer, resolver_for: Maker) -> None:
    lab.zone.address("example.com", "192.0.2.1")
    resolver = resolver_for(lab.server)
    answers = await asyncio.gather(*(resolver.lookup("example.com", A) for _ in range(20)))
    assert len({id(answer) for answer in answers}) == 1
    assert lab.count("example.com", A) == 1


async def test_one_waiter_that_gives_up_leaves_the_answer_to_the_others(lab: NameServer, resolver_for: Maker) -> None:
    lab.zone.address("example.com", "192.0.2.1")
    resolver = resolver_for(lab.server)
    first = asyncio.create_task(resolver.lookup("example.com", A))
    second = asyncio.create_task(resolver.lookup("example.com", A))
    await asyncio.sleep(0)
    first.cancel()
    assert isinstance(await second, Found)
    assert lab.count("example.com", A) == 1


async def test_closing_ends_what_is_under_way(lab: NameServer, resolver_for: Maker) -> None:
    lab.zone.set("example.com", A, Silent())
    resolver = resolver_for(lab.server, timeout=30.0, self_test=True)
    waiting = asyncio.create_task(resolver.lookup("example.com", A))
    while not lab.count("example.com", A):  # noqa: ASYNC110
        await asyncio.sleep(0)
    await resolver.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_failures_are_kept_for_a_moment_only(lab: NameServer, resolver_for: Maker, clock: VirtualClock) -> None:
    lab.zone.set("example.com", A, Failing())
    resolver = resolver_for(lab.server)
    for _ in range(3):
        assert await code(resolver, "example.com", A) == "SERVFAIL"
    assert lab.count("example.com", A) == 1
    lab.zone.address("example.com", "192.0.2.1")
    clock.advance(1)
    assert await code(resolver, "example.com", A) == Security.SECURE


@pytest.mark.rfc(7672, "2.1.1")
@pytest.mark.parametrize("self_test", [True, False])
async def test_never_secure_from_an_untrusted_path(resolver_for: Maker, self_test: bool) -> None:
    async with NameServerAt("127.0.0.53") as forwarder:
        forwarder.zone.address("example.com", "192.0.2.1")
        resolver = resolver_for(forwarder.server, self_test=self_test)
        assert await code(resolver, "example.com", A) == Security.INSECURE
        assert resolver.trust.state is TrustState.UNTRUSTED
        named = resolver_for(forwarder.server, self_test=self_test, trusted=frozenset({"127.0.0.53"}))
        assert await code(named, "example.com", A) == Security.SECURE


@pytest.mark.rfc(7672, "2.1.3")
@pytest.mark.parametrize(
    ("alias", "target", "whole", "hop"),
    [
        (True, True, Security.SECURE, Security.SECURE),
        (True, False, Security.INSECURE, Security.SECURE),
        (False, True, Security.INSECURE, Security.INSECURE),
    ],
)
async def test_the_first_hop_has_a_security_of_its_own(
    lab: NameServer, resolver_for: Maker, alias: bool, target: bool, whole: Security, hop: Security
) -> None:
    lab.zone.alias("mx.example.com", "Host.example.net", secure=alias)
    lab.zone.address("host.example.net", "192.0.2.1", secure=target)
    resolver = resolver_for(lab.server)
    chain = (Alias("mx.example.com", "Host.example.net"),)
    assert await resolver.lookup("mx.example.com", A) == Found(("192.0.2.1",), whole, 300, chain)
    assert await resolver.lookup("mx.example.com", RecordType.CNAME) == Found(("Host.example.net",), hop, 300)


@pytest.mark.parametrize(
    ("conduct", "state", "dane", "security"),
    [
        (Conduct.VALIDATING, TrustState.VALIDATING, True, "secure"),
        (Conduct.AD_NEVER, TrustState.NOT_VALIDATING, False, "insecure"),
        (Conduct.AD_ALWAYS, TrustState.NOT_VALIDATING, False, "insecure"),
        (Conduct.STRIP_DO, TrustState.NOT_VALIDATING, False, "insecure"),
        (Conduct.SERVFAIL_SIGNED, TrustState.UNPROVEN, True, "SERVFAIL EDE 9"),
        (Conduct.CUT, TrustState.UNPROVEN, True, "SERVFAIL EDE 22"),
        (Conduct.DEAD, TrustState.UNPROVEN, True, "timeout"),
    ],
)
async def test_the_start_test_comes_before_the_first_answer(
    signed: NameServer,
    resolver_for: Maker,
    caplog: pytest.LogCaptureFixture,
    conduct: Conduct,
    state: TrustState,
    dane: bool,
    security: str,
) -> None:
    caplog.set_level(logging.INFO)
    signed.conduct = conduct
    told: list[TrustReport] = []
    timeout = 0.03 if conduct is Conduct.DEAD else 5.0
    resolver = resolver_for(signed.server, self_test=True, on_trust=told.append, timeout=timeout)
    assert await code(resolver, "example.com", MX) == security
    assert resolver.trust.state is state
    assert resolver.trust.dane is dane
    assert told == [resolver.trust]
    loud = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert bool(loud) is (state is TrustState.NOT_VALIDATING)
    assert all(str(signed.server) in record.getMessage() for record in loud)


async def test_an_inconclusive_test_changes_nothing(
    signed: NameServer, resolver_for: Maker, clock: VirtualClock
) -> None:
    resolver = resolver_for(signed.server, self_test=True)
    await learn(resolver)
    signed.zone.set(".", RecordType.SOA, Failing())
    clock.advance(7200)
    assert (await resolver.test_trust()).state is TrustState.VALIDATING
    await learn(resolver)


@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.parametrize("loss", [Conduct.AD_NEVER, Conduct.AD_ALWAYS, Conduct.STRIP_DO])
async def test_a_later_loss_defers_what_is_known_and_recovers(
    signed: NameServer, resolver_for: Maker, clock: VirtualClock, loss: Conduct
) -> None:
    told: list[TrustState] = []
    resolver = resolver_for(signed.server, self_test=True, on_trust=lambda report: told.append(report.state))
    await learn(resolver)
    signed.conduct = loss
    clock.advance(7200)
    report = await resolver.test_trust()
    assert report.state is TrustState.LOST
    assert report.alarm
    for name, rtype in (
        ("example.com", MX),
        ("mx.example.com", A),
        ("mx.example.com", RecordType.AAAA),
        ("mx.example.com", RecordType.CNAME),
        (TLSA_NAME, RecordType.TLSA),
    ):
        failed = await resolver.lookup(name, rtype)
        assert isinstance(failed, LookupFailed)
        assert (failed.code, failed.security) == ("dnssec-lost", Security.FAILED)
        assert str(signed.server) in failed.detail
    assert await code(resolver, "plain.example", MX) == Security.INSECURE
    assert await code(resolver, "never.seen.example", MX) == Security.INSECURE
    signed.conduct = Conduct.VALIDATING
    await resolver.test_trust()
    await learn(resolver)
    assert await code(resolver, "never.seen.example", MX) == Security.SECURE
    assert told == [TrustState.VALIDATING, TrustState.LOST, TrustState.VALIDATING]


@pytest.mark.rfc(7672, "2.1.2")
async def test_a_loss_between_tests_is_found_by_the_first_known_name(
    signed: NameServer, resolver_for: Maker, clock: VirtualClock
) -> None:
    resolver = resolver_for(signed.server, self_test=True)
    await learn(resolver)
    signed.conduct = Conduct.AD_NEVER
    clock.advance(600)
    assert await code(resolver, "plain.example", MX) == Security.INSECURE
    assert resolver.trust.state is TrustState.VALIDATING
    assert await code(resolver, "mx.example.com", A) == "dnssec-lost"
    assert resolver.trust.state is TrustState.LOST


@pytest.mark.rfc(7672, "2.1.2")
async def test_a_loss_right_after_a_test_is_found_too(
    signed: NameServer, resolver_for: Maker, clock: VirtualClock
) -> None:
    resolver = resolver_for(signed.server, self_test=True)
    await learn(resolver)
    resolver.flush()
    signed.conduct = Conduct.AD_NEVER
    clock.advance(1)
    assert await code(resolver, TLSA_NAME, RecordType.TLSA) == "dnssec-lost"


@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.parametrize("rtype", [MX, A, RecordType.TLSA])
async def test_a_loss_whose_test_shows_nothing_gives_up_no_known_name(
    signed: NameServer, resolver_for: Maker, clock: VirtualClock, rtype: RecordType
) -> None:
    resolver = resolver_for(signed.server, self_test=True)
    await learn(resolver)
    assert resolver.trust.state is TrustState.VALIDATING
    signed.zone.set(".", RecordType.SOA, Failing())
    signed.conduct = Conduct.AD_NEVER
    clock.advance(600)
    name = {MX: "example.com", A: "mx.example.com", RecordType.TLSA: TLSA_NAME}[rtype]
    assert await code(resolver, name, rtype) == "dnssec-lost"
    assert resolver.trust.state is TrustState.VALIDATING


@pytest.mark.rfc(7672, "2.1.2")
async def test_the_loss_of_one_of_two_resolvers_is_no_proof_by_the_other(
    signed: NameServer, resolver_for: Maker, clock: VirtualClock
) -> None:
    async with NameServer(signed.zone) as other:
        resolver = resolver_for(signed.server, other.server, self_test=True)
        await learn(resolver)
        signed.conduct = Conduct.AD_NEVER
        clock.advance(600)
        assert await code(resolver, TLSA_NAME, RecordType.TLSA) == Security.SECURE
        assert resolver.trust.state is TrustState.VALIDATING
        assert resolver.trust.alarm


async def test_a_known_name_is_not_given_up_while_tests_are_inconclusive(
    signed: NameServer, resolver_for: Maker, clock: VirtualClock
) -> None:
    resolver = resolver_for(signed.server, self_test=True)
    signed.zone.set(".", RecordType.SOA, Failing())
    await learn(resolver)
    assert resolver.trust.state is TrustState.UNPROVEN
    signed.zone.change(lambda key: key[0] != "", insecure)
    clock.advance(600)
    assert await code(resolver, TLSA_NAME, RecordType.TLSA) == "dnssec-lost"


async def test_a_zone_that_was_unsigned_is_believed_after_a_test(
    signed: NameServer, resolver_for: Maker, clock: VirtualClock
) -> None:
    resolver = resolver_for(signed.server, self_test=True)
    await learn(resolver)
    signed.zone.change(lambda _: True, insecure)
    clock.advance(600)
    signed.forget_queries()
    for name, rtype in (("example.com", MX), ("mx.example.com", A), (TLSA_NAME, RecordType.TLSA)):
        assert await code(resolver, name, rtype) == Security.INSECURE
    # The MX and the address by tests that began after they were seen to be insecure; the TLSA records are then those of
    # a host that has no DANE any more.
    assert signed.count(".", RecordType.SOA) == 2 * LOOKS
    signed.conduct = Conduct.AD_NEVER
    clock.advance(7200)
    await resolver.test_trust()
    assert await code(resolver, "mx.example.com", A) == Security.INSECURE


async def test_the_generation_changes_with_each_change_of_standing_and_each_flush(
    signed: NameServer, resolver_for: Maker, clock: VirtualClock
) -> None:
    resolver = resolver_for(signed.server, self_test=True)
    seen = [resolver.generation]

    async def step(conduct: Conduct) -> None:
        signed.conduct = conduct
        await resolver.test_trust()
        seen.append(resolver.generation)

    await step(Conduct.VALIDATING)
    await step(Conduct.VALIDATING)
    await step(Conduct.AD_NEVER)
    await step(Conduct.VALIDATING)
    await resolver.lookup("example.com", MX)
    clock.advance(7200)
    await step(Conduct.VALIDATING)
    resolver.flush()
    seen.append(resolver.generation)
    changed = [before != after for before, after in itertools.pairwise(seen)]
    assert changed == [True, False, True, True, False, True]
    assert len(set(seen)) == 5


async def test_an_answer_from_before_a_change_of_standing_is_not_kept(
    signed: NameServer, resolver_for: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test that shows the change runs while the answer is under way."""
    resolver = resolver_for(signed.server, self_test=True)
    await resolver.test_trust()
    answer = signed.answer

    def late(wire: bytes, *, tcp: bool = False) -> bytes | None:
        reply = answer(wire, tcp=tcp)
        if signed.count("plain.example", MX) == 1:
            resolver.flush()
        return reply

    monkeypatch.setattr(signed, "answer", late)
    for number in (1, 2, 2):
        assert await code(resolver, "plain.example", MX) == Security.INSECURE
        assert signed.count("plain.example", MX) == number


async def test_one_resolver_that_passes_is_proof_where_another_is_dead(
    signed: NameServer, resolver_for: Maker, clock: VirtualClock
) -> None:
    async with NameServer(signed.zone) as other:
        resolver = resolver_for(other.server, signed.server, self_test=True, timeout=0.3)
        await learn(resolver)
        other.conduct = Conduct.DEAD
        signed.zone.change(lambda _: True, insecure)
        clock.advance(600)
        assert await code(resolver, "example.com", MX) == Security.INSECURE


async def test_a_periodic_test_runs_beside_a_lookup(
    signed: NameServer, resolver_for: Maker, clock: VirtualClock
) -> None:
    resolver = resolver_for(signed.server, self_test=True)
    await learn(resolver)
    clock.advance(3600)
    signed.conduct = Conduct.AD_NEVER
    signed.forget_queries()
    await resolver.lookup("plain.example", MX)
    await resolver.test_trust()
    assert signed.count(".", RecordType.SOA) == 1
    assert resolver.trust.state is TrustState.LOST


async def test_concurrent_callers_share_one_test(signed: NameServer, resolver_for: Maker) -> None:
    resolver = resolver_for(signed.server, self_test=True)
    await asyncio.gather(*(resolver.lookup(f"h{number}.example", A) for number in range(10)))
    assert signed.count(".", RecordType.SOA) == 1


async def test_a_server_that_does_not_validate_is_not_asked_beside_one_that_does(
    signed: NameServer, resolver_for: Maker, clock: VirtualClock
) -> None:
    async with NameServer(conduct=Conduct.AD_NEVER) as other:
        other.zone = signed.zone
        signed.zone.set("bogus.example", A, BOGUS)
        resolver = resolver_for(other.server, signed.server, Server("192.0.2.53"), self_test=True)
        await learn(resolver)
        assert await code(resolver, "bogus.example", A) == "SERVFAIL EDE 6"
        assert set(other.queries) == {("", RecordType.SOA), ("home.arpa", RecordType.SOA)}
        assert resolver.trust.alarm


async def test_the_case_of_an_mx_arrives(lab: NameServer, resolver_for: Maker) -> None:
    lab.zone.mx("ectest.omniti.com", (10, "server.ectest.OMNITI.com"))
    found = await find_mx(resolver_for(lab.server), Domain("ectest.omniti.com"))
    assert isinstance(found, MxHosts)
    assert [str(host) for host in found.hosts] == ["server.ectest.OMNITI.com"]


async def test_names_that_exist_for_other_types(lab: NameServer, resolver_for: Maker) -> None:
    lab.zone.tlsa("mx.example.com", TLSA)
    resolver = resolver_for(lab.server)
    denied = await resolver.lookup("mx.example.com", A)
    assert isinstance(denied, Denied)
    assert denied.secure
