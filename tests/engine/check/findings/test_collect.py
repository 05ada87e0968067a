from dataclasses import replace

import pytest

from tlswitness.delivery.course import NoCourse
from tlswitness.delivery.settings import Hop
from tlswitness.dns.trust import TrustReport, TrustState
from tlswitness.engine.check import Fate, Prospect, Severity, Way
from tlswitness.engine.check.findings import findings_of
from tlswitness.engine.check.findings.collect import MAX_FINDINGS
from tlswitness.policy.sts import Mode
from tlswitness.tlsrpt import parse_records

TLSRPT = parse_records(["v=TLSRPTv1; rua=mailto:r@example.com"])


@pytest.fixture
def tell(make):
    def tell(*ways: Way, state=TrustState.VALIDATING, prospect=None, **destination):
        trust = TrustReport(state, ())
        return findings_of(make.destination(**destination), trust, ways, prospect or make.prospect(), make.now)

    return tell


def codes(found) -> list[str]:
    return [finding.code for finding in found]


def good(make, **way) -> Way:
    sts = make.applies()
    host = make.host(sts=sts, dane=make.dane())
    return make.way(replace(host, tries=(make.tried(host.plan),)), sts=sts, tlsrpt=TLSRPT, **way)


def test_nothing_to_tell(make, tell):
    assert tell(good(make)) == ()


def test_problems_first(make, tell):
    host = make.host(make.tried(broken="not connected"))
    found = tell(make.way(host, secure=False), prospect=make.prospect(Fate.DEFERRED))
    assert codes(found) == ["mx-not-connected", "tlsrpt-none", "unprotected", "dnssec-unsigned"]
    assert [finding.severity for finding in found] == [
        Severity.PROBLEM,
        Severity.WARNING,
        Severity.WARNING,
        Severity.NOTE,
    ]


def test_unprotected(make, tell):
    plain = make.way(make.host(make.tried()), tlsrpt=TLSRPT)
    assert codes(tell(plain)) == ["unprotected"]
    testing = make.applies(make.policy(Mode.TESTING))
    host = make.host(sts=testing)
    way = make.way(replace(host, tries=(make.tried(host.plan),)), sts=testing, tlsrpt=TLSRPT)
    assert codes(tell(way)) == ["sts-testing"]
    assert codes(tell(make.way(tlsrpt=TLSRPT))) == [], "without hosts there is nothing to protect"


@pytest.mark.parametrize(
    ("status", "code", "temporary"),
    [
        ("5.1.10", "null-mx", False),
        ("5.1.2", "no-such-domain", False),
        ("5.4.6", "loop", False),
        ("4.4.3", "mx-lookup", True),
        ("4.1.2", "no-route", True),
    ],
)
def test_nowhere_to_go(tell, status, code, temporary):
    (finding,) = tell(Way(NoCourse(status, "why")))
    assert (finding.severity, finding.code, finding.text, finding.temporary) == (
        Severity.PROBLEM,
        code,
        "why",
        temporary,
    )


def test_mail_that_is_lost_is_always_a_problem(make, tell):
    (finding,) = tell(good(make), prospect=Prospect(Fate.DEFERRED, "4.4.4", "no address of the family"))
    assert (finding.severity, finding.code, finding.text) == (
        Severity.PROBLEM,
        "undelivered",
        "no address of the family",
    )


@pytest.mark.rfc(7672, "2.1.1")
@pytest.mark.parametrize(
    ("state", "severity", "temporary"),
    [
        (TrustState.UNTRUSTED, Severity.WARNING, False),
        (TrustState.NOT_VALIDATING, Severity.WARNING, False),
        (TrustState.UNPROVEN, Severity.WARNING, True),
        (TrustState.LOST, Severity.PROBLEM, True),
    ],
)
def test_a_machine_that_cannot_see_dane(make, tell, state, severity, temporary):
    (finding,) = tell(good(make), state=state)
    assert (finding.severity, finding.code, finding.temporary) == (severity, "resolver", temporary)
    assert codes(tell(good(make), state=state, dane=False)) == ["dane-off"]
    assert codes(tell(Way(NoCourse("5.1.10", "why")), state=state)) == ["null-mx"]


def test_a_route(make, tell):
    hops = (Hop(make.name("relay.example.net")), Hop(None, "192.0.2.1"))
    (finding,) = tell(good(make), hops=hops)
    assert finding.code == "route"
    assert finding.text.endswith("relay.example.net, 192.0.2.1")


def test_an_implicit_mx(make, tell):
    way = good(make)
    assert codes(tell(replace(way, course=replace(way.course, implicit=True)))) == ["implicit-mx"]


def test_what_is_told_is_bounded(make, tell):
    hosts = [
        make.host(make.tried(broken="not connected"), host=make.name(f"mx{number}.example.com"))
        for number in range(MAX_FINDINGS + 50)
    ]
    assert len(tell(make.way(*hosts))) == MAX_FINDINGS


def test_each_is_told_once(make, tell):
    assert codes(tell(Way(NoCourse("4.4.3", "why")), Way(NoCourse("4.4.3", "why")))) == ["mx-lookup"]
