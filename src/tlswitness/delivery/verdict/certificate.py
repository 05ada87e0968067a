"""A certificate read once: what a verdict asks of it, as plain values. RFC 5280 section 4."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import crypto

from tlswitness.delivery.verdict.der import subject_public_key_info

MAX_CERTIFICATE = 65_536
"""Octets of one certificate: more than any that serves mail, less than what makes reading it a burden."""
MAX_NAMES = 4_096
"""DNS-IDs of one certificate that are looked at; the others name nothing. Bounds the name check."""
MIN_RSA_BITS = 2048
MIN_EC_BITS = 256
"""The least that WebPKI takes (CA/Browser Forum baseline requirements section 6.1.5)."""

MAX_RSA_WORK = 8192**2 * 17
"""Of checking one signature: that of a key of 8192 bits with the exponent 65537, half a millisecond. Both numbers are
the server's to choose, and with the largest that OpenSSL takes one chain could hold up all mail for seconds."""

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey

_SERVER_PURPOSES = frozenset({ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})
_WEAK_DIGESTS = frozenset({"md5", "sha1"})


@dataclass(frozen=True, eq=False)
class Certificate:
    """Made by `read_certificate` only."""

    der: bytes
    parsed: x509.Certificate
    subject: bytes
    issuer: bytes
    """Names in DER, to be compared."""
    not_before: float
    not_after: float
    """Seconds since 1970, both included."""
    dns_ids: tuple[str, ...]
    common_names: tuple[str, ...]
    for_servers: bool
    """Extended key usage and key usage allow a TLS server (RFC 5280 sections 4.2.1.3 and 4.2.1.12), or are absent."""
    issues_for_servers: bool
    """The extended key usage allows what a TLS server's issuer needs, or is absent."""
    key: PublicKey | None
    """None for a kind of key that we do not know."""
    spki: bytes

    @cached_property
    def openssl(self) -> crypto.X509 | None:
        """As OpenSSL reads it; None where it cannot."""
        try:
            return crypto.load_certificate(crypto.FILETYPE_ASN1, self.der)
        except crypto.Error:
            return None

    @property
    def self_issued(self) -> bool:
        return self.subject == self.issuer

    @cached_property
    def weak_digest(self) -> str | None:
        """The digest of its signature where that is a broken one."""
        try:
            digest = self.parsed.signature_hash_algorithm
        except (UnsupportedAlgorithm, ValueError):
            return None
        return digest.name.upper() if digest is not None and digest.name in _WEAK_DIGESTS else None

    def signed_by(self, key: PublicKey | None) -> bool:
        """Whether its signature is by that key. RSA, ECDSA and EdDSA only."""
        signature, tbs = self.parsed.signature, self.parsed.tbs_certificate_bytes
        try:
            method = self.parsed.signature_algorithm_parameters
            digest = self.parsed.signature_hash_algorithm
            match key, method, digest:
                case rsa.RSAPublicKey(), (None | padding.PKCS1v15() | padding.PSS()), hashes.HashAlgorithm():
                    key.verify(signature, tbs, method or padding.PKCS1v15(), digest)  # None: MD5
                case ec.EllipticCurvePublicKey(), ec.ECDSA(), _:
                    key.verify(signature, tbs, method)
                case ((ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey()), None, None):
                    key.verify(signature, tbs)
                case _:
                    return False
        except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
            return False
        return True


def read_certificate(der: bytes) -> Certificate | None:
    """The certificate, or None where it cannot be read, or its key would take too long to check a signature with:
    whatever the octets are, nothing is raised.
    """
    if len(der) > MAX_CERTIFICATE:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a serial number of 0 is no reason to speak to the operator
            return _read(der)
    except Exception:  # noqa: BLE001 - a parser of hostile octets: ValueError, and others by version and extension
        return None


def read_key(spki: bytes) -> PublicKey | None:
    """The key of a SubjectPublicKeyInfo; None where it is not one, or of a kind that we do not know."""
    try:
        key = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm):
        return None
    match key:
        case rsa.RSAPublicKey() | ec.EllipticCurvePublicKey() | ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            return key
        case _:
            return None


def weakness(key: PublicKey | None) -> str | None:
    """What is too weak about a key, such as `RSA 1024`; None for a sound one."""
    match key:
        case rsa.RSAPublicKey():
            return f"RSA {key.key_size}" if key.key_size < MIN_RSA_BITS else None
        case ec.EllipticCurvePublicKey():
            return f"EC {key.key_size}" if key.key_size < MIN_EC_BITS else None
        case None:
            return "unknown kind"
        case _:
            return None


def _read(der: bytes) -> Certificate | None:
    parsed = x509.load_der_x509_certificate(der)
    spki = subject_public_key_info(der)
    if spki is None:
        return None
    key = read_key(spki)
    if isinstance(key, rsa.RSAPublicKey) and _work(key) > MAX_RSA_WORK:
        return None
    purposes: frozenset[x509.ObjectIdentifier] | None = None
    for_tls = True
    dns_ids: tuple[str, ...] = ()
    for extension in parsed.extensions:
        match extension.value:
            case x509.ExtendedKeyUsage() as usages:
                purposes = frozenset(usages)
            case x509.KeyUsage() as usage:
                for_tls = usage.digital_signature or usage.key_encipherment or usage.key_agreement
            case x509.SubjectAlternativeName() as names:
                dns_ids = _bounded(names.get_values_for_type(x509.DNSName))
            case _:
                pass
    serves = purposes is None or not purposes.isdisjoint(_SERVER_PURPOSES)
    return Certificate(
        der=der,
        parsed=parsed,
        subject=parsed.subject.public_bytes(),
        issuer=parsed.issuer.public_bytes(),
        not_before=parsed.not_valid_before_utc.timestamp(),
        not_after=parsed.not_valid_after_utc.timestamp(),
        dns_ids=dns_ids,
        common_names=_bounded(
            str(attribute.value) for attribute in parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        ),
        for_servers=serves and for_tls,
        issues_for_servers=serves,
        key=key,
        spki=spki,
    )


def _work(key: rsa.RSAPublicKey) -> int:
    exponent: int = key.public_numbers().e
    return key.key_size**2 * exponent.bit_length()


def _bounded(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)[:MAX_NAMES]
