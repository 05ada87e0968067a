"""DANE through Debian's unbound, which validates zones that BIND's tools signed."""

import pytest
from tests.real.support.expect import (
    EXIM,
    EXPIRED,
    HOST_MISMATCH,
    NO_MATCH,
    POSTFIX,
    POSTFIX_6,
    before,
    none,
    session,
    sts,
    tlsa,
)
from tests.real.support.servers import UNBOUND_BLIND, UNBOUND_PLAIN, UNBOUND_TURNING
from tests.real.support.zones import MANY, NAMED

pytestmark = pytest.mark.slow

PLAIN = {"resolvers": [UNBOUND_PLAIN], "trusted_resolvers": [UNBOUND_PLAIN]}
"""A resolver that says SERVFAIL and not why."""


def test_the_resolver_is_proven_to_validate(real):
    assert real.deliver("nowhere.signed.example").trust == "on"
    assert real.deliver("nowhere.signed.example", **PLAIN).trust == "on"


@pytest.mark.rfc(7672, "3.1.1")
def test_3_1_1(real):
    domain, mx = "ee.signed.example", "postfix.signed.example"
    done = real.deliver(domain, domain, "ee2.signed.example")
    policy = tlsa(mx, real.tlsa["postfix_key"])
    assert done.points == [
        session(policy, mx, POSTFIX, recipient=domain),
        session(policy, mx, POSTFIX, recipient="ee2.signed.example"),
    ]
    assert [outcome["verified_by"] for outcome in done.outcomes] == [["tlsa"]] * 3
    assert [server for server, _, tls in done.stored if tls] == ["postfix"] * 3
    assert done.connections == {"postfix": 2, "exim": 0}


@pytest.mark.rfc(7672, "3.1.2")
def test_2_0_1(real):
    domain, mx = "ta.signed.example", "exim.signed.example"
    done = real.deliver(domain, domain, "ta2.signed.example")
    policy = tlsa(mx, real.tlsa["exim_ca"])
    assert done.points == [
        session(policy, mx, EXIM, recipient=domain),
        session(policy, mx, EXIM, recipient="ta2.signed.example"),
    ]
    assert [outcome["verified_by"] for outcome in done.outcomes] == [["tlsa"]] * 3
    assert [server for server, _, tls in done.stored if tls] == ["exim"] * 3
    assert done.connections == {"postfix": 0, "exim": 2}


@pytest.mark.rfc(7672, "3.2.2")
def test_2_0_1_with_a_certificate_for_another_name(real):
    domain, mx = "taname.signed.example", "unnamed.signed.example"
    done = real.deliver(domain)
    policy = tlsa(mx, real.tlsa["exim_ca"])
    assert done.kinds == ["Deferred"]
    assert done.points == [session(policy, mx, EXIM, HOST_MISMATCH, domain)]
    assert done.stored == []


@pytest.mark.rfc(7672, "2.2")
def test_a_record_that_does_not_match(real):
    domain = "wrong.signed.example"
    done = real.deliver(domain)
    assert done.kinds == ["Deferred"]
    assert done.points == [session(tlsa(domain, real.tlsa["wrong"]), domain, POSTFIX, NO_MATCH, domain)]
    assert done.stored == []


@pytest.mark.rfc(7672, "3.1.1")
@pytest.mark.rfc(7672, "8.1")
def test_3_1_1_of_an_expired_certificate_that_only_sni_brings(real):
    domain, mx = "old.signed.example", "expired.signed.example"
    done = real.deliver(domain)
    policy = tlsa(mx, real.tlsa["expired"])
    assert done.points == [session(policy, mx, EXIM, recipient=domain)]
    assert done.stored == [("exim", f"someone@{domain}", "TLSv1.3")]


