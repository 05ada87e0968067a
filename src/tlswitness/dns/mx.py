"""Where the mail of a domain goes: its MX hosts, or why there are none.

Separate because delivery, policies and `check` must agree on it. Ties and addresses are the route's.
RFC 5321 section 5.1, RFC 7505 (null MX), RFC 7672 section 2.2.1 (security of the list).
"""

from __future__ import annotations

from dataclasses import dataclass

from tlswitness.dns.answer import Denial, Denied, Found, LookupFailed, MxRecord, RecordType, Resolver
from tlswitness.names import BadName, Domain, HostName, parse_domain, parse_host

MAX_MXS = 64
"""MX records of one domain that are considered, the most preferred; more would only make us connect for hours."""


@dataclass(frozen=True, slots=True)
class MxEntry:
    """One MX record; a host that is no host name stays, with the reason, so that it can be told."""

    preference: int
    host: HostName | BadName


@dataclass(frozen=True, slots=True)
class MxHosts:
    """The domain takes mail at these hosts. If none of them is a host name, it takes none (RFC 5321 section 5.1)."""

    domain: Domain
    entries: tuple[MxEntry, ...]
    """By preference, then by name."""
    secure: bool
    """Of the MX RRset or its denial, aliases included."""
    expanded: Domain
    """After CNAMEs, where all of them are secure; else the domain itself (RFC 7672 section 3.2.2)."""
    implicit: bool = False
    """There is no MX RRset: the domain is its own host."""
    left_out: int = 0
    """Records beyond MAX_MXS."""

    @property
    def hosts(self) -> tuple[HostName, ...]:
        """Those that can be looked up, in order."""
        return tuple(entry.host for entry in self.entries if isinstance(entry.host, HostName))


@dataclass(frozen=True, slots=True)
class NullMx:
    """The domain takes no mail, and says so (RFC 7505): permanent, 5.1.10, and no further lookups."""

    domain: Domain
    secure: bool


@dataclass(frozen=True, slots=True)
class NoSuchDomain:
    """NXDOMAIN: permanent (RFC 5321 section 5.1)."""

    domain: Domain
    secure: bool


@dataclass(frozen=True, slots=True)
class MxLookupFailed:
    """The lookup failed: defer, and do not try the domain's addresses (RFC 7672 section 2.1.2)."""

    domain: Domain
    answer: LookupFailed


MxAnswer = MxHosts | NullMx | NoSuchDomain | MxLookupFailed


async def find_mx(resolver: Resolver, domain: Domain) -> MxAnswer:
    """The MX hosts of `domain`."""
    match await resolver.lookup(domain, RecordType.MX):
        case Found() as found:
            return _from_records(domain, found)
        case Denied(denial=Denial.NODATA) as denied:
            # SPEC: behind an alias, the implicit host is the domain as given. Its addresses are those of the alias
            # anyway, and RFC 7672 section 2.2.2 wants to see the alias itself.
            host = parse_host(domain)
            return MxHosts(domain, (MxEntry(0, host),), denied.secure, _expanded(domain, denied), implicit=True)
        case Denied(secure=secure):
            return NoSuchDomain(domain, secure)
        case LookupFailed() as failed:
            return MxLookupFailed(domain, failed)


def _from_records(domain: Domain, found: Found) -> MxAnswer:
    records = [record for record in found.records if isinstance(record, MxRecord)]
    # SPEC: several null MXs that differ in preference only are still nothing but "no mail" (RFC 7505 section 3).
    if all(record.exchange == "" for record in records):
        return NullMx(domain, found.secure)
    records.sort(key=lambda record: (record.preference, record.exchange.lower(), record.exchange))
    entries = tuple(MxEntry(record.preference, _host(record)) for record in records[:MAX_MXS])
    return MxHosts(domain, entries, found.secure, _expanded(domain, found), left_out=len(records) - len(entries))


def _host(record: MxRecord) -> HostName | BadName:
    if record.exchange == "":
        return BadName(".", "it is a null MX beside other MX records, which means nothing")
    return parse_host(record.exchange)


def _expanded(domain: Domain, answer: Found | Denied) -> Domain:
    if not answer.chain or not answer.secure:
        return domain
    match parse_domain(answer.chain[-1].target):
        case BadName():
            return domain
        case expanded:
            return expanded
