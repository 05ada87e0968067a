"""The `_smtp._tls` TXT record: who wants reports, and where (RFC 8460 section 3).

Separate because reports, submission and `check` need it and delivery does not. The grammar is pure; the lookup goes
through the resolver seam. A record is read as kindly as the RFC allows, for whoever publishes one wants to be told.
What was passed over is kept with the reason, for `check` to say.
"""

from tlswitness.tlsrpt.lookup import RecordAnswer, RecordLookupFailed, find_record
from tlswitness.tlsrpt.record import (
    Ignored,
    InvalidRecord,
    NoRecord,
    RecordOutcome,
    SeveralRecords,
    TlsrptRecord,
    parse_records,
)
from tlswitness.tlsrpt.rua import HttpsRua, MailRua, Rua, UnusableUri, parse_rua

__all__ = [
    "HttpsRua",
    "Ignored",
    "InvalidRecord",
    "MailRua",
    "NoRecord",
    "RecordAnswer",
    "RecordLookupFailed",
    "RecordOutcome",
    "Rua",
    "SeveralRecords",
    "TlsrptRecord",
    "UnusableUri",
    "find_record",
    "parse_records",
    "parse_rua",
]
