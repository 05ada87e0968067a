"""From host to host until everyone is settled."""

import asyncio
import logging
import random
from dataclasses import replace

import pytest

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.datapoint.outcome import NotReportable, PolicyFailed
from tlswitness.delivery import route
from tlswitness.delivery.attempt import Broken
from tlswitness.delivery.decided import HOLD
from tlswitness.delivery.hosts import MAX_HOSTS
from tlswitness.delivery.outcome import Deferred, Delivered, Envelope, Failed, Relay
from tlswitness.delivery.pool import Pool
from tlswitness.delivery.route import MAX_SESSIONS, Router
from tlswitness.delivery.settings import Destination, Family, Hop, Limits, Sender
from tlswitness.delivery.smtp.message import prepare
from tlswitness.dns.answer import Alias, Found, MxRecord, RecordType, Security, TlsaRecord
from tlswitness.lab.fakes import FakeResolver, VirtualClock, until
from tlswitness.names import Domain, HostName, parse_host, parse_pattern
from tlswitness.policy.plan import LocalRules, Tag, TlsWanted
from tlswitness.policy.sts.model import Mode, StsAbsent, StsApplies, StsPolicy

DOMAIN = Domain("example.com")
CONTENT = prepare(b"Subject: hi\r\n\r\nhello\r\n")
A, B = "a@example.com", "b@example.com"
TLSA = TlsaRecord(3, 1, 1, bytes(32))
OPTIONAL = prepare(b"TLS-Required: No\r\nSubject: hi\r\n\r\nhello\r\n")
FETCH_FAILED = Failure(Cause.STS_HTTP_STATUS, "404")


def policy(*patterns, mode=Mode.ENFORCE):
    return StsPolicy(mode, 60, tuple(map(parse_pattern, patterns)), ("version: STSv1", f"mode: {mode}", *patterns))


class Policies:
    """What MTA-STS says, without a network."""

    def __init__(self):
        self.answers = {}
        self.rechecked = {}
        self.found = []
        self.rechecks = []

    async def find(self, domain, *, use, enable):
        self.found.append((domain, use, enable))
        return self.answers.get(domain, StsAbsent(domain, "no record"))

    async def recheck(self, applied):
        self.rechecks.append(applied.domain)
        return self.rechecked.get(applied.domain, applied)


class World:
    """A router in an Internet of dicts."""

    def __init__(self, memory):
        self.memory = memory
        self.resolver = FakeResolver()
        self.policies = Policies()
        self.opener = memory.Opener()
        self.clock = VirtualClock()
        self.pool = Pool(self.clock)
        self.router = Router(self.resolver, self.policies, self.opener, self.pool, self.clock, random.Random(1))
        self.destination = Destination(DOMAIN, Sender("us.example.org", own_names=frozenset({host("us.example.org")})))

    def mx(self, *hosts, domain="example.com", security=Security.INSECURE):
        """`mx1.example.com` and so on, preferred in their order, at 192.0.2.1 and so on."""
        records = [MxRecord(10 * number, name) for number, name in enumerate(hosts, 1)]
        self.resolver.add(domain, RecordType.MX, *records, security=security)
        for number, name in enumerate(hosts, 1):
            self.address(name, f"192.0.2.{number}", security=security)

    def address(self, name, *addresses, security=Security.INSECURE):
        for rtype, colon in ((RecordType.A, False), (RecordType.AAAA, True)):
            of_type = [address for address in addresses if (":" in address) is colon]
            if of_type:
                self.resolver.add(name, rtype, *of_type, security=security)

    def serve(self, address, **answers):
        self.opener.servers[address] = server = self.memory.Server(**answers)
        return server

    def sts(self, answer, domain=DOMAIN, **options):
        self.policies.answers[domain] = StsApplies(domain, answer, **{"cached": True, **options})

    async def deliver(self, *recipients, sender="me@example.org", require_tls=False, content=CONTENT, **options):
        envelope = Envelope(sender, recipients or (A,), require_tls=require_tls)
        return await self.router.deliver(replace(self.destination, **options), envelope, content)

    def tlsa(self, *hosts):
        for name in hosts:
            self.resolver.add(f"_25._tcp.{name}", RecordType.TLSA, TLSA, security=Security.SECURE)

    def passes_on(self, address, **answers):
        """A server that offers REQUIRETLS."""
        server = self.serve(address, **answers)
        server.capabilities = replace(server.capabilities, require_tls=True)
        return server

    def lacks(self, address):
        """A server that does not, as the opener finds."""

        def server(plan):
            assert plan.tag is Tag.REQUIRE
            return Broken(Relay(plan.host.text, address, 25), "5.7.30", "no REQUIRETLS", "requiretls-not-supported")

        self.opener.servers[address] = server

    def fails(self, address, status="4.7.5", *, sts_forbids=False):
        self.opener.servers[address] = lambda plan: Broken(
            Relay(plan.host.text, address, 25), status, "it failed", "failed", sts_forbids=sts_forbids
        )

    @property
    def tags(self):
        return [plan.tag for _, plan in self.opener.opened]

    @property
    def events(self):
        return [outcome for outcome in self.opener.reported if isinstance(outcome, PolicyFailed)]


def host(name):
    parsed = parse_host(name)
    assert isinstance(parsed, HostName)
    return parsed


@pytest.fixture
async def world(memory):
    world = World(memory)
    yield world
    await world.pool.close()
    for server in world.opener.servers.values():
        if isinstance(server, memory.Server):
            assert all(connection.end for connection in server.connections), "a connection was left open"


async def test_the_best_mx_gets_the_mail(world):
    world.mx("mx1.example.com", "mx2.example.com")
    server = world.serve("192.0.2.1")
    world.serve("192.0.2.2")
    (outcome,) = await world.deliver()
    assert isinstance(outcome, Delivered)
    assert (str(outcome.relay), outcome.tls) == ("mx1.example.com[192.0.2.1]:25", world.opener.TLS)
    assert server.taken == [(A,)]
    assert world.opener.addresses == ["192.0.2.1"]


async def test_a_host_that_fails_is_passed_over(world):
    world.mx("mx1.example.com", "mx2.example.com", "mx3.example.com")
    world.serve("192.0.2.2", MAIL="451 4.3.0 not now")
    world.serve("192.0.2.3")
    (outcome,) = await world.deliver()
    assert isinstance(outcome, Delivered)
    assert world.opener.addresses == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


