"""Text and addresses of the wider world."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.datapoint.clean import canonical_address, clean_line, clean_text


@pytest.mark.rfc(7493, "2.1")
@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("version: STSv1", "version: STSv1"),
        ("é\t\x00", "é\t\x00"),
        ("a\ud800b", "a\ufffdb"),
        ("\ufdd0\ufdef\ufffe\uffff\U0001ffff\U0010fffe", "\ufffd" * 6),
        ("\ufffd\U0001fffd", "\ufffd\U0001fffd"),
    ],
)
def test_text_becomes_i_json(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


@pytest.mark.parametrize(
    ("text", "limit", "cleaned"),
    [
        ("mx.example.org", 20, "mx.example.org"),
        ("mx.example.org", 4, "mx.e"),
        (" mx \r\n two\x00\x9f ", 20, "mx two"),
        ("\x00\u2028 ", 20, ""),
        ("ééé", 5, "éé"),
        ("\ud800" * 3, 7, "\ufffd\ufffd"),
    ],
)
def test_line_is_printable_and_bounded(text: str, limit: int, cleaned: str) -> None:
    assert clean_line(text, limit) == cleaned


@given(st.text(st.characters()), st.integers(1, 50))
def test_any_line_is_bounded_and_clean_at_once(text: str, limit: int) -> None:
    line = clean_line(text, limit)
    assert len(line.encode()) <= limit
    assert clean_line(line, limit) == line


@pytest.mark.rfc(8460, "4.4")
@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::0001", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("192.0.2.300", None),
        ("mx.example.org", None),
        ("", None),
    ],
)
def test_addresses_have_one_spelling(text: str, canonical: str | None) -> None:
    assert canonical_address(text) == canonical
