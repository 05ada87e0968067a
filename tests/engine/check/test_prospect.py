from dataclasses import replace

import pytest

from tlswitness.datapoint import Cause, Failure, PolicyFailed
from tlswitness.delivery.course import NoCourse
from tlswitness.engine.check import Fate, Pass, Way
from tlswitness.engine.check.prospect import prospect_of, protection
from tlswitness.policy.dane import HostUnreachable
from tlswitness.policy.plan import LocalRules, TlsWanted
from tlswitness.policy.sts import Mode, StsAbsent

NO_STARTTLS = Failure(Cause.STARTTLS_NOT_OFFERED)


@pytest.fixture
def ask(make):
    def ask(*ways: Way, connected: bool = True):
        return prospect_of(ways, make.now, connected=connected)

    return ask


def results(prospect) -> list[str]:
    return [f"{point.policy.policy_type} {point.result_type or 'success'}" for point in prospect.points]


def test_the_first_host_that_takes_it(make, ask):
    first = make.host(make.tried(broken="not connected"))
    second = make.host(make.tried(address="192.0.2.2"))
    third = make.host(make.tried(address="192.0.2.3"))
    prospect = ask(make.way(first, second, third))
    assert (prospect.fate, prospect.relay.address) == (Fate.DELIVERED, "192.0.2.2")
    assert results(prospect) == ["no-policy-found success"]
    assert (prospect.protected_by, prospect.tls_demanded) == ((), False)


def test_nobody_takes_it(make, ask):
    host = make.host(local=LocalRules(tls=TlsWanted.REQUIRED))
    prospect = ask(make.way(replace(host, tries=(make.tried(host.plan, NO_STARTTLS),))))
    assert (prospect.fate, prospect.status) == (Fate.DEFERRED, "4.7.5")
    assert "STARTTLS is not offered" in prospect.text
    assert results(prospect) == ["no-policy-found starttls-not-supported"]


@pytest.mark.parametrize(
    ("status", "fate"), [("5.1.10", Fate.BOUNCED), ("5.1.2", Fate.BOUNCED), ("4.4.3", Fate.DEFERRED)]
)
def test_no_course(make, ask, status, fate):
    prospect = ask(Way(NoCourse(status, "no way")))
    assert (prospect.fate, prospect.status, prospect.text) == (fate, status, "no way")


def test_a_course_behind_one_that_leads_nowhere(make, ask):
    failed = PolicyFailed(make.domain, make.dane().facts(), Failure(Cause.MX_LOOKUP, "SERVFAIL EDE 6"))
    prospect = ask(Way(NoCourse("4.4.3", "no way", (failed,))), make.way(make.host(make.tried())))
    assert prospect.fate is Fate.DELIVERED
    assert results(prospect) == ["tlsa dnssec-invalid", "no-policy-found success"]


def test_a_domain_without_mx_and_address_is_none(make, ask):
    finding = HostUnreachable(make.mx, "mx.example.com has no addresses")
    host = make.look(finding)
    assert ask(make.way(host)).fate is Fate.DEFERRED
    way = make.way(host)
    prospect = ask(replace(way, course=replace(way.course, implicit=True)))
    assert (prospect.fate, prospect.status) == (Fate.BOUNCED, "5.4.4")


def test_no_address_of_the_family(make, ask):
    assert ask(make.way(make.host())).status == "4.4.4"


def test_nobody_was_connected_to(make, ask):
    host = make.host(dane=make.dane(), sts=make.applies())
    prospect = ask(make.way(host), connected=False)
    assert (prospect.fate, prospect.protected_by, prospect.tls_demanded) == (Fate.UNKNOWN, ("tlsa", "sts"), True)


@pytest.mark.rfc(8461, "5.1")
def test_a_second_look_at_the_policy(make, ask):
    old, new = make.applies(make.policy(Mode.ENFORCE, "old.example.com"), cached=True), make.applies()
    refused = make.host(sts=old)
    host = make.host(sts=new)
    taken = replace(host, tries=(make.tried(host.plan),))
    way = make.way(refused, sts=old)
    failed = StsAbsent(make.domain, "gone", Failure(Cause.STS_TIMEOUT))
    assert results(ask(replace(way, again=failed))) == ["sts validation-failure", "sts sts-policy-fetch-error"]
    both = replace(way, again=new, passes=(*way.passes, Pass(new, (taken,))))
    prospect = ask(both)
    assert prospect.fate is Fate.DELIVERED
    assert results(prospect) == ["sts validation-failure", "sts success"]


def test_a_failure_without_a_session_is_told_once(make, ask):
    sts = make.applies(make.policy(Mode.ENFORCE, "other.example.com"))
    prospect = ask(make.way(make.host(sts=sts), sts=sts), make.way(make.host(sts=sts), sts=sts))
    assert results(prospect) == ["sts validation-failure"]


def test_protection(make):
    assert protection(make.host(sts=make.applies(make.policy(Mode.TESTING))).plan) == ()
    assert protection(make.host(dane=make.dane(usable=False)).plan) == ()
    assert protection(make.host(local=LocalRules(tls_verify=True)).plan) == ("local",)
    assert protection(make.host(dane=make.dane(), sts=make.applies()).plan) == ("tlsa", "sts")
