"""A private CA made in memory, and server certificates with chosen faults.

Separate because the lab's servers, the policy hosts and the tests of the verdict all need certificates that are wrong
in one exact way. Nothing is kept on disk. All dates follow from the `now` given, so a run can be set at any time.
RFC 5280, 6698.
"""

from __future__ import annotations

import hashlib
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from types import EllipsisType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tlswitness.dns.answer import TlsaRecord

DAY = 86_400.0
"""Seconds."""

_RSA_WITH_SHA256 = bytes.fromhex("06092a864886f70d01010b")
"""DER of 1.2.840.113549.1.1.11; the last octet tells the digest (RFC 8017 appendix A.2.4)."""

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class KeyKind(StrEnum):
    """Keys that certificates may have; those of P-192 and RSA-1024 are weak on purpose."""

    EC = "ec"
    EC_P192 = "ec-p192"
    RSA2048 = "rsa2048"
    RSA1024 = "rsa1024"


class Digest(StrEnum):
    """What signatures are made over; SHA-1 and MD5 are weak on purpose."""

    SHA256 = "sha256"
    SHA1 = "sha1"
    MD5 = "md5"


class Purpose(StrEnum):
    """Extended key usage (RFC 5280 section 4.2.1.12)."""

    SERVER = "server"
    CLIENT = "client"
    BOTH = "both"
    ANY = "any"
    NONE = "none"
    """No such extension: fit for every purpose."""


