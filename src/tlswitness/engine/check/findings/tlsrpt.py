"""The TLSRPT record (RFC 8460 section 3)."""

from __future__ import annotations

from collections.abc import Iterator

from tlswitness.engine.check.model import Finding, Severity
from tlswitness.tlsrpt import (
    InvalidRecord,
    NoRecord,
    RecordAnswer,
    RecordLookupFailed,
    SeveralRecords,
    TlsrptRecord,
)


def about_tlsrpt(domain: str, answer: RecordAnswer) -> Iterator[Finding]:
    """What a domain should know about its record."""
    name = f"_smtp._tls.{domain}"
    publish = f'Publish one TXT record at {name}: "v=TLSRPTv1; rua=mailto:tls-reports@{domain}".'
    match answer:
        case TlsrptRecord(ignored=ignored, remarks=remarks):
            for each in ignored:
                yield Finding(Severity.WARNING, "tlsrpt-ignored", f"TLSRPT record: {each}", "Correct it, or remove it.")
            for remark in remarks:
                yield Finding(Severity.NOTE, "tlsrpt-remark", f"TLSRPT record: {remark}")
        case NoRecord():
            text = f"there is no TLSRPT record: nobody will tell {domain} when TLS fails"
            yield Finding(Severity.WARNING, "tlsrpt-none", text, publish)
        case InvalidRecord(reason=reason, ignored=ignored):
            text = f"the TLSRPT record does not count, so no reports are sent: {reason}"
            yield Finding(Severity.PROBLEM, "tlsrpt-invalid", text, publish)
            for each in ignored:
                yield Finding(Severity.WARNING, "tlsrpt-ignored", f"TLSRPT record: {each}")
        case SeveralRecords(texts=texts):
            text = f"there are {len(texts)} TLSRPT records, so none counts and no reports are sent"
            yield Finding(Severity.PROBLEM, "tlsrpt-several", text, f"Keep one. {publish}")
        case RecordLookupFailed(answer=failed):
            text = f"the lookup of the TLSRPT record failed: {failed.code}"
            advice = f"See what the name servers answer for TXT at {name}; reports wait for it."
            yield Finding(Severity.PROBLEM, "tlsrpt-lookup", text, advice, temporary=not failed.bogus)
