"""TLSA RRsets, sifted: nothing usable is lost, nothing unusable counts, and the cut never turns some into none."""

from __future__ import annotations

import hashlib
import re
import time
import warnings

from tlswitness.dns.answer import TlsaRecord
from tlswitness.lab.authority import Authority
from tlswitness.policy.dane.records import MAX_RECORDS, TlsaSet, sift, unusable
from tools.soak.target import Target


def attempt(data: bytes) -> object:
    """Records of length, usage, selector, matching type and so much data."""
    records, rest = [], data
    while len(rest) >= 4:
        length = rest[0] | (256 if rest[1] & 0x80 else 0)
        records.append(TlsaRecord(rest[1] & 0x7F, rest[2], rest[3], rest[4 : 4 + length]))
        rest = rest[4 + length :]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the library thinks of strangers' certificates
        found = sift(records)
        usable = {record for record in records if unusable(record) is None}
    assert set(found.usable) <= usable
    assert bool(found.usable) == bool(usable)
    assert set(found.usable) <= set(found.records) <= set(records)
    assert len(found.records) == min(len(set(records)), MAX_RECORDS)
    assert len(found.rejected) <= MAX_RECORDS + 1
    assert sift(reversed(records)) == found
    for record in found.records:
        assert record.text().isprintable()
    return min(len(found.records), 6), min(len(found.usable), 4), _reasons(found)


def _reasons(found: TlsaSet) -> tuple[str, ...]:
    """Without the numbers that the input chose."""
    return tuple(sorted({re.sub(r"[0-9]+", "", reason.partition(": ")[2]) for reason in found.rejected}))


def _seeds() -> tuple[bytes, ...]:
    issued = Authority(time.time()).issue(["mx.example"])
    digest, strong = hashlib.sha256(b"").digest(), hashlib.sha512(b"").digest()
    der = issued.tlsa(3, 0, 0).data
    spki = issued.tlsa(3, 1, 0).data
    return (
        _packed(3, 1, 1, digest) + _packed(2, 0, 1, digest) + _packed(3, 1, 2, strong),
        _packed(3, 0, 0, der) + _packed(1, 1, 1, digest),
        _packed(2, 1, 0, spki) + _packed(3, 1, 9, b"x"),
    )


def _packed(usage: int, selector: int, matching: int, data: bytes) -> bytes:
    return bytes((len(data) & 0xFF, usage | (0x80 if len(data) > 255 else 0), selector, matching)) + data


TARGET = Target(
    "tlsa", _seeds(), attempt, (bytes((32, 3, 1, 1)), bytes((32, 2, 0, 1)), bytes((64, 3, 1, 2)), b"\x30\x82")
)
