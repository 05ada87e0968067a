from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.lab.policyhost import policy_text
from tlswitness.names import Domain
from tlswitness.policy.sts.entry import MAGIC, Entry, decode, encode
from tlswitness.policy.sts.grammar import parse_policy
from tlswitness.policy.sts.model import StsPolicy


def make(body: bytes = policy_text("mx.example.com"), fetched_at: int = 1_767_225_600) -> Entry:
    policy = parse_policy(body)
    assert isinstance(policy, StsPolicy)
    return Entry(Domain("example.com"), "20260101", policy, body, fetched_at, fetched_at + 3600)


def sealed(rest: bytes) -> bytes:
    return f"{MAGIC}\nsha256: {hashlib.sha256(rest).hexdigest()}\n".encode() + rest


def test_people_can_read_it() -> None:
    lines = encode(make()).decode().splitlines()
    assert lines[0] == "tlswitness MTA-STS policy, format 1"
    assert lines[2:7] == [
        "domain: example.com",
        "id: 20260101",
        "fetched: 2026-01-01T00:00:00Z",
        "last used: 2026-01-01T01:00:00Z",
        "",
    ]
    assert lines[7:] == ["version: STSv1", "mode: enforce", "mx: mx.example.com", "max_age: 604800"]


@given(
    st.integers(0, 4_000_000_000),
    st.integers(0, 31_557_600),
    st.from_regex(r"x[a-z]{0,5}: [a-zß]{1,20}", fullmatch=True),
)
def test_what_is_written_is_read(fetched_at: int, max_age: int, extra: str) -> None:
    entry = make(policy_text("*.example.com", max_age=max_age) + f"{extra}\r\n".encode(), fetched_at)
    assert decode(encode(entry)) == entry


@pytest.mark.rfc(8461, "3.2")
def test_the_lifetime_counts_from_the_fetch() -> None:
    entry = make(policy_text("mx.example.com", max_age=60))
    assert not entry.expired(entry.fetched_at)
    assert not entry.expired(entry.fetched_at + 59.9)
    assert entry.expired(entry.fetched_at + 60)
    assert make(policy_text("mx.example.com", max_age=0)).expired(1_767_225_600)


@given(st.data())
def test_a_spoilt_file_is_refused(data: st.DataObject) -> None:
    good = encode(make())
    cut = data.draw(st.integers(0, len(good) - 1))
    assert isinstance(decode(good[:cut]), str)
    spoilt = bytearray(good)
    spoilt[cut] ^= data.draw(st.integers(1, 255))
    assert isinstance(decode(bytes(spoilt)), str)


@given(st.binary(max_size=300))
def test_any_octets_are_refused_with_a_reason(octets: bytes) -> None:
    assert isinstance(decode(octets), str)
    assert isinstance(decode(sealed(octets)), str)


HEAD = "domain: {domain}\nid: {id}\nfetched: {fetched}\nlast used: 2026-01-01T00:00:00Z\n\n"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"domain": "../../etc/passwd"}, "domain"),
        ({"domain": "Example.com"}, "domain"),
        ({"domain": "a..b"}, "domain"),
        ({"id": "x-y"}, "header"),
        ({"fetched": "yesterday"}, "time"),
        ({"fetched": "2026-13-01T00:00:00Z"}, "time"),
        ({"body": "mode: enforce\r\n"}, "policy is invalid"),
    ],
)
def test_a_sealed_file_that_says_nonsense_is_refused(change: dict[str, str], reason: str) -> None:
    facts = {"domain": "example.com", "id": "1", "fetched": "2026-01-01T00:00:00Z"} | change
    body = facts.get("body", policy_text("mx.example.com").decode())
    found = decode(sealed((HEAD.format(**facts) + body).encode()))
    assert isinstance(found, str)
    assert reason in found