async def test_every_address_of_a_host_is_tried_before_the_next_host(world):
    world.mx("mx1.example.com", "mx2.example.com")
    world.address("mx1.example.com", "192.0.2.11", "192.0.2.12", "2001:db8::1")
    assert isinstance((await world.deliver())[0], Deferred)
    assert world.opener.addresses == ["2001:db8::1", "192.0.2.11", "192.0.2.12", "192.0.2.2"]


async def test_a_refusal_for_good_ends_it(world):
    world.mx("mx1.example.com", "mx2.example.com")
    world.serve("192.0.2.1", MAIL="550 5.1.8 go away", RCPT="503 5.5.1 no", DATA="503 5.5.1 no")
    world.serve("192.0.2.2")
    (outcome,) = await world.deliver()
    assert isinstance(outcome, Failed)
    assert world.opener.addresses == ["192.0.2.1"]


async def test_partial_acceptance_goes_on_for_the_rest_alone(world):
    world.mx("mx1.example.com", "mx2.example.com")
    first = world.serve("192.0.2.1", RCPT=lambda to: "250 2.1.5 ok" if A in to else "450 4.2.1 busy")
    second = world.serve("192.0.2.2")
    outcomes = await world.deliver(A, B)
    assert [type(outcome) for outcome in outcomes] == [Delivered, Delivered]
    assert [outcome.relay.host for outcome in outcomes] == ["mx1.example.com", "mx2.example.com"]
    assert (first.taken, second.taken) == ([(A,)], [(B,)])


async def test_when_none_is_left_the_last_word_stands(world):
    world.mx("mx1.example.com", "mx2.example.com")
    world.serve("192.0.2.1", RCPT="450 4.2.1 busy")
    world.serve("192.0.2.2", RCPT="452 4.2.2 full")
    (outcome,) = await world.deliver()
    assert outcome == Deferred(A, "4.2.2", "452 4.2.2 full", Relay("mx2.example.com", "192.0.2.2", 25))


async def test_a_message_whose_fate_nobody_knows_goes_nowhere_else(world, memory):
    world.mx("mx1.example.com", "mx2.example.com")
    answers = {A: "250 2.1.5 ok", B: "450 4.2.1 busy"}
    first = world.serve("192.0.2.1", RCPT=lambda to: answers[to.partition("<")[2].rstrip(">")], **{".": memory.CLOSE})
    second = world.serve("192.0.2.2")
    unknown, other = await world.deliver(A, B)
    assert isinstance(unknown, Deferred)
    assert unknown.uncertain
    assert unknown.relay.host == "mx1.example.com"
    assert isinstance(other, Delivered), "whose message was never sent may go on"
    assert (first.taken, second.taken) == ([(A,)], [(B,)])


async def test_there_is_a_limit_of_addresses(world):
    hosts = [f"mx{number}.example.com" for number in range(1, 20)]
    world.mx(*hosts)
    for name in hosts:
        world.address(name, *(f"192.0.2.{number}" for number in range(1, 10)))
    await world.deliver()
    assert len(world.opener.opened) == MAX_SESSIONS


@pytest.mark.parametrize(("family", "expected"), [(Family.IPV4, "4.4.4"), (Family.ANY, "4.4.1")])
async def test_a_family_that_a_host_has_not(world, family, expected):
    world.mx("mx1.example.com")
    world.resolver.remove("mx1.example.com")
    world.address("mx1.example.com", "2001:db8::1")
    (outcome,) = await world.deliver(family=family)
    assert outcome.status == expected
    if family is Family.IPV4:
        assert outcome.text == 'mx1.example.com has no address that the local rule address_family = "ipv4" allows'


class TestNowhere:
    """Where there is no host to go to."""

    async def test_a_null_mx_is_asked_nothing_more(self, world):
        world.resolver.add("example.com", RecordType.MX, MxRecord(0, ""))
        outcomes = await world.deliver(A, B)
        assert [(type(o), o.status) for o in outcomes] == [(Failed, "5.1.10")] * 2
        assert world.resolver.questions == [("example.com", RecordType.MX)]
        assert (world.policies.found, world.opener.opened) == ([], [])

    async def test_an_unknown_domain(self, world):
        (outcome,) = await world.deliver()
        assert (type(outcome), outcome.status) == (Failed, "5.1.2")

    async def test_ourselves(self, world):
        world.mx("us.example.org")
        (outcome,) = await world.deliver()
        assert (type(outcome), outcome.status) == (Failed, "5.4.6")
        assert world.opener.opened == []

    async def test_a_failed_lookup_defers_and_is_reported_where_dnssec_is_why(self, world):
        world.resolver.fail("example.com", RecordType.MX, "SERVFAIL EDE 6", Security.BOGUS)
        (outcome,) = await world.deliver()
        assert (type(outcome), outcome.status) == (Deferred, "4.4.3")
        assert [event.failure.cause for event in world.events] == [Cause.MX_LOOKUP]

    async def test_neither_mx_nor_address(self, world):
        world.resolver.add_txt("example.com", "v=spf1 -all")
        (outcome,) = await world.deliver()
        assert outcome == Failed(A, "5.4.4", "example.com has no addresses")

    async def test_an_address_that_cannot_be_looked_up_now(self, world):
        world.resolver.add_txt("example.com", "v=spf1 -all")
        world.resolver.fail("example.com", RecordType.A)
        (outcome,) = await world.deliver()
        assert (type(outcome), outcome.status) == (Deferred, "4.4.3")

    @pytest.mark.rfc(5321, "5.1")
    async def test_mxs_without_addresses_are_not_replaced_by_the_domains_own(self, world):
        """Nor by anything else: where there is an MX, nothing but MXs takes mail."""
        world.resolver.add("example.com", RecordType.MX, MxRecord(10, "gone.example.com"))
        world.address("example.com", "192.0.2.9")
        world.serve("192.0.2.9")
        (outcome,) = await world.deliver()
        assert (type(outcome), outcome.status) == (Deferred, "4.4.4")
        assert world.opener.addresses == []

    @pytest.mark.rfc(8461, "8.4")
    async def test_an_invalid_mx_is_skipped_in_its_place(self, world):
        world.mx("mx_-.example.com-", "mx2.example.com")
        world.serve("192.0.2.2")
        assert isinstance((await world.deliver())[0], Delivered)
        assert world.opener.addresses == ["192.0.2.2"]


