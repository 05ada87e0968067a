"""Reading a certificate: facts or None, whatever the octets."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.delivery.verdict import certificate as module
from tlswitness.delivery.verdict.certificate import read_certificate, read_key, weakness
from tlswitness.lab.authority import DAY, KeyKind, Purpose


def spki(key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_facts(authority, now):
    issued = authority.issue(["mx.example.com", "*.example.org"], common_name="cn.example")
    read = read_certificate(issued.der)
    assert read is not None
    assert (read.dns_ids, read.common_names) == (("mx.example.com", "*.example.org"), ("cn.example",))
    assert (read.not_before, read.not_after) == (now - DAY, now + 90 * DAY)
    assert read.for_servers
    assert not read.self_issued
    assert read.weak_digest is None
    issuer = read_certificate(authority.intermediate.der)
    assert issuer is not None
    assert (read.issuer, read.signed_by(issuer.key)) == (issuer.subject, True)
    assert not issuer.signed_by(issuer.key)
    assert not read.signed_by(None)
    # a key usage of signing certificates alone is none for TLS, and hinders no issuer
    assert issuer.issues_for_servers


@pytest.mark.parametrize(
    ("purpose", "serves"),
    [(Purpose.SERVER, True), (Purpose.CLIENT, False), (Purpose.BOTH, True), (Purpose.ANY, True), (Purpose.NONE, True)],
)
def test_purposes(purpose, serves, authority):
    read = read_certificate(authority.issue(["mx.example.com"], purpose=purpose).der)
    assert read is not None
    assert (read.for_servers, read.issues_for_servers) == (serves, serves)


@pytest.mark.parametrize(
    ("key", "weak"),
    [
        (ec.generate_private_key(ec.SECP256R1()), None),
        (ec.generate_private_key(ec.SECP384R1()), None),
        (ec.generate_private_key(ec.SECP224R1()), "EC 224"),
        (ed25519.Ed25519PrivateKey.generate(), None),
        (ed448.Ed448PrivateKey.generate(), None),
        (x25519.X25519PrivateKey.generate(), "unknown kind"),
        (dsa.generate_private_key(1024), "unknown kind"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_strength(key, weak):
    assert weakness(read_key(spki(key))) == weak


def test_strength_of_rsa():
    assert weakness(read_key(spki(rsa.generate_private_key(65537, 1024)))) == "RSA 1024"
    assert weakness(read_key(b"junk")) == "unknown kind"


@pytest.mark.parametrize("key", list(KeyKind))
def test_signatures_by_each_kind_of_key(key, authority):
    signer = authority.signer("Signer", key=key)
    read, issuer = map(read_certificate, (authority.issue(["a.example"], issuer=signer).der, signer.der))
    assert read is not None
    assert issuer is not None
    assert read.signed_by(issuer.key)
    assert not issuer.signed_by(issuer.key)


def test_what_is_too_large_is_not_read(authority, monkeypatch):
    der = authority.issue(["mx.example.com"]).der
    monkeypatch.setattr(module, "MAX_CERTIFICATE", len(der) - 1)
    assert read_certificate(der) is None


def test_names_are_bounded(authority, monkeypatch):
    monkeypatch.setattr(module, "MAX_NAMES", 2)
    read = read_certificate(authority.issue(["a.example", "b.example", "c.example"]).der)
    assert read is not None
    assert read.dns_ids == ("a.example", "b.example")


@given(st.binary(max_size=300))
def test_random_octets_are_none(data):
    assert read_certificate(data) is None


@given(st.binary(max_size=100))
def test_random_keys_are_none(data):
    assert read_key(data) is None
