"""Usable records and digest agility."""

from __future__ import annotations

import datetime
import itertools

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.dns.answer import TlsaRecord
from tlswitness.policy.dane.records import DIGESTS, MAX_RECORDS, Matching, TlsaSet, Usage, sift, unusable


def _certificate() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mx.example.com")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return certificate.public_bytes(Encoding.DER), spki


CERT, SPKI = _certificate()
D256 = bytes(range(32))
D512 = bytes(range(64))
DATA = {0: b"", 1: D256, 2: D512}


def tlsa(text: str, data: bytes | None = None) -> TlsaRecord:
    usage, selector, matching = (int(part) for part in text.split())
    full = CERT if selector == 0 else SPKI
    return TlsaRecord(usage, selector, matching, data if data is not None else (DATA.get(matching) or full))


def texts(records: tuple[TlsaRecord, ...]) -> list[str]:
    return [f"{record.usage} {record.selector} {record.matching_type}" for record in records]


@pytest.mark.rfc(6698, "6")
@pytest.mark.rfc(7671, "2")
@pytest.mark.parametrize("parameters", [" ".join(parts) for parts in itertools.product("23", "01", "012")])
def test_every_combination_of_known_parameters_is_usable(parameters: str) -> None:
    assert unusable(tlsa(parameters)) is None


@pytest.mark.rfc(6698, "4.1")
@pytest.mark.rfc(7671, "14")
@pytest.mark.parametrize(
    ("record", "reason"),
    [
        pytest.param(tlsa("4 0 1"), "usage 4 is unknown", id="B8-unknown-usage"),
        pytest.param(tlsa("255 0 1"), "usage 255 is unknown", id="B8-private-usage"),
        pytest.param(tlsa("3 2 1"), "selector 2 is unknown", id="B8-unknown-selector"),
        pytest.param(tlsa("3 1 3", D256), "matching type 3 is unknown", id="B8-unknown-matching-type"),
        pytest.param(tlsa("3 1 1", D256[:31]), "the digest has 31 octets instead of 32", id="B8-sha256-short"),
        pytest.param(tlsa("3 1 1", D512), "the digest has 64 octets instead of 32", id="B8-sha256-long"),
        pytest.param(tlsa("2 0 2", D256), "the digest has 32 octets instead of 64", id="B8-sha512-short"),
        pytest.param(tlsa("3 1 1", b""), "the digest has 0 octets instead of 32", id="B8-empty"),
        pytest.param(tlsa("3 0 0", b"\x30\x03"), "its data is no certificate", id="B8-bad-certificate"),
        pytest.param(tlsa("2 0 0", CERT + b"\x00"), "its data is no certificate", id="B8-certificate-and-more"),
        pytest.param(tlsa("2 0 0", SPKI), "its data is no certificate", id="B8-key-for-certificate"),
        pytest.param(tlsa("3 1 0", CERT), "its data is no public key", id="B8-certificate-for-key"),
        pytest.param(tlsa("2 1 0", SPKI[:-1]), "its data is no public key", id="B8-cut-key"),
        pytest.param(tlsa("2 1 0", b""), "its data is no public key", id="B8-no-key"),
    ],
)
def test_unusable_with_a_reason(record: TlsaRecord, reason: str) -> None:
    assert unusable(record) == reason


@pytest.mark.rfc(7672, "3.1.3")
@pytest.mark.rfc(7671, "4")
@pytest.mark.rfc(7671, "4.1")
@pytest.mark.rfc(7671, "14")
@pytest.mark.rfc(7672, "3.1")
@pytest.mark.parametrize("usage", [Usage.PKIX_TA, Usage.PKIX_EE])
def test_pkix_usages_are_unusable_and_never_taken_for_others(usage: Usage) -> None:
    record = tlsa(f"{usage} 1 1")
    assert unusable(record) == f"usage {usage} is not for SMTP"
    assert sift([record]) == TlsaSet((record,), (), (f"{usage} 1 1: usage {usage} is not for SMTP",))


@pytest.mark.rfc(7671, "9")
@pytest.mark.rfc(7672, "5")
@pytest.mark.parametrize(
    ("given_records", "left"),
    [
        pytest.param(["3 1 1"], ["3 1 1"], id="one"),
        pytest.param(["3 1 1", "3 1 2"], ["3 1 2"], id="stronger-only"),
        pytest.param(["3 1 0", "3 1 1", "3 1 2"], ["3 1 0", "3 1 2"], id="full-stays"),
        pytest.param(["3 1 0", "3 1 1"], ["3 1 0", "3 1 1"], id="full-and-the-only-digest"),
        pytest.param(["3 0 2", "3 1 1"], ["3 0 2", "3 1 1"], id="per-selector"),
        pytest.param(["2 1 2", "3 1 1"], ["2 1 2", "3 1 1"], id="per-usage"),
        pytest.param(
            ["2 0 1", "2 0 2", "2 1 1", "3 0 1", "3 1 1", "3 1 2"], ["2 0 2", "2 1 1", "3 0 1", "3 1 2"], id="each"
        ),
        pytest.param(["1 1 2", "3 1 1"], ["3 1 1"], id="unusable-usage-outranks-nothing"),
        pytest.param(["3 1 9", "3 1 1"], ["3 1 1"], id="unknown-digest-outranks-nothing"),
    ],
)
def test_digest_agility(given_records: list[str], left: list[str]) -> None:
    sifted = sift([tlsa(text) for text in given_records])
    assert texts(sifted.usable) == left
    assert texts(sifted.records) == sorted(given_records)