class TestPolicies:
    """What MTA-STS and DANE have to say about hosts."""

    @pytest.mark.rfc(8461, "5")
    async def test_only_hosts_that_the_policy_names(self, world):
        world.mx("mx1.example.com", "mx2.example.com")
        world.sts(policy("mx2.example.com"))
        world.serve("192.0.2.1")
        world.serve("192.0.2.2")
        assert isinstance((await world.deliver())[0], Delivered)
        assert world.opener.addresses == ["192.0.2.2"]
        (event,) = world.events
        assert (event.failure.cause, event.mx) == (Cause.STS_MX_MISMATCH, "mx1.example.com")
        assert world.policies.rechecks == []

    @pytest.mark.rfc(8461, "3")
    async def test_the_policy_is_that_of_the_domain_as_given(self, world):
        """Not of the end of its aliases, signed or not."""
        chain = (Alias("example.com", "provider.example"),)
        world.mx("mx1.example.com")
        world.resolver.set(
            "example.com", RecordType.MX, Found((MxRecord(10, "mx1.example.com"),), Security.SECURE, 60, chain)
        )
        world.serve("192.0.2.1")
        assert isinstance((await world.deliver())[0], Delivered)
        assert world.policies.found == [("example.com", True, True)]

    @pytest.mark.rfc(8461, "5")
    async def test_mode_testing_keeps_nothing_from_any_host(self, world):
        world.mx("mx1.example.com")
        world.sts(policy("other.example.com", mode=Mode.TESTING))
        world.serve("192.0.2.1")
        assert isinstance((await world.deliver())[0], Delivered)
        ((_, plan),) = world.opener.opened
        assert [failure.cause for failure in plan.sts.standing] == [Cause.STS_MX_MISMATCH]

    @pytest.mark.rfc(8461, "5.1")
    @pytest.mark.parametrize("cached", [True, False])
    async def test_a_policy_that_nobody_satisfies_defers(self, world, cached):
        world.mx("mx1.example.com")
        world.sts(policy("other.example.com"), cached=cached)
        (outcome,) = await world.deliver()
        assert (type(outcome), outcome.status) == (Deferred, "4.7.5")
        assert world.opener.opened == []
        assert world.policies.rechecks == ([DOMAIN] if cached else []), "what was fetched just now is not newer"

    @pytest.mark.rfc(8461, "5.1")
    @pytest.mark.parametrize("newer", [policy("mx1.example.com"), None, policy("x.example", mode=Mode.TESTING)])
    async def test_a_newer_policy_opens_the_way(self, world, newer):
        world.mx("mx1.example.com")
        world.sts(policy("other.example.com"))
        world.policies.rechecked[DOMAIN] = (
            StsApplies(DOMAIN, newer, cached=False) if newer else StsAbsent(DOMAIN, "mode none")
        )
        world.serve("192.0.2.1")
        assert isinstance((await world.deliver())[0], Delivered)
        assert len(world.policies.rechecks) == 1

    async def test_another_look_that_fails_is_reported_and_the_policy_stays(self, world):
        world.mx("mx1.example.com")
        world.sts(policy("other.example.com"))
        world.policies.rechecked[DOMAIN] = replace(world.policies.answers[DOMAIN], failure=FETCH_FAILED)
        assert isinstance((await world.deliver())[0], Deferred)
        assert [event.failure.cause for event in world.events] == [Cause.STS_MX_MISMATCH, Cause.STS_HTTP_STATUS]
        assert len(world.policies.rechecks) == 1

    async def test_the_second_round_is_for_those_who_are_open(self, world):
        world.mx("mx1.example.com", "mx2.example.com")
        world.sts(policy("mx1.example.com"))
        world.policies.rechecked[DOMAIN] = StsApplies(DOMAIN, policy("*.example.com"), cached=False)
        first = world.serve("192.0.2.1", RCPT=lambda to: "250 2.1.5 ok" if A in to else "450 4.2.1 busy")
        second = world.serve("192.0.2.2")
        outcomes = await world.deliver(A, B)
        assert [type(outcome) for outcome in outcomes] == [Delivered, Delivered]
        assert (first.taken, second.taken) == ([(A,)], [(B,)])

    @pytest.mark.parametrize(("forbids", "looked"), [(True, 1), (False, 0)])
    async def test_a_session_that_fails_the_policy_is_worth_another_look(self, world, forbids, looked):
        world.mx("mx1.example.com")
        world.sts(policy("mx1.example.com"))
        world.opener.servers["192.0.2.1"] = lambda plan: Broken(
            Relay("mx1.example.com", "192.0.2.1", 25), "4.7.5", "expired", "certificate-expired", sts_forbids=forbids
        )
        (outcome,) = await world.deliver()
        assert (outcome.status, outcome.text) == ("4.7.5", "expired")
        assert len(world.policies.rechecks) == looked

    @pytest.mark.rfc(8460, "4.5")
    async def test_a_failed_fetch_is_reported_once_however_many_hosts_there_are(self, world):
        world.mx("mx1.example.com", "mx2.example.com")
        world.policies.answers[DOMAIN] = StsAbsent(DOMAIN, "404", FETCH_FAILED, ("version: STSv9",))
        await world.deliver()
        (event,) = world.events
        assert (event.policy.strings, event.mx) == (("version: STSv9",), None)

    @pytest.mark.rfc(8460, "4.5")
    async def test_an_invalid_newer_policy_is_reported_with_its_own_lines(self, world):
        world.mx("mx1.example.com")
        world.sts(policy("mx1.example.com"), failure=Failure(Cause.STS_GRAMMAR), lines=("version: STSv9",))
        await world.deliver()
        assert world.events[0].policy.strings == ("version: STSv9",)

    @pytest.mark.parametrize(("use", "enable"), [(False, True), (True, False)])
    async def test_what_is_switched_off_is_said_to_be(self, world, use, enable):
        world.mx("mx1.example.com")
        await world.deliver(use_mta_sts=use, enable_mta_sts=enable)
        assert world.policies.found == [(DOMAIN, use, enable)]

    @pytest.mark.rfc(7672, "2.1.2")
    async def test_a_failed_tlsa_lookup_keeps_us_from_the_host(self, world):
        world.mx("mx1.example.com", "mx2.example.com", security=Security.SECURE)
        world.resolver.fail("_25._tcp.mx1.example.com", RecordType.TLSA)
        world.serve("192.0.2.1")
        world.serve("192.0.2.2")
        assert isinstance((await world.deliver())[0], Delivered)
        assert world.opener.addresses == ["192.0.2.2"]
        assert [(event.failure.cause, event.mx) for event in world.events] == [(Cause.TLSA_LOOKUP, "mx1.example.com")]

    @pytest.mark.rfc(7672, "2.1.2")
    async def test_a_failed_tlsa_lookup_at_the_only_host_defers(self, world):
        world.mx("mx1.example.com", security=Security.SECURE)
        world.resolver.fail("_25._tcp.mx1.example.com", RecordType.TLSA)
        world.serve("192.0.2.1")
        (outcome,) = await world.deliver()
        assert (type(outcome), outcome.status) == (Deferred, "4.7.5")
        assert world.opener.opened == []

    async def test_without_tls_no_policy_has_a_say(self, world):
        world.mx("mx1.example.com", security=Security.SECURE)
        world.sts(policy("other.example.com"))
        world.resolver.fail("_25._tcp.mx1.example.com", RecordType.TLSA)
        world.serve("192.0.2.1")
        assert isinstance((await world.deliver(local=LocalRules(tls=TlsWanted.NO)))[0], Delivered)
        ((_, plan),) = world.opener.opened
        assert (plan.sts, plan.dane, plan.tls_tried) == (None, None, False)
        assert world.events == []

    async def test_each_refusal_is_an_outcome_even_if_it_is_not_reported(self, world):
        world.mx("mx1.example.com")
        world.resolver.remove("mx1.example.com")
        await world.deliver()
        assert world.opener.reported == [NotReportable("mx1.example.com has no addresses")]


