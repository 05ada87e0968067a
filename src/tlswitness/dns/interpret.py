"""What one response means: found, denied, failed, or an alias whose end must be asked for.

Separate because here the AD bit becomes a `Security`, and a table of messages tests it without sockets. Pure.
RFC 7672 sections 2.1.1 to 2.1.3, RFC 1034 section 3.6.2 (CNAME), RFC 2308 (denials), RFC 6604 (rcode of a chain),
RFC 8914 (EDE).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from tlswitness.dns.answer import (
    Alias,
    Answer,
    Denial,
    Denied,
    Found,
    LookupFailed,
    MxRecord,
    Record,
    RecordType,
    Security,
    TlsaRecord,
    TxtRecord,
)
from tlswitness.dns.wire import RAW_TLSA, name_text

MAX_CHAIN = 12
"""Aliases on the way to an answer; a longer chain only costs us queries."""
MAX_TTL = 2**31 - 1
"""Seconds; RFC 2181 section 8 reads a greater TTL as 0."""
MAX_DETAIL = 200
"""Characters of an EDE's text that go into a log line: the resolver relays what strangers chose."""

DNSSEC_EDE = frozenset({1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 27})
"""Extended errors which say that DNSSEC is why the lookup failed (RFC 8914 section 4; 27: RFC 9276)."""


@dataclass(frozen=True, slots=True)
class Trail:
    """The way so far: aliases already followed, by earlier responses."""

    chain: tuple[Alias, ...] = ()
    secure: bool = True
    ttl: int = MAX_TTL
    zone: str | None = field(default=None, compare=False)
    """Of the name asked for; None before the first response."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The server left the end of an alias chain to us: ask for `target`."""

    target: dns.name.Name
    trail: Trail = field(default_factory=Trail)


def interpret(
    message: dns.message.Message, name: dns.name.Name, rtype: RecordType, trail: Trail, *, believed: bool
) -> Answer | Unfinished:
    """The meaning of the response to (`name`, `rtype`); its AD bit counts only if `believed`."""
    rcode = message.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return failure_of(message)
    records = _by_owner(message)
    code = RAW_TLSA if rtype is RecordType.TLSA else dns.rdatatype.from_text(rtype.value)
    secure = trail.secure and believed and bool(message.flags & dns.flags.AD)
    chain, ttl = trail.chain, trail.ttl
    zone = _signer(message, name) if trail.zone is None else trail.zone
    seen = {alias.owner.lower() for alias in chain}
    while True:
        if found := records.get((name, code)):
            ttl = min(ttl, *(item[1] for item in found))
            values = tuple(dict.fromkeys(_record(rdata) for rdata, _ in found))
            return Found(values, _security(secure), ttl, chain, zone)
        aliases = records.get((name, dns.rdatatype.CNAME))
        if not aliases:
            break
        if len({rdata.target for rdata, _ in aliases}) > 1:
            return LookupFailed(Security.FAILED, "malformed", f"{name} has two CNAME records")
        rdata, alias_ttl = aliases[0]
        seen.add(name_text(name).lower())
        chain = (*chain, Alias(name_text(name), name_text(rdata.target)))
        name, ttl = rdata.target, min(ttl, alias_ttl)
        if name_text(name).lower() in seen:
            return LookupFailed(Security.FAILED, "cname-loop", f"the aliases of {chain[0].owner} run in a circle")
        if len(chain) > MAX_CHAIN:
            return LookupFailed(Security.FAILED, "cname-loop", f"more than {MAX_CHAIN} aliases from {chain[0].owner}")
    if records and name not in {owner for owner, _ in records} and chain == trail.chain:
        # Records, and none of them of the name asked for: not even a denial of it.
        return LookupFailed(Security.FAILED, "malformed", f"an answer about other names than {name}")
    return _without_records(message, name, Trail(chain, secure, ttl, zone), followed=len(chain) > len(trail.chain))


