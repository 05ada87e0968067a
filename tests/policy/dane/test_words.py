"""Failed lookups in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.dns.answer import LookupFailed, RecordType, Security
from tlswitness.policy.dane.words import lookup_words


@pytest.mark.parametrize(
    ("failed", "words"),
    [
        (LookupFailed(Security.FAILED, "timeout"), "timeout"),
        (LookupFailed(Security.FAILED, "SERVFAIL", "127.0.0.1"), "SERVFAIL (127.0.0.1)"),
        (LookupFailed(Security.FAILED, "SERVFAIL", "example.com MX: 127.0.0.1"), "SERVFAIL (127.0.0.1)"),
        (LookupFailed(Security.FAILED, "SERVFAIL", "example.com MX"), "SERVFAIL"),
        (LookupFailed(Security.BOGUS, "SERVFAIL EDE 6"), "SERVFAIL EDE 6; DNSSEC validation failed"),
    ],
)
def test_what_failed_and_how(failed: LookupFailed, words: str) -> None:
    assert lookup_words("example.com", RecordType.MX, failed) == f"the MX lookup of example.com failed: {words}"


@given(st.text())
def test_any_detail_is_safe_to_log(detail: str) -> None:
    words = lookup_words("example.com", RecordType.MX, LookupFailed(Security.FAILED, "SERVFAIL", detail))
    assert words.isprintable()
    assert len(words) < 300