@pytest.mark.rfc(8461, "2")
def test_dane_is_met_and_mta_sts_is_not(real):
    domain, mx = "both.signed.example", "expired.signed.example"
    done = real.deliver(domain)
    assert done.kinds == ["Deferred"]
    assert done.points == [
        session(tlsa(mx, real.tlsa["expired"]), mx, EXIM, recipient=domain),
        session(sts(domain, mx), mx, EXIM, EXPIRED),
    ]
    assert done.stored == []


@pytest.mark.rfc(8461, "2")
def test_dane_decides_where_the_operator_says_so(real):
    domain, mx = "both.signed.example", "expired.signed.example"
    done = real.deliver(domain, dane_and_sts="dane")
    assert done.points == [
        session(tlsa(mx, real.tlsa["expired"]), mx, EXIM, recipient=domain),
        session(sts(domain, mx), mx, EXIM, EXPIRED),
    ]
    assert done.stored == [("exim", f"someone@{domain}", "TLSv1.3")]


def test_more_records_than_a_datagram_carries(real):
    domain = "many.signed.example"
    done = real.deliver(domain)
    (point,) = done.points
    records = point["policy"].pop("policy-string")
    assert point == session(tlsa(domain), domain, POSTFIX, recipient=domain)
    assert len(records) == MANY
    assert real.tlsa["postfix_key"] in records


@pytest.mark.rfc(7672, "2.2.2")
def test_an_mx_with_an_ipv6_address_alone(real):
    domain = "six.signed.example"
    done = real.deliver(domain)
    policy = tlsa(domain, real.tlsa["postfix_key"])
    assert done.points == [session(policy, domain, POSTFIX_6, recipient=domain)]
    assert done.stored == [("postfix", f"someone@{domain}", "TLSv1.3")]


@pytest.mark.rfc(7672, "2.1.1")
@pytest.mark.parametrize("name", ["denied", "nodata"])
def test_a_secure_denial_by_nsec3_is_no_dane(real, name):
    domain = f"{name}.signed.example"
    done = real.deliver(domain)
    assert done.points == [session(none(domain), domain, POSTFIX)]
    assert done.stored == [("postfix", f"someone@{domain}", "TLSv1.3")]


@pytest.mark.rfc(7672, "2.2.1")
def test_an_insecure_delegation_is_no_dane(real):
    """There are TLSA records of that host, and they would not match."""
    domain = "open.unsigned.example"
    done = real.deliver(domain)
    assert done.points == [session(none(domain), "plain.unsigned.example", POSTFIX)]
    assert done.kinds == ["Delivered"]


@pytest.mark.rfc(7672, "2.1.3")
def test_a_secure_mx_that_names_a_host_in_an_insecure_zone(real):
    domain = "far.signed.example"
    done = real.deliver(domain)
    assert done.points == [session(none(domain), "plain.unsigned.example", POSTFIX)]
    assert done.kinds == ["Delivered"]


@pytest.mark.rfc(7672, "2.1.3")
def test_an_alias_from_signed_to_unsigned_has_dane_by_its_own_name(real):
    domain, mx = "alias.signed.example", "mxalias.signed.example"
    done = real.deliver(domain)
    policy = tlsa(mx, real.tlsa["postfix_key"])
    assert done.points == [session(policy, mx, POSTFIX, recipient=domain)]
    assert done.outcomes[0]["verified_by"] == ["tlsa"]


@pytest.mark.rfc(7672, "2.1.3")
def test_an_alias_from_signed_to_unsigned_without_records_of_its_own(real):
    """The records at the insecure end of the alias would not match; nobody may ask for them."""
    domain = "bare.signed.example"
    done = real.deliver(domain)
    assert done.points == [session(none(domain), "mxbare.signed.example", POSTFIX)]
    assert done.kinds == ["Delivered"]


@pytest.mark.rfc(7672, "2.2.3")
def test_an_alias_that_is_signed_to_its_end(real):
    """The records of the expanded name count, not those of the alias, which would not match."""
    domain, end = "inner.signed.example", "postfix.signed.example"
    done = real.deliver(domain)
    policy = tlsa(end, real.tlsa["postfix_key"])
    assert done.points == [session(policy, "mxinner.signed.example", POSTFIX, recipient=domain)]
    assert done.kinds == ["Delivered"]