_USAGES = {
    Purpose.SERVER: (ExtendedKeyUsageOID.SERVER_AUTH,),
    Purpose.CLIENT: (ExtendedKeyUsageOID.CLIENT_AUTH,),
    Purpose.BOTH: (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
    Purpose.ANY: (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,),
}


@dataclass(frozen=True)
class Signer:
    """A certificate that can sign others, with its key."""

    certificate: x509.Certificate
    key: PrivateKey
    parent: Signer | None = None
    """None for a root."""

    @cached_property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """As a trust store takes it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def path(self) -> tuple[Signer, ...]:
        """From this one upwards, the root last."""
        return (self,) if self.parent is None else (self, *self.parent.path)


@dataclass(frozen=True)
class Issued:
    """A server certificate, its key, and what the server presents with it."""

    certificate: x509.Certificate
    key: PrivateKey
    issuers: tuple[Signer, ...]
    """Those above the leaf, nearest first, the root last; empty for a self-signed one."""
    presented: tuple[bytes, ...]
    """DER in the order of the handshake."""

    @property
    def chain(self) -> tuple[bytes, ...]:
        return self.presented

    @cached_property
    def der(self) -> bytes:
        """The leaf alone."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def presenting(self, *, intermediates: bool = True, root: bool = False) -> Issued:
        """The same certificate on a server that presents so much of its chain."""
        issuers = self.issuers if root else tuple(s for s in self.issuers if s.parent is not None)
        if not intermediates:
            issuers = tuple(s for s in issuers if s.parent is None)
        return replace(self, presented=(self.der, *(signer.der for signer in issuers)))

    def chain_pem(self) -> bytes:
        """The presented chain."""
        return "".join(map(ssl.DER_cert_to_PEM_cert, self.presented)).encode("ascii")

    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def load_into(self, context: ssl.SSLContext) -> None:
        """Make it a server's certificate; the file that `ssl` insists on (mode 0600) is gone on return."""
        with tempfile.NamedTemporaryFile(prefix="lab-", suffix=".pem") as file:
            file.write(self.chain_pem() + self.key_pem())
            file.flush()
            context.load_cert_chain(file.name)

    def server_context(self) -> ssl.SSLContext:
        """A TLS server's context with this certificate; as wide as OpenSSL allows, so that it serves weak keys too."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        self.load_into(context)
        return context

    def tlsa(self, usage: int, selector: int, matching_type: int, *, above: int | None = None) -> TlsaRecord:
        """The TLSA record of the leaf (`above` 0), its issuer (1), that one's issuer (2)...

        By default the leaf for usages 1 and 3, the root for 0 and 2.
        """
        certificates = (self.certificate, *(signer.certificate for signer in self.issuers))
        depth = (0 if usage in (1, 3) else len(certificates) - 1) if above is None else above
        return tlsa_record(certificates[depth], usage, selector, matching_type)


class Authority:
    """A CA with a root, an intermediate, and the wrong issuers that faults are made with."""

    def __init__(self, now: float, *, name: str = "Lab") -> None:
        self.now = now
        self.name = name
        self._kept_keys: dict[KeyKind, PrivateKey] = {}

    @cached_property
    def root(self) -> Signer:
        """The trusted one."""
        return self.signer(f"{self.name} Root", parent=None)

    @cached_property
    def intermediate(self) -> Signer:
        return self.signer(f"{self.name} Intermediate")

    @cached_property
    def expired_intermediate(self) -> Signer:
        return self.signer(f"{self.name} Expired Intermediate", not_before=-90 * DAY, not_after=-DAY)

    @cached_property
    def unknown(self) -> Signer:
        """A root that nobody trusts."""
        return self.signer(f"{self.name} Stranger", parent=None)

    @cached_property
    def trust_pem(self) -> bytes:
        """The root, as a trust store takes it."""
        return self.root.pem

    def signer(
        self,
        name: str,
        *,
        parent: Signer | EllipsisType | None = ...,
        not_before: float = -365 * DAY,
        not_after: float = 365 * DAY,
        key: KeyKind | str = KeyKind.EC,
        path_length: int | None = None,
        purpose: Purpose = Purpose.NONE,
        ca: bool = True,
        permitted: Sequence[str] = (),
        private: PrivateKey | None = None,
        digest: Digest | str = Digest.SHA256,
    ) -> Signer:
        """A further issuer under `parent` (by default the root; None makes a root).

        `permitted` names the domains of a name constraint; `ca=False` makes one that may not sign at all. `private` is
        an older signer's key, for one that renews it.
        """
        above = self.root if parent is ... else parent
        private = private or self._key(KeyKind(key))
        builder = self._builder(name, private, above, not_before, not_after, purpose)
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length if ca else None), critical=True)
        builder = _with_key_ids(builder.add_extension(_key_usage(ca=ca), critical=True), private, above)
        if permitted:
            trees = [x509.DNSName(domain) for domain in permitted]
            builder = builder.add_extension(x509.NameConstraints(trees, None), critical=True)
        return Signer(_signed(builder, private if above is None else above.key, Digest(digest)), private, above)

    def issue(
        self,
        names: Sequence[str],
        *,
        common_name: str | None = None,
        san: bool = True,
        critical_san: bool = False,
        other_names: Sequence[x509.GeneralName] = (),
        not_before: float = -DAY,
        not_after: float = 90 * DAY,
        purpose: Purpose = Purpose.SERVER,
        key: KeyKind | str = KeyKind.EC,
        key_ids: bool = True,
        issuer: Signer | EllipsisType | None = ...,
        digest: Digest | str = Digest.SHA256,
    ) -> Issued:
        """A server certificate for the DNS names given, which presents its intermediates but not the root.

        `issuer` is the intermediate by default; None makes a self-signed certificate. Dates are seconds from `now`. The
        common name is the first name unless given; `san=False` leaves it at that. RSA keys are slow to make: those of
        one size are one key. The weak digests need an issuer with an RSA key. Without `key_ids` only the issuer's name
        tells who issued it.
        """
        above = self.intermediate if issuer is ... else issuer
        private = self._key(KeyKind(key))
        cn = common_name if common_name is not None else (names[0] if names else "")
        builder = self._builder(cn[:64], private, above, not_before, not_after, purpose)
        builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
        if key_ids:
            builder = _with_key_ids(builder, private, above)
        general: list[x509.GeneralName] = [x509.DNSName(name) for name in names] if san else []
        if general or other_names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([*general, *other_names]), critical=critical_san
            )
        certificate = _signed(builder, private if above is None else above.key, Digest(digest))
        issued = Issued(certificate, private, () if above is None else above.path, ())
        return issued.presenting()

    def _builder(
        self,
        name: str,
        key: PrivateKey,
        issuer: Signer | None,
        not_before: float,
        not_after: float,
        purpose: Purpose,
    ) -> x509.CertificateBuilder:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._date(not_before))
            .not_valid_after(self._date(not_after))
        )
        usages = _USAGES.get(purpose)
        return builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False) if usages else builder

    def _date(self, offset: float) -> datetime:
        return datetime.fromtimestamp(int(self.now), UTC) + timedelta(seconds=offset)

    def _key(self, kind: KeyKind) -> PrivateKey:
        match kind:
            case KeyKind.EC:
                return ec.generate_private_key(ec.SECP256R1())
            case KeyKind.EC_P192:
                return ec.generate_private_key(ec.SECP192R1())
            case KeyKind.RSA2048 | KeyKind.RSA1024:
                if kind not in self._kept_keys:
                    bits = 2048 if kind is KeyKind.RSA2048 else 1024
                    self._kept_keys[kind] = rsa.generate_private_key(65537, bits)
                return self._kept_keys[kind]


def tlsa_record(certificate: x509.Certificate, usage: int, selector: int, matching_type: int) -> TlsaRecord:
    """The TLSA record that a certificate matches (RFC 6698 section 2.1)."""
    if selector == 0:
        data = certificate.public_bytes(serialization.Encoding.DER)
    else:
        data = certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    if matching_type:
        data = hashlib.new("sha256" if matching_type == 1 else "sha512", data).digest()
    return TlsaRecord(usage, selector, matching_type, data)


def wrong(record: TlsaRecord) -> TlsaRecord:
    """A record of the same shape that matches nothing: that of another key, where it holds one in full."""
    if record.matching_type:
        return replace(record, data=bytes(octet ^ 0xFF for octet in record.data))
    other = Authority(0.0, name="Another").signer("Another Root", parent=None)
    return tlsa_record(other.certificate, record.usage, record.selector, record.matching_type)


def _signed(builder: x509.CertificateBuilder, key: PrivateKey, digest: Digest) -> x509.Certificate:
    certificate = builder.sign(key, hashes.SHA256())
    if digest is Digest.SHA256:
        return certificate
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"a signature over {digest} needs an issuer with an RSA key")
    # The library signs no certificate so weakly: the algorithm (an octet of the OID, twice) and the signature are ours.
    weak, last = (hashes.SHA1(), 5) if digest is Digest.SHA1 else (hashes.MD5(), 4)  # noqa: S303 - weak on purpose
    old, new = _RSA_WITH_SHA256, _RSA_WITH_SHA256[:-1] + bytes([last])
    tbs = certificate.tbs_certificate_bytes
    changed = tbs.replace(old, new)
    der = certificate.public_bytes(serialization.Encoding.DER).replace(tbs, changed).replace(old, new)
    return x509.load_der_x509_certificate(
        der.removesuffix(certificate.signature) + key.sign(changed, padding.PKCS1v15(), weak)
    )


def _with_key_ids(builder: x509.CertificateBuilder, key: PrivateKey, issuer: Signer | None) -> x509.CertificateBuilder:
    issuer_key = key if issuer is None else issuer.key
    subject_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return builder.add_extension(subject_id, critical=False).add_extension(issuer_id, critical=False)


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