@pytest.mark.rfc(8689, "4.2.1")
class TestRequireTls:
    """A message that requires TLS: the next host, and a bounce where none will ever do."""

    async def test_the_parameter_is_on_mail(self, world):
        world.mx("mx1.example.com")
        world.sts(policy("mx1.example.com"))
        server = world.passes_on("192.0.2.1")
        (outcome,) = await world.deliver(require_tls=True)
        assert isinstance(outcome, Delivered)
        assert server.connections[0].commands[0] == "MAIL FROM:<me@example.org> REQUIRETLS"

    async def test_the_header_has_no_say_then(self, world):
        """RFC 8689 section 4.1."""
        world.mx("mx1.example.com")
        world.sts(policy("other.example.com"))
        world.passes_on("192.0.2.1")
        assert isinstance((await world.deliver(require_tls=True, content=OPTIONAL))[0], Deferred)
        assert world.opener.opened == []

    async def test_the_next_host_may_offer_it(self, world):
        world.mx("mx1.example.com", "mx2.example.com")
        world.sts(policy("*.example.com"))
        world.lacks("192.0.2.1")
        server = world.passes_on("192.0.2.2")
        assert isinstance((await world.deliver(A, B, require_tls=True))[0], Delivered)
        assert server.taken == [(A, B)]

    @pytest.mark.rfc(8689, "7")
    async def test_none_offers_it(self, world):
        world.mx("mx1.example.com", "mx2.example.com")
        world.sts(policy("*.example.com"))
        world.lacks("192.0.2.1")
        world.lacks("192.0.2.2")
        outcomes = await world.deliver(A, B, require_tls=True)
        relay = Relay("mx2.example.com", "192.0.2.2", 25)
        assert outcomes == tuple(Failed(who, "5.7.30", "no REQUIRETLS", relay) for who in (A, B))
        assert world.policies.rechecks == []

    @pytest.mark.parametrize("order", [("mx1.example.com", "mx2.example.com"), ("mx2.example.com", "mx1.example.com")])
    @pytest.mark.parametrize("why", ["refused", "certificate", "no address", "TLSA lookup", "not named", "busy"])
    async def test_a_host_that_may_do_tomorrow_is_waited_for(self, world, why, order):
        world.mx(*order, security=Security.SECURE)
        world.address("mx1.example.com", "192.0.2.11", security=Security.SECURE)
        world.address("mx2.example.com", "192.0.2.12", security=Security.SECURE)
        world.tlsa(*order)
        world.lacks("192.0.2.12")
        match why:
            case "refused":
                pass
            case "certificate":
                world.fails("192.0.2.11")
            case "no address":
                world.resolver.remove("mx1.example.com")
            case "TLSA lookup":
                world.resolver.fail("_25._tcp.mx1.example.com", RecordType.TLSA)
            case "not named":
                world.sts(policy("mx2.example.com"))
            case "busy":
                world.passes_on("192.0.2.11", MAIL="451 4.3.0 not now")
        (outcome,) = await world.deliver(require_tls=True)
        assert isinstance(outcome, Deferred)
        assert outcome.status.startswith("4.")

    async def test_only_those_who_were_put_off_wait(self, world):
        world.mx("mx1.example.com", "mx2.example.com")
        world.sts(policy("*.example.com"))
        world.passes_on("192.0.2.1", RCPT=lambda to: "450 4.2.1 busy" if A in to else "250 2.1.5 ok")
        world.lacks("192.0.2.2")
        assert list(map(type, await world.deliver(A, B, require_tls=True))) == [Deferred, Delivered]

    async def test_more_addresses_than_are_tried_are_not_ruled_out(self, world):
        hosts = [f"mx{number}.example.com" for number in range(1, 20)]
        world.mx(*hosts)
        world.sts(policy("*.example.com"))
        for name in hosts:
            addresses = [f"192.0.2.{number}" for number in range(1, 10)]
            world.address(name, *addresses)
            for address in addresses:
                world.lacks(address)
        assert isinstance((await world.deliver(require_tls=True))[0], Deferred)
        assert len(world.opener.opened) == MAX_SESSIONS

    async def test_more_hosts_than_are_tried_are_not_ruled_out(self, world):
        for number, kind in ((MAX_HOSTS, Failed), (MAX_HOSTS + 1, Deferred)):
            hosts = [f"mx{place}.example.com" for place in range(1, number + 1)]
            world.mx(*hosts)
            for place in range(1, number + 1):
                world.lacks(f"192.0.2.{place}")
            world.sts(policy("*.example.com"))
            world.clock.advance(60)
            (outcome,) = await world.deliver(require_tls=True)
            assert isinstance(outcome, kind)
        assert (outcome.status, outcome.text) == ("4.4.1", "example.com has more MXs than are tried")
        assert len(world.opener.opened) == 2 * MAX_HOSTS

    async def test_where_nobody_names_the_host_nobody_is_connected_to(self, world):
        world.mx("mx1.example.com")
        world.passes_on("192.0.2.1")
        (outcome,) = await world.deliver(require_tls=True)
        assert (type(outcome), outcome.status) == (Failed, "5.7.30")
        assert "no MTA-STS policy and no signed DNS record" in outcome.text
        assert world.opener.opened == []
        assert world.opener.reported == [NotReportable(outcome.text)], "nobody failed"

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (StsAbsent(DOMAIN, "no record"), Failed),
            (StsAbsent(DOMAIN, "the TXT lookup failed", unsure=True), Deferred),
            (StsApplies(DOMAIN, policy("*.example.com", mode=Mode.TESTING), cached=False), Failed),
            (StsApplies(DOMAIN, policy("*.example.com", mode=Mode.TESTING), cached=True, unsure=True), Deferred),
        ],
    )
    async def test_a_policy_that_could_not_be_learnt_may_be_there_tomorrow(self, world, answer, kind):
        world.mx("mx1.example.com")
        world.policies.answers[DOMAIN] = answer
        assert isinstance((await world.deliver(require_tls=True))[0], kind)

    async def test_a_resolver_that_sees_no_dnssec_proves_nothing(self, world):
        world.mx("mx1.example.com")
        world.router.dnssec_seen = lambda: False
        assert isinstance((await world.deliver(require_tls=True))[0], Deferred)
        assert isinstance((await world.deliver())[0], Deferred)

    async def test_a_failed_mx_lookup_is_waited_for(self, world):
        world.resolver.fail("example.com", RecordType.MX)
        assert isinstance((await world.deliver(require_tls=True))[0], Deferred)

    @pytest.mark.rfc(8461, "5")
    @pytest.mark.parametrize("old", [policy("other.example.com"), policy("mx1.example.com", mode=Mode.TESTING)])
    async def test_a_cached_policy_is_looked_at_once_more(self, world, old):
        world.mx("mx1.example.com")
        world.sts(old)
        world.policies.rechecked[DOMAIN] = StsApplies(DOMAIN, policy("mx1.example.com"), cached=False)
        world.passes_on("192.0.2.1")
        assert isinstance((await world.deliver(require_tls=True))[0], Delivered)
        assert len(world.policies.rechecks) == 1

    @pytest.mark.parametrize(("secure", "kind"), [(Security.SECURE, Delivered), (Security.INSECURE, Delivered)])
    async def test_a_domain_without_mx_is_its_own_host(self, world, secure, kind):
        world.address("example.com", "192.0.2.1", security=secure)
        world.passes_on("192.0.2.1")
        assert isinstance((await world.deliver(require_tls=True))[0], kind)
        assert world.opener.opened[0][1].webpki_demanded, "and its certificate is to say so"

    async def test_the_operators_smarthost(self, world):
        world.address("smart.example.net", "192.0.2.9")
        server = world.passes_on("192.0.2.9")
        hops = (Hop(host("smart.example.net")),)
        assert isinstance((await world.deliver(require_tls=True, hops=hops))[0], Delivered)
        assert server.taken == [(A,)]
        assert world.opener.opened[0][1].webpki_demanded

    async def test_an_address_has_no_name_to_verify(self, world):
        world.passes_on("192.0.2.9")
        (outcome,) = await world.deliver(require_tls=True, hops=(Hop(None, "192.0.2.9"),))
        assert (type(outcome), outcome.status) == (Failed, "5.7.30")

    async def test_the_next_hop_of_the_operator_may_do(self, world):
        world.address("smart.example.net", "192.0.2.9")
        world.passes_on("192.0.2.9")
        hops = (Hop(None, "192.0.2.8"), Hop(host("smart.example.net")))
        assert isinstance((await world.deliver(require_tls=True, hops=hops))[0], Delivered)

    async def test_tls_switched_off(self, world):
        world.mx("mx1.example.com")
        world.sts(policy("mx1.example.com"))
        (outcome,) = await world.deliver(require_tls=True, local=LocalRules(tls=TlsWanted.NO))
        assert (type(outcome), outcome.status) == (Failed, "5.7.10")
        assert 'tls = "no"' in outcome.text

    async def test_the_log_says_why(self, world, caplog):
        world.mx("mx1.example.com")
        world.sts(policy("mx1.example.com"))
        world.lacks("192.0.2.1")
        with caplog.at_level(logging.INFO, "tlswitness.delivery"):
            await world.deliver(require_tls=True)
            world.policies.answers.clear()
            await world.deliver(require_tls=True)
        session, refusal = (record.attempt for record in caplog.records if hasattr(record, "attempt"))
        assert (session["policy"], session["verdict"]) == ("sts-enforce+require-tls", "requiretls-not-supported")
        assert (refusal["policy"], refusal["verdict"]) == ("none", "requiretls-not-possible")

    @pytest.mark.rfc(8689, "5")
    async def test_the_null_senders_mail_goes_without_rather_than_not_at_all(self, world):
        world.mx("mx1.example.com", "mx2.example.com")
        world.sts(policy("*.example.com"))
        servers = {address: world.memory.Server() for address in ("192.0.2.1", "192.0.2.2")}
        for address, server in servers.items():
            lacking = Broken(Relay("mx", address, 25), "5.7.30", "no REQUIRETLS", "requiretls-not-supported")
            world.opener.servers[address] = lambda plan, lacking=lacking, server=server: (
                lacking if plan.tag is Tag.REQUIRE else server
            )
        assert isinstance((await world.deliver(sender="", require_tls=True))[0], Delivered)
        assert world.tags == [Tag.REQUIRE, Tag.REQUIRE, Tag.NORMAL], "all hosts are asked before it goes without"
        assert servers["192.0.2.1"].connections[0].commands[0] == "MAIL FROM:<>"

    @pytest.mark.rfc(8689, "5")
    async def test_the_null_senders_mail_goes_with_it_where_that_can_be_had(self, world):
        world.mx("mx1.example.com", "mx2.example.com")
        world.sts(policy("*.example.com"))
        world.lacks("192.0.2.1")
        server = world.passes_on("192.0.2.2")
        assert isinstance((await world.deliver(sender="", require_tls=True))[0], Delivered)
        assert server.connections[0].commands[0] == "MAIL FROM:<> REQUIRETLS"

    @pytest.mark.rfc(8689, "5")
    async def test_the_null_senders_mail_waits_for_what_may_pass(self, world):
        world.mx("mx1.example.com", "mx2.example.com")
        world.sts(policy("*.example.com"))
        world.lacks("192.0.2.1")
        assert isinstance((await world.deliver(sender="", require_tls=True))[0], Deferred)
        assert world.tags == [Tag.REQUIRE, Tag.REQUIRE]

    async def test_the_policies_bind_the_null_senders_mail_as_ever(self, world):
        world.mx("mx1.example.com", security=Security.SECURE)
        world.resolver.add(
            "_25._tcp.mx1.example.com", RecordType.TLSA, TlsaRecord(0, 1, 1, bytes(32)), security=Security.SECURE
        )
        world.fails("192.0.2.1")
        assert isinstance((await world.deliver(sender="", require_tls=True))[0], Deferred)
        ((_, plan),) = world.opener.opened
        assert (plan.tag, plan.tls_demanded) == (Tag.NORMAL, True)


