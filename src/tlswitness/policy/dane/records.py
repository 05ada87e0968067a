"""Which TLSA records can be used, and which of those count.

RFC 6698 section 4.1, RFC 7671 section 9, RFC 7672 section 3.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tlswitness.dns.answer import TlsaRecord

MAX_RECORDS = 64
"""Records of one RRset that are kept: its owner chooses how many digests each handshake is compared with."""


class Usage(IntEnum):
    """Certificate usages by their names of RFC 7218 section 2.1."""

    PKIX_TA = 0
    PKIX_EE = 1
    DANE_TA = 2
    DANE_EE = 3


class Selector(IntEnum):
    """What of the certificate is compared (RFC 7218 section 2.2)."""

    CERT = 0
    SPKI = 1


class Matching(IntEnum):
    """How it is compared (RFC 7218 section 2.3)."""

    FULL = 0
    SHA2_256 = 1
    SHA2_512 = 2


DIGESTS = (Matching.SHA2_512, Matching.SHA2_256)
"""The digests that are used, the strongest first (RFC 7671 section 9); an operator may give another order."""

_LENGTHS = {Matching.SHA2_256: 32, Matching.SHA2_512: 64}
# A certificate of an unknown version is no ValueError, and some faults of a certificate are only warned of.
_UNREADABLE = (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, Warning)


@dataclass(frozen=True, slots=True)
class TlsaSet:
    """A TLSA RRset, sifted."""

    records: tuple[TlsaRecord, ...]
    """All of it, each record once, sorted; at most MAX_RECORDS, and never without those of `usable`."""
    usable: tuple[TlsaRecord, ...]
    """Those to match against; empty only where no record of the RRset is usable."""
    rejected: tuple[str, ...]
    """Why each other record does not count, in words."""


def sift(records: Iterable[TlsaRecord], digests: tuple[Matching, ...] = DIGESTS) -> TlsaSet:
    """Sort `records`, drop what is unusable, and then the weaker digests."""
    # Each is looked at before any is cut off: a cut must never make "some are usable" into "none is".
    whole = sorted(set(records), key=_order)
    rejected: list[str] = []
    usable: list[TlsaRecord] = []
    for record in whole:
        reason = unusable(record, digests)
        if reason is None:
            usable.append(record)
        else:
            rejected.append(f"{_parameters(record)}: {reason}")
    strongest = _strongest(usable, digests)
    counting = [record for record in usable if _counts(record, strongest)]
    weaker = [record for record in usable if not _counts(record, strongest)]
    rejected += [f"{_parameters(record)}: there is a record with a stronger digest" for record in weaker]
    kept = set(counting[:MAX_RECORDS])
    others = [record for record in whole if record not in kept]
    if len(whole) > MAX_RECORDS:
        rejected = [*rejected[:MAX_RECORDS], f"there are {len(whole)} records, more than {MAX_RECORDS}"]
    shown = sorted([*kept, *others[: MAX_RECORDS - len(kept)]], key=_order)
    return TlsaSet(tuple(shown), tuple(counting[:MAX_RECORDS]), tuple(rejected))


def unusable(record: TlsaRecord, digests: tuple[Matching, ...] = DIGESTS) -> str | None:
    """Why `record` is unusable, in words; None where it can be used."""
    if record.usage not in (Usage.DANE_TA, Usage.DANE_EE):
        # RFC 7672 section 3.1.3: they promise nothing to SMTP, and are never taken for 2 and 3.
        known = record.usage in (Usage.PKIX_TA, Usage.PKIX_EE)
        return f"usage {record.usage} is {'not for SMTP' if known else 'unknown'}"
    if record.selector not in (Selector.CERT, Selector.SPKI):
        return f"selector {record.selector} is unknown"
    if record.matching_type == Matching.FULL:
        return _unreadable(record)
    if record.matching_type not in _LENGTHS:
        return f"matching type {record.matching_type} is unknown"
    matching = Matching(record.matching_type)
    if matching not in digests:
        return f"matching type {matching.value} is switched off"
    if len(record.data) != _LENGTHS[matching]:
        return f"the digest has {len(record.data)} octets instead of {_LENGTHS[matching]}"
    return None


def _unreadable(record: TlsaRecord) -> str | None:
    """A key that cannot be read could never be used by a session either: such a record is as malformed."""
    try:
        if record.selector == Selector.CERT:
            x509.load_der_x509_certificate(record.data).public_key()
        else:
            load_der_public_key(record.data)
    except _UNREADABLE:
        return f"its data is no {'certificate' if record.selector == Selector.CERT else 'public key'}"
    return None


def _strongest(usable: list[TlsaRecord], digests: tuple[Matching, ...]) -> dict[tuple[int, int], int]:
    """For each usage and selector, the matching type of the strongest digest that a usable record has."""
    found: dict[tuple[int, int], int] = {}
    for digest in digests:
        for record in usable:
            if record.matching_type == digest:
                found.setdefault((record.usage, record.selector), digest)
    return found


def _counts(record: TlsaRecord, strongest: dict[tuple[int, int], int]) -> bool:
    return record.matching_type in (Matching.FULL, strongest.get((record.usage, record.selector)))


def _order(record: TlsaRecord) -> tuple[int, int, int, bytes]:
    return record.usage, record.selector, record.matching_type, record.data


def _parameters(record: TlsaRecord) -> str:
    return f"{record.usage} {record.selector} {record.matching_type}"