@pytest.mark.rfc(7671, "9")
def test_a_broken_strong_digest_is_dropped_before_agility() -> None:
    broken, weak = tlsa("3 1 2", D256), tlsa("3 1 1")
    sifted = sift([broken, weak])
    assert sifted.usable == (weak,)
    assert sifted.rejected == ("3 1 2: the digest has 32 octets instead of 64",)


def test_all_records_with_the_strongest_digest_stay() -> None:
    old, new = tlsa("3 1 2", b"\x01" * 64), tlsa("3 1 2", b"\x02" * 64)
    sifted = sift([new, tlsa("3 1 1"), old])
    assert sifted.usable == (old, new)
    assert sifted.rejected == ("3 1 1: there is a record with a stronger digest",)


@pytest.mark.rfc(7671, "9")
@pytest.mark.parametrize(
    ("digests", "left", "rejected"),
    [
        ((Matching.SHA2_256, Matching.SHA2_512), ["3 1 1"], "3 1 2: there is a record with a stronger digest"),
        ((Matching.SHA2_512,), ["3 1 2"], "3 1 1: matching type 1 is switched off"),
    ],
)
def test_the_operator_orders_the_digests(digests: tuple[Matching, ...], left: list[str], rejected: str) -> None:
    sifted = sift([tlsa("3 1 1"), tlsa("3 1 2")], digests)
    assert texts(sifted.usable) == left
    assert sifted.rejected == (rejected,)


def test_duplicates_go_and_the_order_never_depends_on_the_answer() -> None:
    records = [tlsa("3 1 1"), tlsa("2 0 1"), tlsa("3 1 1"), tlsa("0 0 1")]
    forward, backward = sift(records), sift(reversed(records))
    assert forward == backward
    assert texts(forward.records) == ["0 0 1", "2 0 1", "3 1 1"]


def test_a_huge_rrset_is_cut_but_never_to_unusable() -> None:
    useless = [tlsa("0 0 1", index.to_bytes(32, "big")) for index in range(MAX_RECORDS * 3)]
    good = tlsa("3 1 1")
    sifted = sift([*useless, good])
    assert sifted.usable == (good,)
    assert len(sifted.records) == MAX_RECORDS
    assert good in sifted.records
    assert sifted.rejected[-1] == f"there are {MAX_RECORDS * 3 + 1} records, more than {MAX_RECORDS}"


RECORDS = st.builds(
    TlsaRecord,
    st.one_of(st.integers(0, 4), st.integers(0, 255)),
    st.one_of(st.integers(0, 2), st.integers(0, 255)),
    st.one_of(st.integers(0, 3), st.integers(0, 255)),
    st.one_of(st.binary(max_size=80), st.sampled_from([D256, D512, CERT, SPKI, CERT[:-1], SPKI + b"\x00"])),
)


@given(st.lists(RECORDS, max_size=20))
def test_any_rrset_is_sifted(records: list[TlsaRecord]) -> None:
    sifted = sift(records)
    assert sifted == sift(reversed(records))
    assert set(sifted.records) == set(records)
    assert list(sifted.records) == sorted(sifted.records, key=lambda r: (r.usage, r.selector, r.matching_type, r.data))
    assert set(sifted.usable) <= set(sifted.records)
    assert all(record.usage in (2, 3) and unusable(record) is None for record in sifted.usable)
    assert bool(sifted.usable) == any(unusable(record) is None for record in records)
    assert len(sifted.rejected) == len(sifted.records) - len(sifted.usable)
    for record in sifted.usable:
        same = {r.matching_type for r in sifted.usable if (r.usage, r.selector) == (record.usage, record.selector)}
        assert len(same & set(DIGESTS)) <= 1


@given(st.sampled_from([0, 1]), st.data())
def test_a_damaged_certificate_or_key_never_raises(selector: int, data: st.DataObject) -> None:
    whole = bytearray((CERT, SPKI)[selector])
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert unusable(TlsaRecord(3, selector, 0, bytes(whole))) in (
        None,
        f"its data is no {('certificate', 'public key')[selector]}",
    )
