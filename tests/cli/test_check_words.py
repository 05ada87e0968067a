from dataclasses import replace

import pytest

from tlswitness.cli.check_words import verdict, words
from tlswitness.datapoint import Cause, Failure
from tlswitness.delivery.attempt import Broken
from tlswitness.delivery.course import Course, NoCourse
from tlswitness.delivery.outcome import CLEAR_TEXT, Relay, TlsFacts
from tlswitness.dns.answer import LookupFailed, Security
from tlswitness.dns.trust import TrustReport, TrustState
from tlswitness.engine.check import (
    CertificateFacts,
    Check,
    Fate,
    Finding,
    MxLook,
    Pass,
    Prospect,
    Severity,
    StsLook,
    Try,
    Way,
)
from tlswitness.names import Domain, HostName, parse_host, parse_pattern
from tlswitness.policy.dane import HostFound, HostUnreachable, NextHop, NoDane, WhyNoDane
from tlswitness.policy.plan import LocalRules, Named, Tag, make_plan
from tlswitness.policy.sts import (
    BadRecord,
    Entry,
    Fetched,
    FetchFailed,
    Mode,
    NoRecord,
    StsAbsent,
    StsApplies,
    StsPolicy,
    StsRecord,
)
from tlswitness.tlsrpt import NoRecord as NoTlsrpt
from tlswitness.tlsrpt import RecordLookupFailed, parse_records

DOMAIN = Domain("example.com")
RELAY = Relay("mx.example.com", "192.0.2.1", 25)
GIVEN = f"Mail would be given to {RELAY}"
TLS = TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", ("sts",))
POLICY = StsPolicy(Mode.ENFORCE, 604_800, (parse_pattern("mx.example.com"),), ("mode: enforce",))
ABSENT = StsAbsent(DOMAIN, "no record")
ESC = "\x1b[31m\x9b\r\n\u202e"


def check(*ways: Way, prospect: Prospect | None = None, findings=()) -> Check:
    given = prospect or Prospect(Fate.DELIVERED, "", "", RELAY, TLS, ("sts",), tls_demanded=True)
    return Check(DOMAIN, 0, TrustReport(TrustState.VALIDATING, ()), ways, given, findings)


def look(text: str = "mx.example.com", *tries: Try) -> MxLook:
    host = parse_host(text)
    if isinstance(host, HostName):
        finding = HostFound(host, ("192.0.2.1",), NoDane("no TLSA", WhyNoDane.NO_TLSA))
    else:
        finding = HostUnreachable(host, str(host))
    plans = [make_plan(DOMAIN, finding, ABSENT, LocalRules(), tag=tag) for tag in (Tag.NORMAL, Tag.REQUIRE)]
    return MxLook(host, finding, *plans, tries)


def way(*hosts: MxLook, sts: StsLook | None = None, tlsrpt=None) -> Way:
    course = Course(NextHop(DOMAIN, DOMAIN, True), tuple(host.host for host in hosts), 25)
    return Way(course, tlsrpt or NoTlsrpt(), sts or StsLook(NoRecord(), None, None, ABSENT), (Pass(ABSENT, hosts),))


def said(*args, width: int = 100, **more) -> str:
    return words(check(*args, **more), width=width).plain


@pytest.mark.parametrize(
    ("prospect", "text"),
    [
        (
            Prospect(Fate.DELIVERED, "", "", RELAY, TLS, ("tlsa", "sts"), tls_demanded=True),
            f"{GIVEN} over TLSv1.3, as DANE and MTA-STS demand.",
        ),
        (
            Prospect(Fate.DELIVERED, "", "", RELAY, TLS, (), tls_demanded=True),
            f"{GIVEN} over TLSv1.3: clear text is forbidden, but nothing says whom to trust.",
        ),
        (
            Prospect(Fate.DELIVERED, "", "", RELAY, CLEAR_TEXT),
            f"{GIVEN} in clear text; nothing demands TLS, so an attacker on the way could read the mail.",
        ),
        (Prospect(Fate.DEFERRED, "4.7.5", "no"), "Mail would be deferred (4.7.5): no"),
        (Prospect(Fate.BOUNCED, "5.1.2", "no"), "Mail would bounce (5.1.2): no"),
        (Prospect(Fate.UNKNOWN, "", ""), "No MX was connected to."),
    ],
)
def test_the_verdict(prospect, text):
    assert verdict(check(prospect=prospect)) == text


def test_a_finding_says_what_to_do():
    finding = Finding(Severity.PROBLEM, "x", "it is wrong", "Make it right.", "mx.example.com")
    named = Finding(Severity.NOTE, "y", "mx.example.com is odd", mx="mx.example.com")
    text = said(findings=(finding, named))
    assert "  PROBLEM  mx.example.com: it is wrong\n           Make it right.\n" in text
    assert "  NOTE     mx.example.com is odd\n" in text


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_lines_fit(width):
    finding = Finding(Severity.PROBLEM, "x", "word " * 60, "advice " * 60)
    text = said(way(look()), findings=(finding,), width=width)
    assert max(map(len, text.splitlines())) <= max(width, 60)


