"""Findings of hand, for what is pure: a domain `example.com` with hosts whose sessions went as told."""

from dataclasses import replace

import pytest

from tlswitness.datapoint import Failure, SessionEnded
from tlswitness.delivery.attempt import Broken
from tlswitness.delivery.course import Course
from tlswitness.delivery.judged import Findings
from tlswitness.delivery.outcome import Relay, TlsFacts
from tlswitness.delivery.settings import Destination, Sender
from tlswitness.delivery.verdict import Verdict
from tlswitness.dns.answer import TlsaRecord
from tlswitness.engine.check import CertificateFacts, Fate, MxLook, Pass, Prospect, StsLook, Try, Way
from tlswitness.names import Domain, HostName
from tlswitness.policy.dane import Dane, DaneRecords, HostFinding, HostFound, NextHop, NoDane, WhyNoDane
from tlswitness.policy.plan import LocalRules, Plan, Tag, make_plan
from tlswitness.policy.sts import Mode, NoRecord, StsAbsent, StsAnswer, StsApplies, StsPolicy
from tlswitness.tlsrpt import NoRecord as NoTlsrpt

NOW = 1_767_225_600.0
DAY = 86_400
DOMAIN = Domain("example.com")
MX = HostName("mx.example.com", "mx.example.com")
TLSA = TlsaRecord(3, 1, 1, b"\x00" * 32)
ABSENT = StsAbsent(DOMAIN, "no record")
NO_TLSA = NoDane("there are no TLSA records of _25._tcp.mx.example.com", WhyNoDane.NO_TLSA)


class Maker:
    """Builds what a look would have found."""

    now = NOW
    domain = DOMAIN
    mx = MX
    absent = ABSENT
    no_tlsa = NO_TLSA

    def destination(self, **changed) -> Destination:
        return replace(Destination(DOMAIN, Sender("me.example.org")), **changed)

    def name(self, text: str) -> HostName:
        return HostName(text, text)

    def policy(self, mode: Mode = Mode.ENFORCE, *mx: str, max_age: int = 30 * DAY) -> StsPolicy:
        from tlswitness.names import MxPattern, parse_pattern

        patterns = [parse_pattern(text) for text in mx or ("mx.example.com",)]
        assert all(isinstance(pattern, MxPattern) for pattern in patterns)
        return StsPolicy(mode, max_age, tuple(patterns), (f"mode: {mode}",))

    def applies(self, policy: StsPolicy | None = None, *, cached: bool = False) -> StsApplies:
        return StsApplies(DOMAIN, policy or self.policy(), cached)

    def dane(self, *records: TlsaRecord, rejected: tuple[str, ...] = (), usable: bool = True) -> DaneRecords:
        records = records or (TLSA,)
        return DaneRecords(MX, records, records if usable else (), (MX,), rejected)

    def host(
        self,
        *tries: Try,
        host: HostName = MX,
        dane: Dane = NO_TLSA,
        sts: StsAnswer = ABSENT,
        local: LocalRules | None = None,
        **more,
    ) -> MxLook:
        finding = HostFound(host, tuple(tried.relay.address for tried in tries), dane)
        return replace(self.look(finding, sts, local), tries=tries, **more)

    def look(self, finding: HostFinding, sts: StsAnswer = ABSENT, local: LocalRules | None = None) -> MxLook:
        """At a host to which nobody has connected."""
        plans = [make_plan(DOMAIN, finding, sts, local or LocalRules(), tag=tag) for tag in (Tag.NORMAL, Tag.REQUIRE)]
        return MxLook(finding.host, finding, *plans)

    def tried(
        self,
        plan: Plan | None = None,
        failure: Failure | None = None,
        *,
        verdict: Verdict | None = None,
        address: str = "192.0.2.1",
        webpki: tuple[Failure, ...] = (),
        ends: float | None = 90 * DAY,
        broken: str = "",
    ) -> Try:
        """A session under `plan`: it went well, or `failure` stood in the way, or it was `broken` otherwise."""
        relay = Relay(MX.text, address, 25)
        if broken:
            return Try(relay, Broken(relay, "4.4.1", f"{relay}: {broken}", broken))
        plan = plan or self.host().plan
        assert isinstance(plan, Plan)
        findings = Findings(plan, verdict or Verdict(None, None, None, 0, 0), failure)
        session = SessionEnded(DOMAIN, findings.judged(), "192.0.2.9", MX.text, address)
        forbidden = findings.forbids()
        return Try(
            relay,
            Broken(relay, "4.7.5", f"{relay}: {forbidden.words}", str(forbidden.result_type)) if forbidden else None,
            TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", findings.verified_by()),
            (session,),
            certificate=self.certificate(ends) if ends is not None else None,
            webpki=webpki,
        )

    def certificate(self, ends: float = 90 * DAY, chain: float | None = None) -> CertificateFacts:
        chain_ends = NOW + (ends if chain is None else chain)
        return CertificateFacts((MX.text,), "CN=Somebody", NOW - DAY, NOW + ends, chain_ends, "3 1 1 abcd")

    def way(self, *hosts: MxLook, sts: StsAnswer = ABSENT, secure: bool = True, **more) -> Way:
        course = Course(NextHop(DOMAIN, DOMAIN, secure), tuple(look.host for look in hosts), 25)
        look = StsLook(NoRecord(), None, None, sts)
        return replace(Way(course, NoTlsrpt(), look, (Pass(sts, hosts),)), **more)

    def prospect(self, fate: Fate = Fate.DELIVERED) -> Prospect:
        return Prospect(fate, "", "")


@pytest.fixture
def make() -> Maker:
    return Maker()
