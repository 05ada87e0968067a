"""What EHLO lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.delivery.smtp.capabilities import MAX_KEYWORDS, NO_CAPABILITIES, Capabilities, parse_capabilities


@pytest.mark.rfc(5321, "4.1.1.1")
@pytest.mark.rfc(8689, "2")
def test_all_of_them() -> None:
    lines = [
        "STARTTLS",
        "pipelining",
        "Size 1000",
        "8BITMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
        "REQUIRETLS",
        "X-Y z",
    ]
    found = parse_capabilities(lines)
    assert found == Capabilities(
        keywords=frozenset({*(line.split()[0].upper() for line in lines)}),
        size=1000,
        starttls=True,
        pipelining=True,
        eight_bit_mime=True,
        smtp_utf8=True,
        enhanced_status_codes=True,
        require_tls=True,
    )


@pytest.mark.rfc(3030, "2")
@pytest.mark.parametrize(("lines", "chunking"), [(["CHUNKING"], False), (["chunking", "PIPELINING"], True)])
def test_chunking_is_of_use_with_pipelining_only(lines: list[str], chunking: bool) -> None:
    assert parse_capabilities(lines).chunking is chunking


@pytest.mark.rfc(3207, "4.2")
def test_no_starttls_within_tls() -> None:
    found = parse_capabilities(["STARTTLS", "SIZE"], within_tls=True)
    assert not found.starttls
    assert found.keywords == {"SIZE"}


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("SIZE", None),
        ("SIZE 0", None),
        ("SIZE 12345 more", 12345),
        ("SIZE -1", None),
        ("SIZE ٣", None),
        ("SIZE " + "9" * 20, int("9" * 20)),
        ("SIZE " + "9" * 21, None),
    ],
)
@pytest.mark.rfc(1870, "4")
def test_size(line: str, size: int | None) -> None:
    found = parse_capabilities([line, "SIZE 7"])
    assert found.size == size
    assert "SIZE" in found.keywords


@pytest.mark.parametrize("line", ["", "   ", "-X", "=AUTH", "X_Y", "Ä", "X" * 65])
def test_no_keyword(line: str) -> None:
    assert parse_capabilities([line]) == NO_CAPABILITIES


def test_bounded() -> None:
    assert len(parse_capabilities(f"X{n}" for n in range(500)).keywords) == MAX_KEYWORDS


@given(st.lists(st.text()))
def test_any_lines(lines: list[str]) -> None:
    assert len(parse_capabilities(lines).keywords) <= len(lines)