@pytest.mark.rfc(8689, "4.2.2")
@pytest.mark.rfc(8689, "3")
class TestTlsOptional:
    """A message to which TLS is optional: no policy keeps it from a host."""

    async def test_a_host_that_the_policy_does_not_name(self, world):
        world.mx("mx1.example.com")
        world.sts(policy("other.example.com"))
        world.serve("192.0.2.1")
        assert isinstance((await world.deliver(content=OPTIONAL))[0], Delivered)
        ((_, plan),) = world.opener.opened
        assert [failure.cause for failure in plan.sts.standing] == [Cause.STS_MX_MISMATCH]
        assert world.events == [], "its session tells it"
        assert world.policies.rechecks == []

    @pytest.mark.rfc(8689, "8.4")
    async def test_a_failed_tlsa_lookup_is_reported_and_the_mail_goes(self, world):
        world.mx("mx1.example.com", security=Security.SECURE)
        world.resolver.fail("_25._tcp.mx1.example.com", RecordType.TLSA)
        world.serve("192.0.2.1")
        assert isinstance((await world.deliver(content=OPTIONAL))[0], Delivered)
        assert [(event.failure.cause, event.mx) for event in world.events] == [(Cause.TLSA_LOOKUP, "mx1.example.com")]

    async def test_policies_are_looked_up_and_their_failures_told(self, world):
        world.mx("mx1.example.com")
        world.policies.answers[DOMAIN] = StsAbsent(DOMAIN, "404", FETCH_FAILED)
        world.serve("192.0.2.1")
        assert isinstance((await world.deliver(content=OPTIONAL))[0], Delivered)
        assert world.policies.found == [(DOMAIN, True, True)]
        assert [event.failure for event in world.events] == [FETCH_FAILED]

    async def test_a_server_that_insists_on_tls_is_believed(self, world):
        world.mx("mx1.example.com")
        world.serve("192.0.2.1", MAIL="530 5.7.0 STARTTLS first", RCPT="503 5.5.1 no", DATA="503 5.5.1 no")
        (outcome,) = await world.deliver(content=OPTIONAL)
        assert (type(outcome), outcome.status) == (Failed, "5.7.0")

    async def test_what_the_operator_demands_stands(self, world):
        world.mx("mx1.example.com")
        (outcome,) = await world.deliver(content=OPTIONAL, local=LocalRules(dane_required=True))
        assert (type(outcome), outcome.status) == (Deferred, "4.7.5")
        assert world.opener.opened == []

    @pytest.mark.parametrize("first", ["normal", "optional", "require"])
    async def test_no_connection_carries_mail_of_another_tag(self, world, first):
        world.mx("mx1.example.com", security=Security.SECURE)
        server = world.passes_on("192.0.2.1")
        how = {"normal": {}, "optional": {"content": OPTIONAL}, "require": {"require_tls": True}}
        order = [first, *(tag for tag in how if tag != first)]
        for tag in [*order, *order]:
            assert isinstance((await world.deliver(**how[tag]))[0], Delivered)
        assert world.tags == [
            {"normal": Tag.NORMAL, "optional": Tag.OPTIONAL, "require": Tag.REQUIRE}[tag] for tag in order
        ]
        assert len(server.connections) == 3, "one for each tag, and each used again"
        assert all(len([line for line in one.commands if line.startswith("MAIL")]) == 2 for one in server.connections)

    async def test_nor_does_one_that_is_under_way(self, world):
        world.mx("mx1.example.com", security=Security.SECURE)
        server = world.passes_on("192.0.2.1")
        limits = Limits(connections=1)
        how = [{}, {"content": OPTIONAL}, {"require_tls": True}] * 3
        for outcome in await asyncio.gather(*(world.deliver(**each, limits=limits) for each in how)):
            assert isinstance(outcome[0], Delivered)
        for plan_tag, connection in zip(world.tags, server.connections, strict=True):
            mails = [line for line in connection.commands if line.startswith("MAIL")]
            assert all(line.endswith(" REQUIRETLS") == (plan_tag is Tag.REQUIRE) for line in mails)
        assert set(world.tags) == set(Tag)

    async def test_an_address_literal(self, world):
        world.serve("192.0.2.9")
        assert isinstance((await world.deliver(content=OPTIONAL, hops=(Hop(None, "192.0.2.9"),)))[0], Delivered)
        assert world.tags == [Tag.OPTIONAL]


