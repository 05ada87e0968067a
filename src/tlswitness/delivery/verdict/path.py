"""From a leaf up to something trusted: OpenSSL builds and checks the path, and where it cannot we say how far it goes.

Separate because everything else that is said of a chain is said of this path. OpenSSL's verifier stops at the first
error: so that the others are told too, a path that it refuses is walked by issuer and signature as far as the presented
certificates link up. Dates, purposes, keys and names are not judged here. RFC 5280 section 6, RFC 7671 section 5.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from OpenSSL import crypto

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.delivery.verdict.certificate import Certificate, read_certificate
from tlswitness.delivery.verdict.trust import TrustStore, openssl_store

MAX_DEPTH = 10
"""Certificates of a path that we walk ourselves."""
MAX_SIGNATURE_CHECKS = 24
"""In one walk: bounds what a chain of namesakes costs, each of which may have signed the one before."""

NO_ISSUER = frozenset({2, 18, 19, 20, 21, 27})
"""X509_V_ERR_*: no path to anything trusted (self-signed leaf or root, issuer not found, untrusted)."""

_SELF_SIGNED_LEAF = 18
_CHAIN_WORDS = {
    1: "cannot be checked",
    6: "issuer key cannot be read",
    7: "bad signature",
    22: "too long",
    24: "issuer is no CA",
    25: "path too long",
    32: "issuer may not sign",
    34: "unknown critical extension",
    41: "invalid extension",
    47: "name constraints",
    48: "name constraints",
    49: "name constraints",
    50: "name constraints",
    51: "name constraints",
    52: "name constraints",
    53: "name constraints",
    79: "issuer is no CA",
}

Named = Callable[[bytes], Iterable[Certificate]]
"""Further issuers of a subject name (DER)."""


@dataclass(frozen=True, slots=True)
class Path:
    """The certificates that a verdict is about, the leaf first."""

    certificates: tuple[Certificate, ...]
    anchored: bool
    """The last one is trusted, not only the last that links up."""
    failures: tuple[Failure, ...] = ()
    """What is wrong with the path as such."""


@dataclass(frozen=True, slots=True)
class Broken:
    """OpenSSL's refusal: an X509_V_ERR_* code; 0 where it could not even read a certificate."""

    code: int

    @property
    def no_issuer(self) -> bool:
        return self.code in NO_ISSUER

    def failure(self) -> Failure:
        if self.code == _SELF_SIGNED_LEAF:
            return Failure(Cause.CERT_SELF_SIGNED)
        if self.no_issuer:
            return Failure(Cause.CERT_UNKNOWN_ISSUER)
        if not self.code:
            return Failure(Cause.CERT_UNREADABLE)
        return Failure(Cause.CERT_CHAIN, _CHAIN_WORDS.get(self.code, f"OpenSSL error {self.code}"))


def trusted_path(leaf: Certificate, others: tuple[Certificate, ...], trust: TrustStore) -> Path:
    """The path to a trust anchor of the operator's, or what there is of one."""
    match _verify(leaf, others, trust.openssl):
        case Broken() as broken:
            walked = walk(leaf, others, trust.named)
            failures = (broken.failure(), *(_inner_failures(walked, others) if broken.no_issuer else ()))
            return Path(walked, trust.find(walked[-1].der) is not None, failures)
        case ders:
            return Path(_known(ders, (leaf, *others), trust), True)


def anchored_path(
    leaf: Certificate, others: tuple[Certificate, ...], anchor: Certificate, *, explain: bool = True
) -> Path | None:
    """The path to `anchor`, which is not the leaf; None where the leaf was not issued below it, and without `explain`
    also where the path is broken.
    """
    match _verify(leaf, others, openssl_store((anchor,))):
        case Broken(no_issuer=True):
            return None
        case Broken() as broken:
            if not explain:
                return None
            return Path(_cut(walk(leaf, (anchor, *others)), anchor), True, (broken.failure(),))
        case ders:
            return Path(_known(ders, (leaf, *others, anchor)), True)


def walk(leaf: Certificate, others: tuple[Certificate, ...], named: Named | None = None) -> tuple[Certificate, ...]:
    """The leaf and its issuers, as far as names and signatures link them."""
    path = [leaf]
    checks = 0
    while len(path) < MAX_DEPTH:
        top = path[-1]
        for issuer in (*(named(top.issuer) if named else ()), *others):
            if issuer.subject != top.issuer or any(issuer.der == below.der for below in path):
                continue
            checks += 1
            if checks > MAX_SIGNATURE_CHECKS:
                return tuple(path)
            if top.signed_by(issuer.key):
                path.append(issuer)
                break
        else:
            return tuple(path)
    return tuple(path)


def path_below_key(walked: tuple[Certificate, ...], others: tuple[Certificate, ...]) -> Path:
    """A walked path whose last certificate is signed by a trusted bare key (RFC 7671 section 5.2.3)."""
    return Path(walked, False, _inner_failures(walked, others))


def _inner_failures(walked: tuple[Certificate, ...], others: tuple[Certificate, ...]) -> tuple[Failure, ...]:
    """What OpenSSL would say of a walked path if its last certificate were trusted: CA constraints, mostly."""
    if len(walked) == 1:
        return ()
    match _verify(walked[0], others, openssl_store(walked[-1:])):
        case Broken(no_issuer=False) as broken:
            return (broken.failure(),)
        case _:
            return ()


def _verify(leaf: Certificate, others: Iterable[Certificate], store: crypto.X509Store) -> tuple[bytes, ...] | Broken:
    """The built path as DER, or why there is none."""
    if leaf.openssl is None:
        return Broken(0)
    try:
        context = crypto.X509StoreContext(store, leaf.openssl, [c.openssl for c in others if c.openssl is not None])
        built = context.get_verified_chain()
        return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) for certificate in built)
    except crypto.X509StoreContextError as error:
        _drain_errors()
        return Broken(int(error.errors[0]))
    except crypto.Error:
        return Broken(0)


def _drain_errors() -> None:
    """Empty this thread's OpenSSL error queue: a refused path may leave something there (seen with broken keys).

    Where `ssl` shares the library with us, its next read without data would take that for an error of its own: one
    peer's certificate would end another's session. Each failure of pyOpenSSL empties the whole queue, so we make one.
    """
    with suppress(crypto.Error):
        crypto.load_certificate(crypto.FILETYPE_ASN1, b"")


def _known(
    ders: tuple[bytes, ...], certificates: Iterable[Certificate], trust: TrustStore | None = None
) -> tuple[Certificate, ...]:
    by_der = {certificate.der: certificate for certificate in certificates}
    found = (by_der.get(der) or (trust.find(der) if trust else None) or read_certificate(der) for der in ders)
    return tuple(certificate for certificate in found if certificate is not None)


def _cut(walked: tuple[Certificate, ...], anchor: Certificate) -> tuple[Certificate, ...]:
    """Up to the anchor."""
    for number, certificate in enumerate(walked, start=1):
        if certificate.der == anchor.der:
            return walked[:number]
    return walked
