"""The lab's CA: certificates that are wrong in exactly the way asked for, and no key left on disk."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from tlswitness.lab.authority import DAY, Authority, Digest, KeyKind, Purpose, tlsa_record, wrong

NOW = 1_750_000_000.0
MX = ["mx.example.com"]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(NOW)


def test_dates_follow_from_now(authority):
    certificate = authority.issue(MX, not_before=-2 * DAY, not_after=5).certificate
    assert certificate.not_valid_before_utc.timestamp() == NOW - 2 * DAY
    assert certificate.not_valid_after_utc.timestamp() == NOW + 5


def test_what_a_server_presents(authority):
    issued = authority.issue(MX)
    leaf, middle, root = issued.der, authority.intermediate.der, authority.root.der
    assert issued.chain == (leaf, middle)
    assert issued.presenting(root=True).chain == (leaf, middle, root)
    assert issued.presenting(intermediates=False).chain == (leaf,)
    assert issued.presenting(intermediates=False, root=True).chain == (leaf, root)
    assert authority.issue(MX, issuer=None).presenting(root=True).chain[1:] == ()


def test_names(authority):
    def san(certificate: x509.Certificate) -> x509.Extension:
        return certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)

    both = san(authority.issue([*MX, "*.example.org"], critical_san=True).certificate)
    assert (both.value.get_values_for_type(x509.DNSName), both.critical) == ([*MX, "*.example.org"], True)
    with pytest.raises(x509.ExtensionNotFound):
        san(authority.issue(MX, san=False).certificate)
    assert "example.net" in authority.issue(MX, common_name="example.net").certificate.subject.rfc4514_string()


@pytest.mark.parametrize("key", list(KeyKind))
@pytest.mark.parametrize("purpose", [Purpose.SERVER, Purpose.NONE])
def test_every_key_can_be_served(key, purpose, authority):
    issued = authority.issue(MX, key=key, purpose=purpose)
    assert isinstance(issued.server_context(), ssl.SSLContext)


def test_no_key_stays_on_disk(authority, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    authority.issue(MX).load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    assert list(Path(tmp_path).iterdir()) == []


@pytest.mark.parametrize(
    ("digest", "oid"), [(Digest.SHA1, "1.2.840.113549.1.1.5"), (Digest.MD5, "1.2.840.113549.1.1.4")]
)
def test_weak_signatures(digest, oid, authority):
    issuer = authority.signer("RSA", key=KeyKind.RSA2048)
    certificate = authority.issue(MX, issuer=issuer, digest=digest).certificate
    assert certificate.signature_algorithm_oid.dotted_string == oid
    with pytest.raises(TypeError, match="RSA key"):
        authority.issue(MX, digest=digest)


def test_tlsa_records(authority):
    issued = authority.issue(MX)
    assert issued.tlsa(3, 0, 0).data == issued.der
    assert issued.tlsa(2, 0, 0).data == authority.root.der
    assert issued.tlsa(2, 0, 0, above=1).data == authority.intermediate.der
    assert issued.tlsa(3, 1, 1) == tlsa_record(issued.certificate, 3, 1, 1)
    lengths = {(1, 1): 32, (0, 2): 64}
    for (selector, matching), length in lengths.items():
        assert len(issued.tlsa(3, selector, matching).data) == length


@pytest.mark.parametrize("kind", [(3, 1, 1), (2, 0, 2), (2, 0, 0), (2, 1, 0)])
def test_a_wrong_record_has_the_right_shape(kind, authority):
    record = authority.issue(MX).tlsa(*kind)
    other = wrong(record)
    assert (other.usage, other.selector, other.matching_type) == kind
    assert other.data != record.data
    if kind[2]:
        assert len(other.data) == len(record.data)


def test_issuers_with_faults(authority):
    assert authority.expired_intermediate.certificate.not_valid_after_utc.timestamp() < NOW
    assert authority.unknown.parent is None
    assert authority.unknown.certificate.subject != authority.root.certificate.subject
    assert [signer.parent is None for signer in authority.intermediate.path] == [False, True]
    renewed = authority.signer("Lab Root", parent=None, private=authority.root.key)
    assert renewed.key is authority.root.key