class TestRoutes:
    """The operator's own next hops."""

    RELAY = Hop(host("relay.example.net"), port=587)
    SECOND = Hop(host("second.example.net"))

    @pytest.mark.rfc(8461, "3.4")
    async def test_the_policy_is_the_smarthosts(self, world):
        world.address("relay.example.net", "192.0.2.7")
        relay = Domain("relay.example.net")
        world.sts(policy("relay.example.net"), domain=relay)
        world.serve("192.0.2.7")
        (outcome,) = await world.deliver(hops=(self.RELAY,))
        assert str(outcome.relay) == "relay.example.net[192.0.2.7]:587"
        assert [domain for domain, _, _ in world.policies.found] == [relay]
        ((_, plan),) = world.opener.opened
        assert (plan.domain, plan.sts.domain, plan.port) == (relay, relay, 587)
        assert ("example.com", RecordType.MX) not in world.resolver.questions

    async def test_hops_are_tried_in_their_order(self, world):
        world.address("relay.example.net", "192.0.2.7")
        world.address("second.example.net", "192.0.2.8")
        world.serve("192.0.2.8")
        hops = (self.RELAY, Hop(None, "192.0.2.9", 26), self.SECOND)
        (outcome,) = await world.deliver(hops=hops)
        assert isinstance(outcome, Delivered)
        assert world.opener.addresses == ["192.0.2.7", "192.0.2.9", "192.0.2.8"]
        assert [plan.port for _, plan in world.opener.opened] == [587, 26, 25]

    async def test_a_hop_that_is_not_needed_is_not_looked_up(self, world):
        world.address("relay.example.net", "192.0.2.7")
        world.serve("192.0.2.7")
        await world.deliver(hops=(self.RELAY, Hop(host("other.example.net"), lookup_mx=True)))
        assert not any(name == "other.example.net" for name, _ in world.resolver.questions)

    async def test_a_bad_hop_is_no_bounce(self, world):
        hops = (Hop(host("gone.example.net"), lookup_mx=True), Hop(host("nothing.example.net")))
        (outcome,) = await world.deliver(hops=hops)
        assert outcome == Deferred(A, "4.4.4", "nothing.example.net has no addresses")

    async def test_an_implicit_mx_of_a_smarthost_without_address_is_no_bounce(self, world):
        world.resolver.add_txt("relay.example.net", "nothing else")
        (outcome,) = await world.deliver(hops=(Hop(host("relay.example.net"), lookup_mx=True),))
        assert isinstance(outcome, Deferred)

    @pytest.mark.rfc(8461, "5.1")
    async def test_only_the_policy_that_was_in_the_way_is_looked_up_again(self, world):
        world.address("relay.example.net", "192.0.2.7")
        world.address("second.example.net", "192.0.2.8")
        for name in ("relay.example.net", "second.example.net"):
            world.sts(policy("other.example.net" if name[0] == "r" else name), domain=Domain(name))
        await world.deliver(hops=(self.RELAY, self.SECOND))
        assert world.policies.rechecks == ["relay.example.net"]

    async def test_sessions_with_an_address_are_not_reported_and_the_others_are(self, world):
        seen = []

        async def open_(plan, address, destination):
            seen.append((address, destination.report_without_policy))
            return Broken(Relay(plan.host.text, address, plan.port), "4.4.1", "no", "not connected")

        world.opener.open = open_
        world.address("relay.example.net", "192.0.2.7")
        await world.deliver(hops=(Hop(None, "192.0.2.9"), self.RELAY))
        assert seen == [("192.0.2.9", False), ("192.0.2.7", True)]
        assert world.policies.found == [("relay.example.net", True, True)]

    async def test_dane_that_is_required_cannot_be_had_of_an_address(self, world):
        world.serve("192.0.2.9")
        (outcome,) = await world.deliver(hops=(Hop(None, "192.0.2.9"),), local=LocalRules(dane_required=True))
        assert (type(outcome), outcome.status) == (Deferred, "4.3.5")
        assert (world.opener.opened, world.events) == ([], [])

    @pytest.mark.rfc(7672, "2.2.2")
    @pytest.mark.parametrize("security", [Security.SECURE, Security.INSECURE])
    async def test_dane_applies_to_a_smarthost_whose_address_is_signed(self, world, security):
        world.address("relay.example.net", "192.0.2.7", security=security)
        record = TlsaRecord(3, 1, 1, bytes(32))
        world.resolver.add("_587._tcp.relay.example.net", RecordType.TLSA, record, security=Security.SECURE)
        world.serve("192.0.2.7")
        await world.deliver(hops=(self.RELAY,))
        ((_, plan),) = world.opener.opened
        assert (plan.dane is not None) is (security is Security.SECURE)