def test_nothing_that_a_terminal_obeys():
    """Whatever strangers' DNS, web servers and MTAs say."""
    facts = CertificateFacts((ESC,), ESC, 0, 1e20, 0, "")
    tried = Try(RELAY, Broken(RELAY, "4.0.0", f"{RELAY} said {ESC}", ESC), certificate=facts)
    stranger = way(look("mx.example.com", tried), look(ESC), tlsrpt=parse_records([f"v=TLSRPTv1; rua={ESC}"]))
    prospect = Prospect(Fate.DEFERRED, "4.0.0", ESC)
    text = said(stranger, prospect=prospect, findings=(Finding(Severity.NOTE, "x", ESC, ESC, ESC),))
    assert all(char.isprintable() for char in text.replace("\n", ""))


@pytest.mark.parametrize(
    ("sts", "lines"),
    [
        (StsLook(None, None, None, ABSENT), ["not looked for"]),
        (StsLook(NoRecord(), FetchFailed(Failure(Cause.STS_TIMEOUT)), None, ABSENT), ["record: none"]),
        (
            StsLook(StsRecord("7"), FetchFailed(Failure(Cause.STS_TIMEOUT)), None, ABSENT),
            ["record: id 7", "served: policy host timed out"],
        ),
        (
            StsLook(BadRecord(Failure(Cause.STS_TXT_MULTIPLE)), None, None, ABSENT),
            ["record: there is more than one MTA-STS TXT record"],
        ),
        (
            StsLook(LookupFailed(Security.FAILED, "timeout"), None, None, ABSENT),
            ["record: the lookup failed: timeout"],
        ),
        (
            StsLook(
                StsRecord("7"),
                Fetched(POLICY, b""),
                Entry(DOMAIN, "6", POLICY, b"", 0, 0),
                StsApplies(DOMAIN, POLICY, False),
            ),
            [
                "record: id 7",
                "served: mode enforce, kept for 7 days, mx mx.example.com",
                "cached: mode enforce, kept for 7 days, mx mx.example.com; id 6, until 1970-01-08 00:00 UTC",
                "applied: the policy served, mode enforce",
            ],
        ),
    ],
)
def test_what_is_known_of_mta_sts(sts, lines):
    text = said(way(look(), sts=sts), width=140)
    first, *others = lines
    assert f"  MTA-STS  {first}\n" in text
    for line in others:
        assert f"\n           {line}\n" in text


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (NoTlsrpt(), "no record"),
        (parse_records(["v=TLSRPTv1; rua=mailto:a@b.example"]), "v=TLSRPTv1; rua=mailto:a@b.example"),
        (parse_records(["v=TLSRPTv1; rua=mailto:a@b.example"] * 2), "v=TLSRPTv1; rua=mailto:a@b.example | v="),
        (RecordLookupFailed(LookupFailed(Security.FAILED, "timeout")), "the lookup failed: timeout"),
    ],
)
def test_what_is_known_of_tlsrpt(answer, line):
    assert f"  TLSRPT   {line}" in said(way(look(), tlsrpt=answer))


def test_a_host():
    tried = Try(RELAY, None, TLS, certificate=CertificateFacts(("mx.example.com",), "CN=X", 0, 0, 0, ""))
    text = said(way(look("mx.example.com", tried)))
    assert "  MX       mx.example.com\n" in text
    assert "192.0.2.1  TLSv1.3 TLS_AES_256_GCM_SHA384, verified under MTA-STS: ready for mail\n" in text
    assert "certificate for mx.example.com, until 1970-01-01 00:00 UTC, by CN=X\n" in text
    assert "192.0.2.1  not connected to" in said(way(look()))


def test_a_dead_end():
    text = said(Way(NoCourse("5.1.2", "none")), prospect=Prospect(Fate.BOUNCED, "5.1.2", "none"))
    assert text == "example.com\n  Mail would bounce (5.1.2): none\n  REPORTED nothing: no event of TLS\n"


@pytest.mark.parametrize(("offered", "line"), [(True, "REQUIRETLS: yes: mx"), (False, "REQUIRETLS: no: mx")])
def test_mail_that_requires_tls(offered, line):
    tried = Try(RELAY, None, TLS, webpki=(), require_tls=offered)
    host = look("mx.example.com", tried)
    required = make_plan(DOMAIN, host.finding, ABSENT, LocalRules(), tag=Tag.REQUIRE, named=Named.YES)
    course = Course(NextHop(DOMAIN, DOMAIN, secure=True), (host.host,), 25)

    def told(of):
        way = Way(course, NoTlsrpt(), None, (Pass(ABSENT, (of,)),))
        return [each.strip() for each in words(check(way), width=200).plain.splitlines() if "REQUIRETLS" in each]

    (said,) = told(replace(host, required=required))
    assert said.startswith(line)
    assert told(replace(host, required=required, tries=())) == [], "nobody knows"
