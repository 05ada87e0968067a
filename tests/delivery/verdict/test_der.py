"""The public key of a certificate, octet for octet."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.delivery.verdict.der import subject_public_key_info
from tlswitness.lab.authority import KeyKind


@pytest.mark.rfc(7671, "5.1")
@pytest.mark.parametrize("key", list(KeyKind))
def test_it_is_what_the_library_writes(key, authority):
    issued = authority.issue(["mx.example.com"], key=key)
    expected = issued.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert subject_public_key_info(issued.der) == expected


@pytest.mark.parametrize(
    "data",
    [b"", b"\x30", b"\x30\x00", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x30\x89" + bytes(9), b"\x02\x01\x00"],
)
def test_what_is_no_certificate_has_none(data):
    assert subject_public_key_info(data) is None


def test_a_key_that_no_library_knows_is_found_all_the_same():
    spki = b"\x30\x06\x30\x02\x05\x00\x03\x00"
    tbs = b"\xa0\x03\x02\x01\x02\x02\x01\x01\x30\x00\x30\x00\x30\x00\x30\x00" + spki
    certificate = bytes([0x30, len(tbs) + 2, 0x30, len(tbs)]) + tbs
    assert subject_public_key_info(certificate) == spki


@given(st.binary(max_size=300))
def test_random_octets_never_raise(data):
    found = subject_public_key_info(data)
    assert found is None or found in data
