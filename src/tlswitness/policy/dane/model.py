"""What the walk finds out about one MX host: a closed union (RFC 7672 section 2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tlswitness.datapoint.failure import Failure
from tlswitness.datapoint.outcome import PolicyFacts
from tlswitness.datapoint.results import PolicyType
from tlswitness.dns.answer import LookupFailed, TlsaRecord
from tlswitness.names import BadName, Domain, HostName


@dataclass(frozen=True, slots=True)
class NextHop:
    """The domain whose MXs are tried, and how far the list of them may be believed."""

    domain: Domain
    """As given: the recipient domain, or the smarthost."""
    expanded: Domain
    """After secure CNAMEs; the same as `domain` where there are none."""
    secure: bool
    """The MX RRset, or its denial, or the operator's own route, is secure."""


class WhyNoDane(StrEnum):
    """Stable words for each way of having no DANE: the code of a `dane-required` failure."""

    OFF = "DANE switched off"
    MX_INSECURE = "MX insecure"
    ADDRESS_INSECURE = "address insecure"
    TLSA_INSECURE = "TLSA insecure"
    NO_TLSA = "no TLSA records"


@dataclass(frozen=True, slots=True)
class NoDane:
    """DANE does not apply to this host: opportunistic TLS, or what MTA-STS demands."""

    reason: str
    """In words, with the names that were asked for."""
    why: WhyNoDane


@dataclass(frozen=True, slots=True)
class DaneRecords:
    """A secure, non-empty TLSA RRset."""

    base: HostName
    """The TLSA base domain: SNI, and the policy domain of the data points (RFC 7672 section 2.2.3)."""
    records: tuple[TlsaRecord, ...]
    """The whole RRset, sorted."""
    usable: tuple[TlsaRecord, ...]
    """Those to match against, after digest agility (RFC 7671 section 9); empty: TLS without authentication."""
    references: tuple[HostName, ...]
    """Names that a certificate under DANE-TA may carry (RFC 7672 section 3.2.2)."""
    rejected: tuple[str, ...] = ()
    """Why each record that is not in `usable` is not, in words."""
    mx_secure: bool = True
    """False: the host is who it says, but nobody vouches for its being an MX of the domain (RFC 7672 section 2.2.1)."""

    def facts(self) -> PolicyFacts:
        return PolicyFacts(PolicyType.TLSA, self.base.key, tuple(record.text() for record in self.records))


@dataclass(frozen=True, slots=True)
class DaneLookupFailed:
    """A lookup on the way to the TLSA records failed: no connection to this host (RFC 7672 section 2.1.2)."""

    candidate: HostName
    """The base domain that was asked for."""
    failure: Failure
    answer: LookupFailed
    """The failed lookup: what is to be reported depends on whose fault it is."""
    reason: str
    """In words: what was asked, and what came back."""


Dane = NoDane | DaneRecords | DaneLookupFailed


@dataclass(frozen=True, slots=True)
class HostFound:
    """An MX host with addresses."""

    host: HostName
    addresses: tuple[str, ...]
    """IP addresses as canonical text: IPv6, then IPv4, each family as DNS ordered it. The route may mix them."""
    dane: Dane


@dataclass(frozen=True, slots=True)
class HostUnreachable:
    """An MX host without addresses: as good as down."""

    host: HostName | BadName
    reason: str
    failure: Failure | None = None
    """Set where the lookup failed and the resolver says that DNSSEC is why."""
    status: str = "4.4.4"
    """Enhanced status code (RFC 3463): 4.4.3 where a lookup failed, else 4.4.4, nothing to route to."""


HostFinding = HostFound | HostUnreachable
