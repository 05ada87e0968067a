"""What is wrong with the certificates of a path: dates, purpose, keys, signatures, names.

Each check names all that it finds. RFC 5280 section 6.1.3, RFC 6125 section 6.4, RFC 7672 section 3.2.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.delivery.verdict.certificate import Certificate, PublicKey, weakness
from tlswitness.names import HostName, dns_id_matches

Certificates = tuple[Certificate, ...]
"""A path: the leaf first; the number of a certificate is its depth."""


def dates(path: Certificates, now: float) -> Iterator[Failure]:
    """Both ends of a validity period belong to it (RFC 5280 section 4.1.2.5)."""
    for depth, certificate in enumerate(path):
        if now > certificate.not_after:
            yield Failure(Cause.CERT_ISSUER_EXPIRED, str(depth)) if depth else Failure(Cause.CERT_EXPIRED)
        if now < certificate.not_before:
            yield Failure(Cause.CERT_ISSUER_NOT_YET_VALID, str(depth)) if depth else Failure(Cause.CERT_NOT_YET_VALID)


def purposes(path: Certificates) -> Iterator[Failure]:
    """The leaf serves, and no issuer is restricted to something else: as OpenSSL nests extended key usages."""
    leaf, *issuers = path
    if not leaf.for_servers or not all(issuer.issues_for_servers for issuer in issuers):
        yield Failure(Cause.CERT_PURPOSE)


def keys(path: Certificates) -> Iterator[Failure]:
    for depth, certificate in enumerate(path):
        yield from key_failures(certificate.key, depth)


def key_failures(key: PublicKey | None, depth: int) -> Iterator[Failure]:
    weak = weakness(key)
    if weak is not None:
        yield Failure(Cause.CERT_WEAK_KEY, _at(weak, depth))


def signatures(path: Certificates, *, anchored: bool) -> Iterator[Failure]:
    """A trust anchor's own signature proves nothing, and a self-issued certificate's does not either."""
    for depth, certificate in enumerate(path[:-1] if anchored else path):
        if certificate.weak_digest is not None and not certificate.self_issued:
            yield Failure(Cause.CERT_WEAK_SIGNATURE, _at(certificate.weak_digest, depth))


def names(leaf: Certificate, references: Iterable[HostName], *, common_name: bool) -> Iterator[Failure]:
    """One of the names presented is one of the references; the CN counts only if allowed and without any DNS-ID."""
    presented = leaf.common_names if common_name and not leaf.dns_ids else leaf.dns_ids
    if not any(dns_id_matches(name, reference) for reference in references for name in presented):
        yield Failure(Cause.CERT_HOST_MISMATCH)


def _at(what: str, depth: int) -> str:
    return f"{what} at depth {depth}" if depth else what