BOGUS = pytest.mark.parametrize(
    ("options", "code"), [({}, "SERVFAIL EDE 6"), (PLAIN, "SERVFAIL")], ids=["told", "not told"]
)
"""Whether the resolver says that a signature is why."""


@pytest.mark.rfc(7672, "2.1.2")
@BOGUS
def test_a_bogus_tlsa_record_is_no_connection(real, options, code):
    domain, mx = "tlsa.bogus.example", "spoilt.bogus.example"
    done = real.deliver(domain, **options)
    assert done.kinds == ["Deferred"]
    failure = ("dnssec-invalid", f"4.7.5 [internal] TLSA lookup failed: {code}")
    assert done.points == [before(tlsa(mx), failure, mx, domain)]
    assert done.connections == {"postfix": 0, "exim": 0}


@pytest.mark.rfc(7672, "2.1.2")
def test_a_bogus_tlsa_record_of_the_first_mx(real):
    domain, first, second = "next.bogus.example", "spoilt.bogus.example", "postfix.signed.example"
    done = real.deliver(domain)
    failure = ("dnssec-invalid", "4.7.5 [internal] TLSA lookup failed: SERVFAIL EDE 6")
    assert done.points == [
        before(tlsa(first), failure, first, domain),
        session(tlsa(second, real.tlsa["postfix_key"]), second, POSTFIX, recipient=domain),
    ]
    assert done.stored == [("postfix", f"someone@{domain}", "TLSv1.3")]


@pytest.mark.rfc(7672, "2.1.2")
@BOGUS
def test_a_bogus_mx_record(real, options, code):
    """Only a resolver that says why makes it a point: any other failure to find MXs is none of TLS."""
    domain = "mx.bogus.example"
    done = real.deliver(domain, **options)
    failure = ("dnssec-invalid", f"4.7.5 [internal] MX lookup failed: {code}")
    assert done.kinds == ["Deferred"]
    assert done.points == ([] if options else [before(tlsa(domain), failure, recipient=domain)])
    assert done.connections == {"postfix": 0, "exim": 0}


@pytest.mark.rfc(7672, "2.1.2")
@BOGUS
def test_a_bogus_address(real, options, code):
    domain = "address.bogus.example"
    done = real.deliver(domain, **options)
    failure = ("dnssec-invalid", f"4.7.5 [internal] address lookup failed: {code}")
    assert done.kinds == ["Deferred"]
    assert done.points == ([] if options else [before(tlsa(domain), failure, domain, domain)])
    assert done.connections == {"postfix": 0, "exim": 0}


def test_the_same_zone_where_nothing_was_spoilt(real):
    domain = "fine.bogus.example"
    done = real.deliver(domain)
    policy = tlsa(domain, real.tlsa["postfix_key"])
    assert done.points == [session(policy, domain, POSTFIX, recipient=domain)]


WITHOUT_WORD = {
    "not trusted": (UNBOUND_PLAIN, "127.0.0.1", "off: no trusted resolver"),
    "does not validate": (UNBOUND_BLIND, UNBOUND_BLIND, "off: resolver does not validate"),
    "is no resolver": (NAMED, NAMED, "on: resolver not proven"),
}


@pytest.mark.rfc(7672, "2.1.1")
@pytest.mark.parametrize("case", WITHOUT_WORD)
def test_a_resolver_whose_word_does_not_count_makes_no_dane(real, case):
    """The records of that host would not match."""
    resolver, trusted, state = WITHOUT_WORD[case]
    domain = "wrong.signed.example"
    done = real.deliver(domain, resolvers=[resolver], trusted_resolvers=[trusted])
    assert done.trust == state
    assert done.points == [session(none(domain), domain, POSTFIX)]
    assert done.kinds == ["Delivered"]


