"""Where mail goes."""

import random

import pytest

from tlswitness.datapoint.failure import Cause
from tlswitness.delivery.course import Course, Literal, NoCourse, find_course, literal_plan
from tlswitness.delivery.settings import Destination, Hop, Sender
from tlswitness.dns.answer import Denial, Denied, Found, LookupFailed, MxRecord, RecordType, Security
from tlswitness.lab.fakes import FakeResolver
from tlswitness.names import Domain, HostName
from tlswitness.policy.dane import NextHop
from tlswitness.policy.plan import LocalRules, Plan, Refusal, TlsWanted

DOMAIN = Domain("example.com")
RELAY = HostName("Relay.Example.net", "relay.example.net")
SENDER = Sender("us.example.org", own_names=frozenset({HostName("us.example.org", "us.example.org")}))


def destination(**options):
    return Destination(DOMAIN, SENDER, **options)


async def course(answer, to=None, hop=None, name="example.com"):
    resolver = FakeResolver({(name, RecordType.MX): answer})
    return await find_course(hop, to or destination(), resolver, random.Random(1))


def mx(*records, security=Security.INSECURE):
    return Found(tuple(MxRecord(*record) for record in records), security, 300)


@pytest.mark.rfc(8461, "8.4")
@pytest.mark.parametrize("security", [Security.SECURE, Security.INSECURE])
async def test_by_mx_in_order_the_invalid_one_included(security):
    found = await course(mx((20, "MX2.Example.com"), (10, "-bad-"), security=security))
    assert isinstance(found, Course)
    assert [host.text for host in found.hosts] == ["-bad-", "MX2.Example.com"]
    assert found.next_hop == NextHop(DOMAIN, DOMAIN, security is Security.SECURE)
    assert (found.port, found.implicit) == (25, False)


async def test_without_mx_the_domain_is_its_own_host():
    found = await course(Denied(Denial.NODATA, Security.SECURE, 300))
    assert found == Course(NextHop(DOMAIN, DOMAIN, True), (HostName("example.com", "example.com"),), 25, True)


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        (mx((0, "")), "5.1.10", "example.com accepts no mail (null MX)"),
        (Denied(Denial.NXDOMAIN, Security.INSECURE, 300), "5.1.2", "the domain example.com does not exist"),
        (
            mx((10, "us.example.org"), (20, "b.example")),
            "5.4.6",
            "mail for example.com loops back to us: us.example.org is this machine",
        ),
        (LookupFailed(Security.FAILED, "SERVFAIL"), "4.4.3", "the MX lookup of example.com failed: SERVFAIL"),
    ],
)
async def test_there_is_nowhere_to_go(answer, status, text):
    found = await course(answer)
    assert isinstance(found, NoCourse)
    assert (found.status, found.text[: len(text)], found.events) == (status, text, ())


@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.parametrize(("dane", "reported"), [(True, ["MX_LOOKUP"]), (False, [])])
async def test_a_bogus_mx_lookup_is_reported_where_dane_is_used(dane, reported):
    found = await course(LookupFailed(Security.BOGUS, "SERVFAIL EDE 6"), destination(dane=dane))
    assert [event.failure.cause.name for event in found.events] == reported


def by(hop, **options):
    return destination(hops=(hop,), **options)


@pytest.mark.rfc(8461, "3.4")
@pytest.mark.rfc(7672, "2.2.2")
async def test_a_smarthost_is_the_next_hop_itself_and_not_subject_to_mx():
    hop = Hop(RELAY, port=587)
    found = await course(None, by(hop), hop, "nobody.asks")
    domain = Domain("relay.example.net")
    assert found == Course(NextHop(domain, domain, secure=True), (RELAY,), 587)


@pytest.mark.rfc(7672, "2.2.1")
@pytest.mark.parametrize(
    ("answer", "secure"),
    [
        (mx((10, "mx.example.net")), False),
        (mx((10, "mx.example.net"), security=Security.SECURE), True),
        (Denied(Denial.NODATA, Security.SECURE, 300), True),
        (Denied(Denial.NODATA, Security.INSECURE, 300), False),
    ],
)
async def test_the_mxs_of_a_smarthost(answer, secure):
    hop = Hop(RELAY, lookup_mx=True)
    found = await course(answer, by(hop), hop, "relay.example.net")
    assert isinstance(found, Course)
    assert (found.next_hop.domain, found.next_hop.secure) == ("relay.example.net", secure)
    assert not found.implicit, "without an address the mail waits: the operator can mend his route"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (mx((0, "")), "4.1.10"),
        (Denied(Denial.NXDOMAIN, Security.INSECURE, 300), "4.1.2"),
        (mx((10, "us.example.org")), "4.4.6"),
    ],
)
async def test_no_mail_bounces_for_a_bad_route(answer, status):
    hop = Hop(RELAY, lookup_mx=True)
    found = await course(answer, by(hop), hop, "relay.example.net")
    assert isinstance(found, NoCourse)
    assert found.status == status


@pytest.mark.parametrize(("port", "expected"), [(None, 2525), (26, 26)])
async def test_an_address_needs_no_lookup(port, expected):
    hop = Hop(None, "192.0.2.9", port)
    resolver = FakeResolver()
    found = await find_course(hop, by(hop, port=2525), resolver, random.Random(1))
    assert found == Literal("192.0.2.9", expected)
    assert not resolver.questions


@pytest.mark.rfc(8461, "3.4")
def test_no_policy_applies_to_an_address():
    plan = literal_plan(destination(), Literal("2001:db8::9", 25))
    assert isinstance(plan, Plan)
    assert (plan.sts, plan.dane, plan.addresses, plan.host.text) == (None, None, ("2001:db8::9",), "2001:db8::9")


@pytest.mark.parametrize("local", [{"dane_required": True}, {"tls": TlsWanted.NO, "tls_verify": True}])
def test_what_the_operator_demands_holds_for_an_address(local):
    refusal = literal_plan(destination(local=LocalRules(**local)), Literal("192.0.2.9", 25))
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.events) == ("4.3.5", ())
    assert refusal.failure is None or refusal.failure.cause is not Cause.DANE_REQUIRED
