"""What a plan says: demands by policy, the operator's own rules, and refusals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.datapoint.outcome import PolicyFacts, PolicyFailed
from tlswitness.names import BadName, Domain, HostName
from tlswitness.policy.dane.model import DaneRecords
from tlswitness.policy.plan.tag import Tag
from tlswitness.policy.sts.model import StsPolicy


class TlsWanted(StrEnum):
    """The operator's `tls` for a domain, as Momentum's option of that name."""

    NO = "no"
    """The escape hatch: no STARTTLS, and no policy has a say, neither on MX names nor by a failed TLSA lookup.
    Nothing of TLS is tried, so nothing of it is reported. With `tls_verify` or `dane_required` it is refused."""
    IF_AVAILABLE = "ifavailable"
    REQUIRED = "required"


class DaneAndSts(StrEnum):
    """Who decides about TLS where both policies exist (RFC 8461 sections 2 and 5)."""

    BOTH = "both"
    """Each must pass."""
    DANE = "dane"
    """Usable TLSA records decide alone. MTA-STS still says which MXs may be used, and is judged and reported; where no
    TLSA record is usable it binds as ever, for then nothing else would authenticate the session."""


@dataclass(frozen=True, slots=True)
class LocalRules:
    """What the operator demands of a destination on top of its policies, also where TLS is optional to the sender."""

    tls: TlsWanted = TlsWanted.IF_AVAILABLE
    tls_verify: bool = False
    """The certificate must be valid under WebPKI for the MX name even where no policy asks for it."""
    dane_required: bool = False
    """Mandatory DANE (RFC 7672 section 6): no delivery without usable TLSA records of a securely found MX."""
    dane_and_sts: DaneAndSts = DaneAndSts.BOTH
    report_lookup_timeouts: bool = False
    """Report a TLSA lookup that merely timed out as `dnssec-invalid`: RFC 8460 section 4.3.4 leaves it open."""


@dataclass(frozen=True, slots=True)
class StsDemand:
    """What an MTA-STS policy demands of this MX."""

    domain: Domain
    policy: StsPolicy
    binding: bool
    """A failure forbids delivery: mode enforce, DANE does not decide alone, and TLS is not optional to the sender."""
    standing: tuple[Failure, ...] = ()
    """What is wrong before any session, in a mode that goes on: part of each session's failures."""

    def facts(self) -> PolicyFacts:
        return self.policy.facts(self.domain)


@dataclass(frozen=True, slots=True)
class DaneDemand:
    """What a TLSA RRset demands of this MX."""

    records: DaneRecords
    standing: tuple[Failure, ...] = ()
    """`tlsa-invalid` where no record is usable."""
    binding: bool = True
    """A failure forbids delivery; not where TLS is optional to the sender (RFC 8689 section 8.4)."""

    @property
    def authenticated(self) -> bool:
        """Whether a certificate can be matched at all; else TLS is demanded without authentication."""
        return bool(self.records.usable)

    def facts(self) -> PolicyFacts:
        return self.records.facts()


@dataclass(frozen=True, slots=True)
class Plan:
    """Connect to this MX, and hold the session against this."""

    domain: Domain
    """The recipient domain (or smarthost)."""
    host: HostName
    addresses: tuple[str, ...]
    port: int
    local: LocalRules
    sts: StsDemand | None
    dane: DaneDemand | None
    reasons: tuple[str, ...] = ()
    """In words, for people: what is demanded and why."""
    tag: Tag = Tag.NORMAL
    """What messages it is for."""
    events: tuple[PolicyFailed, ...] = ()
    """What failed before any session although the session may go on: to be reported; at most one."""

    @property
    def sni(self) -> HostName:
        """RFC 7672 section 8.1: the TLSA base domain; else the MX name (RFC 8461 section 7.1)."""
        return self.dane.records.base if self.dane else self.host

    @property
    def tls_tried(self) -> bool:
        """Whether STARTTLS is to be tried; if not, the session makes no data point."""
        return self.local.tls is not TlsWanted.NO

    @property
    def tls_demanded(self) -> bool:
        """Whether a session without TLS must not carry mail: clear text is forbidden."""
        return (
            (self.dane is not None and self.dane.binding)
            or (self.sts is not None and self.sts.binding)
            or self.local.tls is TlsWanted.REQUIRED
            or self.local.tls_verify
            or self.tag is Tag.REQUIRE
        )

    @property
    def certificate_judged(self) -> bool:
        """Whether a policy, a local rule or the message looks at the certificate, whatever follows from it."""
        return self.sts is not None or (self.dane is not None and self.dane.authenticated) or self.webpki_demanded

    @property
    def authentication_demanded(self) -> bool:
        """Whether an unauthenticated session must not carry mail: TLS 1.2 or later and sound suites only."""
        return self._authenticated_by_policy or self.webpki_demanded

    @property
    def webpki_demanded(self) -> bool:
        """Whether, policies apart, the certificate must be valid for the host under WebPKI: by `tls_verify`, or for a
        message that requires TLS where no policy authenticates the server (RFC 8689 section 2).
        """
        return self.local.tls_verify or (self.tag is Tag.REQUIRE and not self._authenticated_by_policy)

    @property
    def _authenticated_by_policy(self) -> bool:
        by_dane = self.dane is not None and self.dane.binding and self.dane.authenticated
        return by_dane or (self.sts is not None and self.sts.binding)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Do not connect to this MX: go on to the next, defer if none is left (RFC 7672 section 2.1.2)."""

    domain: Domain
    host: HostName | BadName | None
    """None where the lookup of the MX RRset failed: there is no next one."""
    reason: str
    """In words, for the log and the DSN."""
    status: str
    """Enhanced status code (RFC 3463), of class 5 where the refusal stands for good: then, if all MXs end so, a bounce
    instead of a deferral (RFC 8689 section 4.2.1)."""
    failure: Failure | None = None
    """What is wrong, where a policy or DNSSEC is why; also if it is not to be reported."""
    events: tuple[PolicyFailed, ...] = ()
    """What is to be reported: at most one."""
    by_message: bool = False
    """The message requires TLS, and that alone is why: other mail may go there."""

    @property
    def by_sts(self) -> bool:
        """Whether an MTA-STS policy may be why: a newer one might let the mail through (RFC 8461 section 5)."""
        return self.by_message or (self.failure is not None and self.failure.cause is Cause.STS_MX_MISMATCH)