TURNING = {"resolvers": [UNBOUND_TURNING], "trusted_resolvers": [UNBOUND_TURNING]}
TURNS = {
    "no validator": {"modules": "iterator", "forged": True},
    "permissive": {"permissive": "yes", "forged": True},
    "validating": {"forged": True},
}
"""How unbound comes back, with a forger behind it."""


@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.parametrize("how", TURNS)
@pytest.mark.parametrize(
    ("domain", "later"),
    [("ee.signed.example", 600), ("ee2.signed.example", 7200)],
    ids=["address forged, between two tests", "mx forged, when a test is due"],
)
def test_a_resolver_that_is_killed_and_comes_back(real, how, domain, later):
    """DANE at first; no clear text without a resolver, nor with one that believes the forger; then DANE again."""
    turns = [{}, None, TURNS[how], TURNS[how], {}]
    done = real.deliver(*[domain] * 5, turns=turns, later=later, **TURNING)
    assert done.kinds == ["Delivered", "Deferred", "Deferred", "Deferred", "Delivered"]
    assert {str(o["verified_by"]) for o in done.outcomes if o["kind"] == "Delivered"} == {"['tlsa']"}
    assert all(tls for _, _, tls in done.stored)
    assert done.connections == {"postfix": len(done.stored), "exim": 0}
    assert done.trusts[2:4] == ["lost" if how == "no validator" else "on"] * 2
    assert done.trust == "on"


@pytest.mark.rfc(7672, "2.1.1")
@pytest.mark.parametrize("how", TURNS)
def test_such_a_resolver_from_the_start(real, how):
    """Nothing is known then. An unbound that lets bogus answers through cannot be told from one that does not."""
    done = real.deliver("ee.signed.example", turns=[TURNS[how]], **TURNING)
    assert done.trust == {"no validator": "off: resolver does not validate"}.get(how, "on")
    assert done.kinds == (["Deferred"] if how == "validating" else ["Delivered"])
    assert all(not tls for _, _, tls in done.stored)


@pytest.mark.rfc(7672, "6")
def test_dane_required(real):
    domain = "denied.signed.example"
    done = real.deliver(domain, dane_required=True)
    failure = ("dane-required", "4.7.5 [internal] DANE is required here: no TLSA records")
    assert done.kinds == ["Deferred"]
    assert done.points == [before(tlsa(domain), failure, domain, domain)]
    assert done.connections == {"postfix": 0, "exim": 0}


@pytest.mark.rfc(7672, "2.2.2")
def test_a_domain_without_mx_is_its_own_host(real):
    domain = "bare-host.signed.example"
    done = real.deliver(domain)
    policy = tlsa(domain, real.tlsa["postfix_key"])
    assert done.points == [session(policy, domain, POSTFIX, recipient=domain)]
    assert done.stored == [("postfix", f"someone@{domain}", "TLSv1.3")]


@pytest.mark.rfc(7672, "2.1.3")
def test_a_domain_that_is_an_alias(real):
    """Signed to its end it has DANE; into an unsigned zone it has none."""
    signed, unsigned, mx = "short.signed.example", "shorter.signed.example", "postfix.signed.example"
    done = real.deliver(signed, unsigned)
    assert done.points == [
        session(tlsa(mx, real.tlsa["postfix_key"]), mx, POSTFIX, recipient=signed),
        session(none(unsigned), "plain.unsigned.example", POSTFIX),
    ]
    assert done.kinds == ["Delivered", "Delivered"]


@pytest.mark.rfc(5321, "5.1")
@pytest.mark.parametrize("zone", ["signed", "unsigned", "bogus"])
def test_a_domain_that_does_not_exist(real, zone):
    done = real.deliver(f"nosuch.{zone}.example")
    assert [(outcome["kind"], outcome["status"]) for outcome in done.outcomes] == [("Failed", "5.1.2")]
    assert done.points == []
