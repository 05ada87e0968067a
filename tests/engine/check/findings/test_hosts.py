from dataclasses import replace

import pytest

from tlswitness.datapoint import Cause, Failure
from tlswitness.delivery.verdict import Verdict
from tlswitness.dns.answer import LookupFailed, Security, TlsaRecord
from tlswitness.engine.check import Fate, MxLook, Pass, Severity
from tlswitness.engine.check.findings.hosts import about_hosts
from tlswitness.names import parse_host
from tlswitness.policy.dane import DaneLookupFailed, HostFound, HostUnreachable, NoDane, WhyNoDane
from tlswitness.policy.plan import LocalRules
from tlswitness.policy.sts import Mode

NO_STARTTLS = Failure(Cause.STARTTLS_NOT_OFFERED)
MISMATCH = Failure(Cause.CERT_HOST_MISMATCH)
DAY = 86_400


@pytest.fixture
def tell(make):
    def tell(*hosts: MxLook, fate: Fate = Fate.DELIVERED, **way):
        return list(about_hosts(make.way(*hosts, **way), make.prospect(fate), make.now))

    return tell


def visited(make, host: MxLook, **tried) -> MxLook:
    return replace(host, tries=(make.tried(host.plan, **tried),))


def test_a_host_that_is_as_it_should_be(make, tell):
    assert tell(make.host(make.tried())) == []


@pytest.mark.parametrize(
    ("sts", "dane", "text"),
    [
        (None, False, "STARTTLS is not offered: the mail is sent there without it"),
        (Mode.TESTING, False, "STARTTLS is not offered (under MTA-STS): it is reported, and the mail goes on"),
        (Mode.ENFORCE, False, "STARTTLS is not offered (under MTA-STS): no mail is sent there"),
        (None, True, "STARTTLS is not offered (under DANE): no mail is sent there"),
        (Mode.TESTING, True, "STARTTLS is not offered (under DANE and MTA-STS): no mail is sent there"),
    ],
)
def test_a_failure_and_what_follows_from_it(make, tell, sts, dane, text):
    answer = make.applies(make.policy(sts)) if sts else make.absent
    host = make.host(sts=answer, dane=make.dane() if dane else make.no_tlsa)
    (finding,) = tell(visited(make, host, failure=NO_STARTTLS, ends=None))
    assert finding.text == text
    assert (finding.severity, finding.code, finding.mx) == (
        Severity.PROBLEM,
        "starttls-not-offered",
        "mx.example.com",
    )
    assert "mx.example.com" in finding.advice


def test_a_local_rule_forbids(make, tell):
    host = visited(make, make.host(local=LocalRules(tls_verify=True)), failure=NO_STARTTLS, ends=None)
    assert tell(host)[0].text == "STARTTLS is not offered: no mail is sent there"


def test_a_failure_at_some_addresses_names_them(make, tell):
    host = make.host()
    tries = (make.tried(host.plan), make.tried(host.plan, NO_STARTTLS, address="192.0.2.7", ends=None))
    (finding,) = tell(replace(host, tries=tries))
    assert finding.text.startswith("STARTTLS is not offered at 192.0.2.7: ")
    both = tuple(make.tried(host.plan, NO_STARTTLS, address=f"192.0.2.{n}", ends=None) for n in (1, 2))
    (finding,) = tell(replace(host, tries=both))
    assert " at " not in finding.text


@pytest.mark.rfc(7672, "2.2")
def test_tlsa_records_that_cannot_be_used(make, tell):
    host = make.host(dane=make.dane(usable=False, rejected=("0 0 1: usage 0 is not for SMTP",)))
    found = tell(visited(make, host))
    assert [finding.code for finding in found] == ["tlsa-all-unusable", "tlsa-unused"]
    assert found[0].text.endswith("(under DANE): TLS is demanded, and nobody is authenticated")
    assert found[0].advice.endswith("3 1 1 abcd"), "it says which record would do"


def test_a_certificate_that_no_record_matches(make, tell):
    verdict = Verdict(None, (Failure(Cause.DANE_NO_MATCH),), None, 0, 0)
    (finding,) = tell(visited(make, make.host(dane=make.dane()), verdict=verdict))
    assert finding.code == "dane-no-match"
    assert finding.advice.endswith("For the present certificate it would be: 3 1 1 abcd")


@pytest.mark.rfc(8461, "4.1")
@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.TESTING])
def test_an_mx_that_the_policy_does_not_name(make, tell, mode):
    sts = make.applies(make.policy(mode, "other.example.com"))
    (finding,) = tell(make.host(sts=sts), sts=sts)
    assert (finding.severity, finding.code) == (Severity.PROBLEM, "sts-mx-mismatch")
    assert "Add `mx: mx.example.com` to the policy" in finding.advice


@pytest.mark.parametrize(("security", "temporary"), [(Security.FAILED, True), (Security.BOGUS, False)])
def test_a_tlsa_lookup_that_failed(make, tell, security, temporary):
    answer = LookupFailed(security, "SERVFAIL")
    dane = DaneLookupFailed(make.mx, Failure(Cause.TLSA_LOOKUP, "SERVFAIL"), answer, "the TLSA lookup failed")
    (finding,) = tell(make.host(dane=dane), fate=Fate.DEFERRED)
    assert (finding.severity, finding.code, finding.temporary) == (Severity.PROBLEM, "tlsa-lookup", temporary)


