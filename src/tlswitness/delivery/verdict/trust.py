"""The certificates that the operator trusts, loaded once."""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Iterable
from pathlib import Path

from OpenSSL import crypto

from tlswitness.delivery.verdict.certificate import Certificate, read_certificate

NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which pyOpenSSL does not name: dates are judged by us, all of them."""

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Where systems keep theirs, for a Python whose own default does not exist."""


class TrustStore:
    """Trust anchors. Immutable: may be shared by threads and judged against for as long as the process lives."""

    def __init__(self, anchors: Iterable[Certificate]) -> None:
        """An intermediate among them is a trust anchor as good as a root."""
        self._by_der: dict[bytes, Certificate] = {}
        self._by_subject: dict[bytes, tuple[Certificate, ...]] = {}
        for anchor in _longest_lasting(anchors):
            self._by_der[anchor.der] = anchor
            self._by_subject[anchor.subject] = (*self._by_subject.get(anchor.subject, ()), anchor)
        self.openssl = openssl_store(self._by_der.values())
        """For path building, with the time check off."""
        self.identity = hashlib.sha256(b"".join(sorted(self._by_der))).hexdigest()
        """The same for the same set of anchors."""

    @classmethod
    def from_pem(cls, data: bytes) -> TrustStore:
        """The certificates of a PEM file, other text between them. ValueError where one is broken, or none is there."""
        anchors: list[Certificate] = []
        for number, der in enumerate(_blocks(data), start=1):
            anchor = read_certificate(der)
            if anchor is None:
                raise ValueError(f"certificate {number} of the trust store cannot be read")
            anchors.append(anchor)
        if not anchors:
            raise ValueError("the trust store has no certificate: PEM with at least one is needed")
        return cls(anchors)

    @classmethod
    def system(cls) -> TrustStore:
        """What this machine trusts; what cannot be read of it is left out. OSError where nothing can be found."""
        paths = ssl.get_default_verify_paths()
        bundles = [Path(name) for name in (paths.cafile, *_BUNDLES) if name]
        for bundle in bundles:
            if bundle.is_file():
                return cls(filter(None, map(read_certificate, _blocks(bundle.read_bytes()))))
        raise FileNotFoundError(f"no trust store on this machine: looked for {', '.join(map(str, bundles))}")

    def find(self, der: bytes) -> Certificate | None:
        """The trust anchor that is exactly this."""
        return self._by_der.get(der)

    def named(self, subject: bytes) -> tuple[Certificate, ...]:
        """The trust anchors of that subject name (DER)."""
        return self._by_subject.get(subject, ())

    def __len__(self) -> int:
        return len(self._by_der)


def openssl_store(anchors: Iterable[Certificate]) -> crypto.X509Store:
    """A store for OpenSSL's path building that trusts each of these, root or not."""
    store = crypto.X509Store()
    store.set_flags(NO_CHECK_TIME | crypto.X509StoreFlags.PARTIAL_CHAIN)
    for anchor in anchors:
        if anchor.openssl is not None:
            store.add_cert(anchor.openssl)
    return store


def _longest_lasting(anchors: Iterable[Certificate]) -> Iterable[Certificate]:
    """One for each name and key: with the time check off OpenSSL would take the expired one of two as gladly."""
    best: dict[tuple[bytes, bytes], Certificate] = {}
    for anchor in anchors:
        kept = best.setdefault((anchor.subject, anchor.spki), anchor)
        if anchor.not_after > kept.not_after:
            best[anchor.subject, anchor.spki] = anchor
    return best.values()


def _blocks(data: bytes) -> list[bytes]:
    ders = []
    for block in _PEM.findall(data):
        try:
            ders.append(ssl.PEM_cert_to_DER_cert(block.decode("ascii", "replace")))
        except ValueError:
            ders.append(b"")
    return ders
