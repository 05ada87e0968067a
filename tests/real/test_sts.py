"""MTA-STS with policies from Debian's nginx and mail to Debian's Postfix."""

import pytest
from tests.real.support.expect import (
    EXIM_UNREADY,
    HOST_MISMATCH,
    MX_MISMATCH,
    NO_STARTTLS,
    NO_SUITE,
    POSTFIX,
    POSTFIX_ANONYMOUS,
    POSTFIX_CHOOSES,
    POSTFIX_CLEAR,
    POSTFIX_OLD,
    REFUSED,
    TOO_OLD,
    before,
    none,
    session,
    sts,
)

pytestmark = pytest.mark.slow

MX = "plain.unsigned.example"


@pytest.mark.rfc(8461, "3.3")
@pytest.mark.parametrize("name", ["sts-good", "sts-gzip", "sts-six"])
def test_a_policy_that_is_met(real, name):
    """nginx knows the policy host by SNI alone: its default certificate is for another name. The last has IPv6 only."""
    domain = f"{name}.unsigned.example"
    done = real.deliver(domain, domain)
    assert done.points == [session(sts(domain, MX), MX, POSTFIX)]
    assert [outcome["verified_by"] for outcome in done.outcomes] == [["sts"]] * 2
    assert done.stored == [("postfix", f"someone@{domain}", "TLSv1.3")] * 2
    assert done.connections == {"postfix": 1, "exim": 0}


def test_a_second_domain_on_the_same_mx_is_another_point(real):
    domains = ["sts-good.unsigned.example", "sts-second.unsigned.example"]
    done = real.deliver(*domains)
    assert done.points == [session(sts(domain, MX), MX, POSTFIX) for domain in domains]
    assert done.connections["postfix"] == 2


FETCHES = {
    "sts-cert": ("sts-webpki-invalid", "policy host certificate is invalid: host mismatch", ()),
    "sts-expired": ("sts-webpki-invalid", "policy host certificate is invalid: expired", ()),
    "sts-alert": ("sts-policy-fetch-error", "TLS with the policy host failed: alert unrecognized name", ()),
    "sts-redirect": ("sts-policy-fetch-error", "policy host redirects with HTTP status 301", ()),
    "sts-404": ("sts-policy-fetch-error", "policy host answered with HTTP status 404", ()),
    "sts-html": ("sts-policy-invalid", "policy is not text/plain", ()),
    "sts-broken": (
        "sts-policy-invalid",
        "policy is invalid: no mx",
        ("version: STSv1", "mode: enforce", "max_age: 86400"),
    ),
}


@pytest.mark.rfc(8461, "3.3")
@pytest.mark.rfc(8460, "4.3.2.2")
@pytest.mark.parametrize("name", FETCHES)
def test_a_policy_that_cannot_be_had(real, name):
    """The mail goes as if there were none; one failure for the fetch, however many messages."""
    result, words, lines = FETCHES[name]
    domain = f"{name}.unsigned.example"
    done = real.deliver(domain, domain)
    assert done.points == [
        before(sts(domain, lines=lines), (result, f"4.7.5 [internal] {words}")),
        session(none(domain), MX, POSTFIX),
    ]
    assert done.stored == [("postfix", f"someone@{domain}", "TLSv1.3")] * 2


@pytest.mark.rfc(8461, "4.1")
@pytest.mark.rfc(8461, "5")
def test_enforce_with_a_certificate_for_another_name(real):
    domain, mx = "sts-name.unsigned.example", "unnamed.unsigned.example"
    done = real.deliver(domain)
    assert done.kinds == ["Deferred"]
    assert done.points == [session(sts(domain, mx), mx, POSTFIX, HOST_MISMATCH)]
    assert done.stored == []


@pytest.mark.rfc(8461, "5")
def test_testing_with_a_certificate_for_another_name(real):
    domain, mx = "sts-testing.unsigned.example", "unnamed.unsigned.example"
    done = real.deliver(domain)
    assert done.points == [session(sts(domain, mx, "testing"), mx, POSTFIX, HOST_MISMATCH)]
    assert done.stored == [("postfix", f"someone@{domain}", "TLSv1.3")]


@pytest.mark.rfc(8461, "5")
def test_enforce_with_an_mx_that_the_policy_does_not_name(real):
    domain = "sts-mx.unsigned.example"
    done = real.deliver(domain)
    assert done.kinds == ["Deferred"]
    assert done.points == [before(sts(domain, "mx.elsewhere.example"), MX_MISMATCH, MX)]
    assert done.connections == {"postfix": 0, "exim": 0}


WITHOUT_TLS = {
    "clear": (POSTFIX_CLEAR, NO_STARTTLS),
    "unready": (EXIM_UNREADY, REFUSED),
    "old": (POSTFIX_OLD, TOO_OLD),
    "anonymous": (POSTFIX_ANONYMOUS, NO_SUITE),
}


@pytest.mark.rfc(8461, "5")
@pytest.mark.rfc(8460, "4.3.1")
@pytest.mark.parametrize("name", WITHOUT_TLS)
def test_enforce_without_tls_that_is_good_enough(real, name):
    peer, failure = WITHOUT_TLS[name]
    domain, mx = f"sts-{name}.unsigned.example", f"{name}.unsigned.example"
    done = real.deliver(domain)
    assert done.kinds == ["Deferred"]
    assert done.points == [session(sts(domain, mx), mx, peer, failure)]
    assert done.stored == []
    assert sum(done.connections.values()) == 1


@pytest.mark.rfc(8461, "5")
def test_testing_with_a_server_that_prefers_anonymous_suites(real):
    """Its certificate is good, and it must come to be seen."""
    domain, mx = "sts-chooses.unsigned.example", "chooses.unsigned.example"
    done = real.deliver(domain)
    assert done.points == [session(sts(domain, mx, "testing"), mx, POSTFIX_CHOOSES)]
    assert done.stored == [("postfix", f"someone@{domain}", "TLSv1.2")]
