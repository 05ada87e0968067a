"""What a check comes to, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tlswitness.datapoint import DataPoint, Failure, Outcome, SessionEnded
from tlswitness.delivery.attempt import Broken
from tlswitness.delivery.course import Course, Literal, NoCourse
from tlswitness.delivery.outcome import CLEAR_TEXT, Relay, TlsFacts
from tlswitness.dns.answer import LookupFailed
from tlswitness.dns.trust import TrustReport
from tlswitness.names import BadName, Domain, HostName
from tlswitness.policy.dane import HostFinding
from tlswitness.policy.plan import Plan, Refusal
from tlswitness.policy.sts import Entry, FetchOutcome, RecordAnswer, StsAnswer
from tlswitness.tlsrpt import RecordAnswer as TlsrptAnswer


class Severity(StrEnum):
    """How much a finding matters."""

    PROBLEM = "problem"
    """Mail is not delivered, or a failure is reported."""
    WARNING = "warning"
    """It works today; it protects less than it could, or will not last."""
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to tell, in words that a mail admin understands."""

    severity: Severity
    code: str
    """A stable word for programs, such as `sts-testing`."""
    text: str
    advice: str = ""
    """What to do about it."""
    mx: str | None = None
    """The host that it is about; None: the domain, or this machine."""
    temporary: bool = False
    """A lookup failed and nobody is proven wrong: ask again later."""


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """The certificate that a server presented."""

    names: tuple[str, ...]
    """Its DNS-IDs, a bounded number of them."""
    issuer: str
    not_before: float
    not_after: float
    chain_ends: float
    """The first end of any certificate of the chain that is valid now. Times are seconds since 1970."""
    tlsa: str
    """The TLSA record that would match it: `3 1 1 ...` (RFC 7671 section 5.1)."""


@dataclass(frozen=True, slots=True)
class Try:
    """One address, up to where a delivery would say MAIL."""

    relay: Relay
    broken: Broken | None
    """None: it would be given the mail."""
    tls: TlsFacts = CLEAR_TEXT
    outcomes: tuple[Outcome, ...] = ()
    """What a delivery would report of it, in order."""
    points: tuple[DataPoint, ...] = ()
    """The same as data points."""
    certificate: CertificateFacts | None = None
    webpki: tuple[Failure, ...] | None = None
    """What MTA-STS in mode enforce would say of the certificate, whatever is published; None: there was no chain."""
    require_tls: bool = False
    """REQUIRETLS was offered within TLS (RFC 8689 section 2)."""

    def sessions(self) -> tuple[SessionEnded, ...]:
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, SessionEnded))


@dataclass(frozen=True, slots=True)
class MxLook:
    """One host of a course."""

    host: HostName | BadName
    finding: HostFinding
    plan: Plan | Refusal
    required: Plan | Refusal
    """The plan for a message that requires TLS (RFC 8689)."""
    tries: tuple[Try, ...] = ()
    """In the order in which a delivery tries them; empty where it would not, or where nobody was to be connected to."""
    idle_tlsa: bool = False
    """There are TLSA records, and DANE does not apply: they do nothing."""


@dataclass(frozen=True, slots=True)
class Pass:
    """All hosts of a course under one answer about MTA-STS."""

    sts: StsAnswer
    hosts: tuple[MxLook, ...]


@dataclass(frozen=True, slots=True)
class StsLook:
    """MTA-STS of a domain: what it publishes, what is stored, what a delivery makes of both."""

    record: RecordAnswer | LookupFailed | None
    """The TXT record; None: not asked for, since MTA-STS is switched off."""
    served: FetchOutcome | None
    """What the policy host says now; None: not asked."""
    stored: Entry | None
    """What an earlier delivery left in the store, expired or not."""
    answer: StsAnswer


@dataclass(frozen=True, slots=True)
class Way:
    """One course that mail may take: that of the domain's MXs, or one hop of the operator's route."""

    course: Course | Literal | NoCourse
    tlsrpt: TlsrptAnswer | None = None
    sts: StsLook | None = None
    passes: tuple[Pass, ...] = ()
    """The second one is that after `again`, where that made a difference."""
    again: StsAnswer | None = None
    """A cached policy was about to make the delivery fail, and was looked up anew (RFC 8461 section 5)."""

    @property
    def hosts(self) -> tuple[MxLook, ...]:
        """As they stand in the end."""
        return self.passes[-1].hosts if self.passes else ()


class Fate(StrEnum):
    """What would become of a message."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    UNKNOWN = "unknown"
    """Nobody was connected to."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a delivery would do and report."""

    fate: Fate
    status: str
    """Enhanced status code; "" where it would be the server's."""
    text: str
    """Why not; "" for a delivery."""
    relay: Relay | None = None
    """Who would take the mail."""
    tls: TlsFacts = CLEAR_TEXT
    protected_by: tuple[str, ...] = ()
    """What demands an authenticated server: `tlsa`, `sts`, `local`."""
    tls_demanded: bool = False
    """Whether anything forbids clear text; if not, an attacker on the way could strip TLS."""
    points: tuple[DataPoint, ...] = ()
    """What would be reported, in order."""


@dataclass(frozen=True, slots=True)
class Check:
    """The answer."""

    domain: Domain
    at: float
    """Seconds since 1970."""
    trust: TrustReport
    """Whether this machine can see DNSSEC at all."""
    ways: tuple[Way, ...]
    prospect: Prospect
    findings: tuple[Finding, ...]
    """Problems first."""
    exists: bool = True
    """Whether there is such a domain."""

    @property
    def problems(self) -> bool:
        """Whether something is wrong for certain."""
        return any(f.severity is Severity.PROBLEM and not f.temporary for f in self.findings)

    @property
    def undecided(self) -> bool:
        """Whether a lookup failed: the answer may be another one later."""
        return any(f.temporary for f in self.findings)