def failure_of(message: dns.message.Message) -> LookupFailed:
    """What a response with an error code says: BOGUS where an extended error blames DNSSEC."""
    code = _rcode_text(message)
    errors = [option for option in message.options if isinstance(option, dns.edns.EDEOption)]
    blaming = [error for error in errors if int(error.code) in DNSSEC_EDE]
    if not errors:
        return LookupFailed(Security.FAILED, code)
    error = (blaming or errors)[0]
    security = Security.BOGUS if blaming else Security.FAILED
    return LookupFailed(security, f"{code} EDE {int(error.code)}", _printable(error.text or ""))


def _without_records(
    message: dns.message.Message, name: dns.name.Name, trail: Trail, *, followed: bool
) -> Answer | Unfinished:
    negative_ttl = _negative_ttl(message, name)
    security, ttl = _security(trail.secure), min(trail.ttl, negative_ttl or 0)
    if message.rcode() == dns.rcode.NXDOMAIN:
        return Denied(Denial.NXDOMAIN, security, ttl, trail.chain)
    if negative_ttl is None and followed:
        return Unfinished(name, trail)
    if negative_ttl is None and _is_referral(message):
        return LookupFailed(Security.FAILED, "not-recursive", "the server refers to others instead of asking them")
    return Denied(Denial.NODATA, security, ttl, trail.chain)


def _negative_ttl(message: dns.message.Message, name: dns.name.Name) -> int | None:
    # RFC 2308 section 5: the lesser of the SOA's TTL and its MINIMUM; None without an SOA above the name.
    for rrset in message.authority:
        if rrset.rdtype == dns.rdatatype.SOA and name.is_subdomain(rrset.name):
            soa: Any = rrset[0]
            return min(_ttl(rrset.ttl), _ttl(soa.minimum))
    return None


def _is_referral(message: dns.message.Message) -> bool:
    return not message.flags & dns.flags.RA and any(rrset.rdtype == dns.rdatatype.NS for rrset in message.authority)


def _by_owner(message: dns.message.Message) -> dict[tuple[dns.name.Name, int], list[tuple[Any, int]]]:
    records: dict[tuple[dns.name.Name, int], list[tuple[Any, int]]] = {}
    for rrset in message.answer:
        if rrset.rdclass == dns.rdataclass.IN:
            group = records.setdefault((rrset.name, rrset.rdtype), [])
            group.extend((rdata, _ttl(rrset.ttl)) for rdata in rrset)
    return records


def _signer(message: dns.message.Message, name: dns.name.Name) -> str:
    for rrset in message.answer:
        if rrset.rdtype == dns.rdatatype.RRSIG and rrset.name == name:
            signature: Any = rrset[0]
            return name_text(signature.signer).lower()
    return ""


_NO_TLSA = b"\xff\xff\xff"
"""What a record too short to be one lacks: values that nothing can use."""


def _record(rdata: Any) -> Record:
    match rdata.rdtype:
        case dns.rdatatype.MX:
            return MxRecord(rdata.preference, name_text(rdata.exchange))
        case code if code == RAW_TLSA:
            data: bytes = rdata.data
            usage, selector, matching_type = (data + _NO_TLSA[len(data) :])[:3]
            return TlsaRecord(usage, selector, matching_type, data[3:])
        case dns.rdatatype.TXT:
            return TxtRecord(tuple(rdata.strings))
        case dns.rdatatype.CNAME:
            return name_text(rdata.target)
        case _:
            return str(rdata.to_text())


def _security(secure: bool) -> Security:
    return Security.SECURE if secure else Security.INSECURE


def _ttl(seconds: int) -> int:
    return seconds if 0 <= seconds <= MAX_TTL else 0


def _rcode_text(message: dns.message.Message) -> str:
    try:
        return dns.rcode.Rcode(message.rcode()).name
    except ValueError:
        return f"RCODE {int(message.rcode())}"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:MAX_DETAIL].strip()