class TestEnds:
    """Deliveries that end before their time."""

    async def test_too_long_before_anything_was_sent(self, world):
        world.mx("mx1.example.com")

        async def open_(plan, address, destination):
            await asyncio.Event().wait()

        world.opener.open = open_
        (outcome,) = await world.deliver(deadline=0.01)
        assert outcome == Deferred(A, "4.4.7", "the delivery took longer than 0.01 seconds")

    @pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "."])
    async def test_too_long_in_flight_is_uncertain_once_the_content_was_written(self, world, memory, stage):
        world.mx("mx1.example.com", "mx2.example.com")
        server = world.serve("192.0.2.1", **{stage: memory.HANG})
        world.serve("192.0.2.2")
        done, other = await world.deliver(A, B, deadline=0.02, limits=Limits(recipients=1))
        assert isinstance(done, Deferred)
        assert done.uncertain == (stage == ".")
        assert (done.relay is not None) == (stage == ".")
        assert not other.uncertain
        assert server.connections[0].end == "abort"
        assert world.opener.addresses == ["192.0.2.1"]

    async def test_what_was_settled_stays_settled(self, world, memory):
        world.mx("mx1.example.com")
        world.serve("192.0.2.1", **{".": ["250 2.0.0 taken", memory.HANG]})
        done, hung = await world.deliver(A, B, deadline=0.02, limits=Limits(recipients=1))
        assert isinstance(done, Delivered)
        assert (hung.status, hung.uncertain) == ("4.4.7", True)

    async def test_cancelled(self, world, memory):
        world.mx("mx1.example.com")
        server = world.serve("192.0.2.1", MAIL=memory.HANG)
        task = asyncio.create_task(world.deliver())
        await until(lambda: server.connections and server.connections[0].commands)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert server.connections[0].end == "abort"
        assert not world.router.means.dispatcher._queues
        assert not world.router._under_way

    async def test_closing_defers_what_is_open(self, world, memory):
        world.mx("mx1.example.com")
        world.serve("192.0.2.1", **{".": ["250 2.0.0 taken", memory.HANG]})
        task = asyncio.create_task(world.deliver(A, B, limits=Limits(recipients=1)))
        await until(lambda: len(world.opener.servers["192.0.2.1"].taken) == 1)
        await until(lambda: "DATA" in world.opener.servers["192.0.2.1"].connections[0].commands[-2:])
        await world.router.close()
        done, cut = await task
        assert isinstance(done, Delivered)
        assert (cut.status, cut.text, cut.uncertain) == ("4.3.2", "the engine is being closed", True)

    async def test_after_closing_nothing_is_tried(self, world):
        world.mx("mx1.example.com")
        await world.router.close()
        (outcome,) = await world.deliver()
        assert outcome == Deferred(A, "4.3.2", "the engine is being closed")
        assert world.resolver.questions == []

    async def test_a_bug_takes_nothing_with_it(self, world, memory, caplog):
        world.mx("mx1.example.com")
        world.serve("192.0.2.1", pipelining=False)

        def broken(argument):
            raise ZeroDivisionError

        world.opener.servers["192.0.2.1"].answers["MAIL"] = ["250 2.1.0 ok", broken]
        done, lost = await world.deliver(A, B, limits=Limits(recipients=1))
        assert isinstance(done, Delivered)
        assert (lost.status, lost.text, lost.uncertain) == ("4.3.0", "internal error, see the log", False)
        assert "ZeroDivisionError" in caplog.text

    async def test_a_timeout_that_is_not_ours_is_a_bug_too(self, world, monkeypatch, caplog):
        async def broken(*args):
            raise TimeoutError

        monkeypatch.setattr(route, "find_course", broken)
        (outcome,) = await world.deliver()
        assert (outcome.status, outcome.uncertain) == ("4.3.0", False)
        assert "the delivery to example.com broke off" in caplog.text


