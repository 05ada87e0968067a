"""Addresses cannot smuggle anything into a command."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.delivery.smtp.address import MAX_ADDRESS, BadAddress, path
from tlswitness.delivery.smtp.capabilities import NO_CAPABILITIES, Capabilities

UTF8 = Capabilities(smtp_utf8=True)


@pytest.mark.parametrize(
    ("address", "octets"),
    [
        ("", b"<>"),
        ("Postmaster", b"<Postmaster>"),
        ("a@b.example", b"<a@b.example>"),
        ("a..b.@b.example", b"<a..b.@b.example>"),
        ('"a b>\\""@b.example', b'<"a b>\\""@b.example>'),
        ("a@[192.0.2.1]", b"<a@[192.0.2.1]>"),
        ("a@[IPv6:2001:db8::1]", b"<a@[IPv6:2001:db8::1]>"),
        ("a+b=c/d@b.example", b"<a+b=c/d@b.example>"),
        ("a@grüße.example", b"<a@xn--gre-6ka8l.example>"),
    ],
)
@pytest.mark.rfc(5321, "4.1.2")
def test_good(address: str, octets: bytes) -> None:
    assert path(address, NO_CAPABILITIES) == octets


@pytest.mark.parametrize(
    "address",
    [
        "a@b\r\nDATA",
        "a@b\n",
        "a\r@b",
        "a\0@b",
        "a@b> SIZE=1",
        "a>@b",
        "<a@b>",
        "a b@c",
        "a@b c",
        "a@",
        "@b",
        "a",
        "a@b@c",
        "a,b@c",
        "@relay:a@b",
        '"a\r\n"@b',
        '"a\\\r"@b',
        '"a"b"@c',
        "a@[1.2.3.4",
        "a@[1\r\n]",
        "a\x85@b",
        "a\u2028@b",
        "a\ud800@b",
        "a" * MAX_ADDRESS + "@b",
    ],
)
def test_bad(address: str) -> None:
    for capabilities in (NO_CAPABILITIES, UTF8):
        assert isinstance(path(address, capabilities), BadAddress)


@pytest.mark.rfc(6531, "3.3")
def test_beyond_ascii() -> None:
    assert path("grüße@grüße.example", UTF8) == "<grüße@grüße.example>".encode()
    refused = path("grüße@b.example", NO_CAPABILITIES)
    assert isinstance(refused, BadAddress)
    assert refused.needs_utf8
    assert isinstance(path("a@\u00ad.example", NO_CAPABILITIES), BadAddress)


@given(st.text())
def test_any_text(address: str) -> None:
    for capabilities in (NO_CAPABILITIES, UTF8):
        octets = path(address, capabilities)
        if isinstance(octets, bytes):
            assert not any(octet < 0x20 or octet == 0x7F for octet in octets)
