"""What a message asks for (RFC 8689), with Debian's Postfix and Exim, neither of which knows REQUIRETLS."""

import pytest
from tests.real.support.expect import (
    EXIM_UNREADY,
    HOST_MISMATCH,
    MX_MISMATCH,
    NO_MATCH,
    NO_STARTTLS,
    NO_SUITE,
    POSTFIX,
    POSTFIX_ANONYMOUS,
    POSTFIX_CLEAR,
    POSTFIX_OLD,
    REFUSED,
    before,
    none,
    session,
    sts,
    tlsa,
)
from tests.real.support.servers import UNBOUND_BLIND

pytestmark = pytest.mark.slow

MX = "plain.unsigned.example"
TOO_WEAK = ("validation-failure", "4.7.5 [internal] TLS too weak: TLSv1")
PROBLEMS = {
    "sts-name": ("unnamed.unsigned.example", None, POSTFIX, HOST_MISMATCH, "TLSv1.3"),
    "sts-mx": (MX, "mx.elsewhere.example", POSTFIX, MX_MISMATCH, "TLSv1.3"),
    "sts-clear": ("clear.unsigned.example", None, POSTFIX_CLEAR, NO_STARTTLS, ""),
    "sts-unready": ("unready.unsigned.example", None, EXIM_UNREADY, REFUSED, ""),
    "sts-old": ("old.unsigned.example", None, POSTFIX_OLD, TOO_WEAK, "TLSv1"),
    "sts-anonymous": ("anonymous.unsigned.example", None, POSTFIX_ANONYMOUS, NO_SUITE, "TLSv1.2"),
}


@pytest.mark.rfc(8689, "3")
@pytest.mark.rfc(8689, "4.2.2")
@pytest.mark.parametrize("name", PROBLEMS)
def test_tls_required_no_goes_where_enforce_is_not_met(real, name):
    mx, named, peer, failure, version = PROBLEMS[name]
    domain = f"{name}.unsigned.example"
    done = real.deliver(domain, asks="tls-optional")
    assert done.kinds == ["Delivered"]
    (point,) = done.points
    further = point.pop("further-failures", [])
    assert point == session(sts(domain, named or mx), mx, peer, failure)
    assert [each["result-type"] for each in further] == ["certificate-host-mismatch"] * (name == "sts-old")
    assert [tls for _, _, tls in done.stored] == [version]


@pytest.mark.rfc(8689, "8.4")
def test_tls_required_no_goes_where_dane_is_not_met(real):
    domain = "wrong.signed.example"
    done = real.deliver(domain, asks="tls-optional")
    assert done.points == [session(tlsa(domain, real.tlsa["wrong"]), domain, POSTFIX, NO_MATCH, domain)]
    assert done.stored == [("postfix", f"someone@{domain}", "TLSv1.3")]


@pytest.mark.rfc(8689, "8.4")
def test_tls_required_no_goes_where_the_tlsa_lookup_fails(real):
    domain, mx = "tlsa.bogus.example", "spoilt.bogus.example"
    done = real.deliver(domain, asks="tls-optional")
    failure = ("dnssec-invalid", "4.7.5 [internal] TLSA lookup failed: SERVFAIL EDE 6")
    assert done.points == [before(tlsa(mx), failure, mx, domain), session(none(domain), mx, POSTFIX)]
    assert done.kinds == ["Delivered"]


@pytest.mark.rfc(8689, "4.2.1")
def test_require_tls_bounces_where_the_server_does_not_pass_it_on(real):
    done = real.deliver("sts-good.unsigned.example", "ee.signed.example", asks="require-tls")
    assert [(outcome["kind"], outcome["status"]) for outcome in done.outcomes] == [("Failed", "5.7.30")] * 2
    assert done.points == [
        session(sts("sts-good.unsigned.example", MX), MX, POSTFIX),
        session(
            tlsa("postfix.signed.example", real.tlsa["postfix_key"]),
            "postfix.signed.example",
            POSTFIX,
            recipient="ee.signed.example",
        ),
    ]
    assert done.stored == []


@pytest.mark.rfc(8689, "4.2.1")
def test_require_tls_connects_to_nobody_whom_nobody_names(real):
    done = real.deliver("open.unsigned.example", asks="require-tls")
    assert [(outcome["kind"], outcome["status"]) for outcome in done.outcomes] == [("Failed", "5.7.30")]
    assert done.points == []
    assert done.connections == {"postfix": 0, "exim": 0}


@pytest.mark.rfc(8689, "4.2.1")
def test_require_tls_waits_where_nobody_can_tell(real):
    """The resolver does not validate: that domain has DANE."""
    done = real.deliver(
        "ee.signed.example", asks="require-tls", resolvers=[UNBOUND_BLIND], trusted_resolvers=[UNBOUND_BLIND]
    )
    assert done.kinds == ["Deferred"]
    assert done.connections == {"postfix": 0, "exim": 0}


@pytest.mark.rfc(8689, "4.2.1")
def test_require_tls_waits_for_a_policy_that_cannot_be_fetched(real):
    domain = "sts-404.unsigned.example"
    done = real.deliver(domain, domain, asks="require-tls")
    assert done.kinds == ["Deferred"] * 2
    failure = ("sts-policy-fetch-error", "4.7.5 [internal] policy host answered with HTTP status 404")
    assert done.points == [before(sts(domain), failure)]