class TestLimits:
    """What one destination may take."""

    async def test_deliveries_at_the_same_time_share_the_connections(self, world):
        world.mx("mx1.example.com")
        server = world.serve("192.0.2.1")
        outcomes = await asyncio.gather(
            *(world.deliver(f"r{number}@example.com", limits=Limits(connections=3)) for number in range(12))
        )
        assert all(isinstance(outcome, Delivered) for (outcome,) in outcomes)
        assert len(server.taken) == 12
        assert len(server.connections) == 3

    async def test_a_hanging_delivery_does_not_hold_the_others_up(self, world, memory):
        world.mx("mx1.example.com")
        server = world.serve("192.0.2.1", MAIL=[memory.HANG, "250 2.1.0 ok"])
        hanging = asyncio.create_task(world.deliver(limits=Limits(connections=1), deadline=0.05))
        await until(lambda: server.connections and server.connections[0].commands)
        (outcome,) = await world.deliver(B, limits=Limits(connections=1))
        assert isinstance(outcome, Delivered)
        assert isinstance((await hanging)[0], Deferred)


async def test_one_line_for_each_attempt(world, caplog):
    world.mx("mx1.example.com", "mx2.example.com", "mx3.example.com", "mx4.example.com")
    world.resolver.remove("mx3.example.com")
    world.sts(policy("mx2.example.com", "mx3.example.com", "mx4.example.com"))
    world.serve("192.0.2.4")
    with caplog.at_level(logging.INFO, "tlswitness.delivery"):
        await world.deliver()
    told = [(r.attempt["relay"], r.attempt["policy"], r.attempt["verdict"], r.attempt["dsn"]) for r in caplog.records]
    assert told == [
        ("mx1.example.com", "sts-enforce", "validation-failure", "4.7.5"),
        ("mx2.example.com[192.0.2.2]:25", "sts-enforce", "not connected", "4.4.1"),
        ("mx3.example.com", "sts-enforce", "unreachable", "4.4.4"),
        ("mx4.example.com[192.0.2.4]:25", "sts-enforce", "ok", "2.0.0"),
    ]


class TestBursts:
    async def test_a_burst_decides_once(self, world):
        world.mx("mx1.example.com")
        world.serve("192.0.2.1")
        envelope = Envelope("me@example.org", (A,))
        for _ in range(5):
            (outcome,) = await world.router.deliver(world.destination, envelope, CONTENT)
            assert isinstance(outcome, Delivered)
        assert (len(world.policies.found), len(world.resolver.questions)) == (1, 3)
        world.clock.advance(HOLD)
        await world.router.deliver(world.destination, envelope, CONTENT)
        assert (len(world.policies.found), len(world.resolver.questions)) == (2, 6)

    async def test_a_policy_that_was_looked_up_again_is_not_masked(self, world):
        world.mx("mx1.example.com")
        world.serve("192.0.2.1")
        world.sts(policy("elsewhere.example.com"))
        world.policies.rechecked[DOMAIN] = newer = StsApplies(DOMAIN, policy("mx1.example.com"), cached=False)
        envelope = Envelope("me@example.org", (A,))
        (outcome,) = await world.router.deliver(world.destination, envelope, CONTENT)
        assert isinstance(outcome, Delivered)
        world.policies.answers[DOMAIN] = newer
        (outcome,) = await world.router.deliver(world.destination, envelope, CONTENT)
        assert isinstance(outcome, Delivered)
        assert world.policies.rechecks == [DOMAIN]


async def test_a_plan_that_counts_no_more_is_made_anew_when_the_message_has_waited_for_a_connection(world, memory):
    world.mx("mx1.example.com")
    world.serve("192.0.2.1", MAIL=[memory.HANG, "250 2.1.0 ok"])
    one = Limits(connections=1)
    first = asyncio.create_task(world.deliver(limits=one))
    await until(lambda: world.opener.servers["192.0.2.1"].connections)
    second = asyncio.create_task(world.deliver(B, limits=one))
    await until(lambda: sum(len(queue.entries) for queue in world.router.means.dispatcher._queues.values()))
    world.mx("mx1.example.com", security=Security.SECURE)
    world.tlsa("mx1.example.com")
    world.resolver.generation += 1
    first.cancel()
    (outcome,) = await second
    assert isinstance(outcome, Delivered)
    assert [plan.dane is not None for _, plan in world.opener.opened] == [False, True]
