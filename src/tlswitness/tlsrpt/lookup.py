"""Asking DNS for a domain's TLSRPT record (RFC 8460 section 3).

A lookup that fails is no "no": whoever breaks TLS may break DNS too (section 7), so reports wait and ask again.
"""

from __future__ import annotations

from dataclasses import dataclass

from tlswitness.dns.answer import Denied, Found, LookupFailed, RecordType, Resolver, TxtRecord
from tlswitness.names import BadName, Domain, parse_host
from tlswitness.tlsrpt.record import NoRecord, RecordOutcome, parse_records


@dataclass(frozen=True, slots=True)
class RecordLookupFailed:
    """DNS gave no answer: keep what is to be reported, and ask again."""

    answer: LookupFailed


RecordAnswer = RecordOutcome | RecordLookupFailed


async def find_record(resolver: Resolver, domain: Domain) -> RecordAnswer:
    """The record of `domain`, aliases followed. Never that of a parent, and address literals have none."""
    name = parse_host(f"_smtp._tls.{domain}")
    if isinstance(name, BadName):
        return NoRecord()  # too long for DNS to hold it
    match await resolver.lookup(name.key, RecordType.TXT):
        case Found(records=records):
            return parse_records([record.joined() for record in records if isinstance(record, TxtRecord)])
        case Denied():
            return NoRecord()
        case LookupFailed() as failed:
            return RecordLookupFailed(failed)
