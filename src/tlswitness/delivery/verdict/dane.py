"""A chain under a usable TLSA RRset. RFC 7671 section 5, RFC 7672 sections 3.1 and 3.2.

DANE-EE(3) is about the leaf's octets and nothing else: names, dates, purpose, issuer, strength of key and signature are
the zone's affair (RFC 7671 section 5.1); how weak a key may be at all is left to the TLS library's own floor in the
handshake. DANE-TA(2) is WebPKI below another anchor: dates (the anchor's too, as OpenSSL has it), purpose, CA
constraints, keys, signatures and names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.delivery.verdict import checks
from tlswitness.delivery.verdict.certificate import Certificate, PublicKey, read_certificate, read_key
from tlswitness.delivery.verdict.der import subject_public_key_info
from tlswitness.delivery.verdict.opinion import Opinion
from tlswitness.delivery.verdict.path import Path, anchored_path, path_below_key, walk
from tlswitness.delivery.verdict.presented import Presented
from tlswitness.dns.answer import TlsaRecord
from tlswitness.names import HostName

MAX_ANCHORS = 16
"""Anchors that are tried, and bare keys: an RRset may name hundreds."""
MAX_EXPLAINED = 4
"""Broken paths that are looked at further: each costs a walk, and one of them is told."""
MAX_RECORDS = 256
"""TLSA records that are looked at: a response of 64 KiB has room for more than anyone needs."""

_TA = 2
_EE = 3
_CERT = 0
_SPKI = 1
_FULL = 0
_SHA256 = 1
_SHA512 = 2

Records = tuple[TlsaRecord, ...]


@dataclass(frozen=True, slots=True)
class _Anchored:
    path: Path
    bare_key: PublicKey | None = None
    """What the last certificate of the path is signed by, where that has no certificate."""


def dane_opinion(presented: Presented, records: Records, references: tuple[HostName, ...]) -> Opinion:
    """Whether a record authenticates the server: one is enough (RFC 7671 section 8). `records` are the usable ones."""
    session = presented.session
    if presented.anonymous:
        return Opinion(session)
    records = records[:MAX_RECORDS]
    if _matching(presented.leaf_der, tuple(record for record in records if record.usage == _EE)):
        return Opinion(session)
    anchors = tuple(record for record in records if record.usage == _TA)
    no_match = Failure(Cause.DANE_NO_MATCH)
    if not anchors:
        return Opinion((*session, no_match))
    leaf = presented.leaf
    if leaf is None:
        return Opinion((*session, no_match, Failure(Cause.CERT_UNREADABLE)))
    found = tuple(_anchored(leaf, presented, anchors))
    # One that passes is enough. Where none does, the anchor that came nearest to it is the one that was meant.
    verdicts = [_path_failures(anchored, references, presented.now) for anchored in found]
    best = min(verdicts, key=len, default=(no_match,))
    dated = (certificate for anchored in found for certificate in anchored.path.certificates)
    return Opinion((*session, *best), (*presented.certificates, *dated))


def _matching(certificate: bytes, records: Records) -> bool:
    """Whether one of the records is about this certificate (DER), whatever its usage (RFC 6698 section 2.1)."""
    associations = set()
    for selector, selected in ((_CERT, certificate), (_SPKI, subject_public_key_info(certificate))):
        if selected is not None:
            associations.add((selector, _FULL, selected))
            associations.add((selector, _SHA256, hashlib.sha256(selected).digest()))
            associations.add((selector, _SHA512, hashlib.sha512(selected).digest()))
    return any((record.selector, record.matching_type, record.data) in associations for record in records)


def _path_failures(anchored: _Anchored, references: tuple[HostName, ...], now: float) -> tuple[Failure, ...]:
    path, certificates = anchored.path, anchored.path.certificates
    return (
        *path.failures,
        *checks.purposes(certificates),
        *checks.dates(certificates, now),
        *checks.keys(certificates),
        *(checks.key_failures(anchored.bare_key, len(certificates)) if anchored.bare_key is not None else ()),
        *checks.signatures(certificates, anchored=path.anchored),
        *checks.names(certificates[0], references, common_name=True),
    )


def _anchored(leaf: Certificate, presented: Presented, records: Records) -> Iterator[_Anchored]:
    """The path to each anchor that a record names. Each by itself: a CA that changed its key has two of one name.

    A record never makes the leaf itself an anchor: that is what DANE-EE is for.
    """
    others = presented.others
    named = chain((c for c in others if _matching(c.der, records)), _from_dns(leaf, records))
    broken = 0
    for anchor in islice(named, MAX_ANCHORS):
        path = anchored_path(leaf, others, anchor, explain=broken < MAX_EXPLAINED)
        if path is not None:
            broken += bool(path.failures)
            yield _Anchored(path)
    yield from _below_bare_keys(leaf, others, records)


def _from_dns(leaf: Certificate, records: Records) -> Iterator[Certificate]:
    """Anchors that the server may leave out: `2 0 0` (RFC 7671 section 5.2.2)."""
    full = [record.data for record in records if (record.selector, record.matching_type) == (_CERT, _FULL)]
    for der in full[:MAX_ANCHORS]:
        certificate = read_certificate(der)
        if certificate is not None and der != leaf.der:
            yield certificate


def _below_bare_keys(leaf: Certificate, others: tuple[Certificate, ...], records: Records) -> Iterator[_Anchored]:
    """`2 1 0` whose certificate was not presented: the key may have signed the top of it (RFC 7671 section 5.2.3)."""
    bare = [record.data for record in records if (record.selector, record.matching_type) == (_SPKI, _FULL)]
    if not bare:
        return
    walked = walk(leaf, others)
    for spki in bare[:MAX_ANCHORS]:
        key = read_key(spki)
        # A leaf that this very key signed and holds is self-signed: DANE-EE's case again.
        if key is not None and spki != leaf.spki and walked[-1].signed_by(key):
            yield _Anchored(path_below_key(walked, others), key)