@pytest.mark.parametrize(("fate", "severity"), [(Fate.DELIVERED, Severity.WARNING), (Fate.DEFERRED, Severity.PROBLEM)])
def test_hosts_that_cannot_be_used(make, tell, fate, severity):
    hosts = [
        make.look(HostUnreachable(make.mx, "it has no addresses")),
        make.look(HostUnreachable(make.mx, "the lookup failed", status="4.4.3")),
        make.look(HostUnreachable(parse_host("192.0.2.1"), "'192.0.2.1' is not a host name")),
        make.host(make.tried(broken="not connected")),
        make.host(make.tried(broken="greeting failed")),
    ]
    found = [tell(host, fate=fate)[0] for host in hosts]
    assert [finding.code for finding in found] == [
        "mx-no-address",
        "mx-no-address",
        "mx-name",
        "mx-not-connected",
        "mx-refuses",
    ]
    assert {finding.severity for finding in found} == {severity}
    assert [finding.temporary for finding in found] == [False, True, False, False, False]


def test_addresses_that_are_bogus(make, tell):
    unreachable = HostUnreachable(make.mx, "bogus", Failure(Cause.ADDRESS_LOOKUP, "SERVFAIL EDE 6"), "4.4.3")
    (finding,) = tell(make.look(unreachable))
    assert (finding.code, finding.temporary) == ("address-lookup", False)


def test_our_own_contradiction(make, tell):
    (finding,) = tell(
        make.host(dane=NoDane("DANE is switched off", WhyNoDane.OFF), local=LocalRules(dane_required=True))
    )
    assert finding.code == "local-rules"


def test_a_certificate_that_nobody_checks(make, tell):
    (finding,) = tell(make.host(make.tried(webpki=(MISMATCH,))))
    assert (finding.severity, finding.code) == (Severity.NOTE, "certificate")
    assert "MTA-STS would refuse it" in finding.text
    dane = visited(make, make.host(dane=make.dane()), webpki=(MISMATCH,))
    assert tell(dane) == [], "under DANE the names do not matter"


@pytest.mark.parametrize(
    ("days", "words"), [(5.5, "expires in 5 days, on"), (1.2, "expires in 1 day, on"), (15, None), (-1, None)]
)
def test_a_certificate_that_ends_soon(make, tell, days, words):
    sts = make.applies()
    found = tell(visited(make, make.host(sts=sts), ends=days * DAY), sts=sts)
    assert [finding.code for finding in found] == (["certificate-ends"] if words else [])
    if words:
        assert words in found[0].text
        assert found[0].severity is Severity.WARNING


def test_an_issuer_that_ends_soon(make, tell):
    sts = make.applies()
    host = make.host(sts=sts)
    tried = replace(make.tried(host.plan), certificate=make.certificate(90 * DAY, 3 * DAY))
    (finding,) = tell(replace(host, tries=(tried,)))
    assert finding.text.startswith("an issuer's certificate expires in 3 days")


def test_dates_count_where_something_looks_at_them(make, tell):
    assert tell(visited(make, make.host(), ends=DAY)) == []
    assert tell(visited(make, make.host(dane=make.dane()), ends=DAY)) == []
    anchor = make.dane(TlsaRecord(2, 0, 1, b"\x00" * 32))
    assert [finding.code for finding in tell(visited(make, make.host(dane=anchor), ends=DAY))] == ["certificate-ends"]
    expired = (Failure(Cause.CERT_EXPIRED),)
    sts = make.applies()
    verdict = Verdict(expired, None, None, 0, 0)
    found = tell(visited(make, make.host(sts=sts), ends=DAY, webpki=expired, verdict=verdict))
    assert [finding.code for finding in found] == ["cert-expired"], "it is said once"


def test_dane_of_some_hosts_only(make, tell):
    other = make.name("mx2.example.com")
    found = tell(visited(make, make.host(dane=make.dane())), make.host(make.tried(), host=other))
    assert [(finding.code, finding.mx) for finding in found] == [("tlsa-missing", "mx2.example.com")]
    assert found[0].severity is Severity.WARNING


def test_records_that_do_nothing(make, tell):
    insecure = NoDane("not signed", WhyNoDane.MX_INSECURE)
    (finding,) = tell(make.host(make.tried(), dane=insecure, idle_tlsa=True))
    assert (finding.severity, finding.code) == (Severity.WARNING, "tlsa-idle")


def test_a_newer_policy_let_the_mail_through(make, tell):
    host = make.host(make.tried())
    passes = (Pass(make.applies(cached=True), (host,)), Pass(make.applies(), (host,)))
    assert [finding.code for finding in tell(host, passes=passes)] == ["sts-rechecked"]


def test_an_address_has_nothing_to_say(make, tell):
    finding = HostFound(make.mx, ("192.0.2.1",), NoDane("an address", WhyNoDane.OFF))
    assert tell(make.look(finding)) == []
