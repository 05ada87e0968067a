"""Recipients sorted by where they go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.delivery.outcome import Failed
from tlswitness.delivery.smtp.address import BadAddress, path
from tlswitness.delivery.smtp.capabilities import Capabilities
from tlswitness.engine.recipients import ToDomain, ToLiteral, sort_out


@pytest.mark.parametrize(
    ("given_", "address", "domain"),
    [
        ("a@example.com", "a@example.com", "example.com"),
        ("A@Example.COM", "A@Example.COM", "example.com"),
        ('"a@b"@example.com', '"a@b"@example.com', "example.com"),
        ("a@bücher.example", "a@xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a@BÜCHER.example", "a@xn--bcher-kva.example", "xn--bcher-kva.example"),
        # RFC 6531: with such a local part SMTPUTF8 is needed anyway, and the domain stays as it is.
        ("ä@bücher.example", "ä@bücher.example", "xn--bcher-kva.example"),
        ("ä@example.com", "ä@example.com", "example.com"),
    ],
)
def test_to_a_domain(given_, address, domain):
    assert sort_out(given_) == ToDomain(given_, address, domain)


@pytest.mark.rfc(8461, "3.4")
@pytest.mark.parametrize(
    ("literal", "ip"),
    [
        ("[192.0.2.1]", "192.0.2.1"),
        ("[IPv6:2001:DB8::1]", "2001:db8::1"),
        ("[ipv6:2001:db8::1]", "2001:db8::1"),
        ("[IPv6:::ffff:192.0.2.1]", "192.0.2.1"),
    ],
)
def test_to_an_address(literal, ip):
    assert sort_out(f"a@{literal}") == ToLiteral(f"a@{literal}", f"a@{literal}", ip)


@pytest.mark.parametrize(
    ("given_", "status", "words"),
    [
        ("", "5.1.3", "'' is not an address: it needs a local part, an @ and a domain"),
        ("postmaster", "5.1.3", "it needs a local part, an @ and a domain"),
        ("@example.com", "5.1.3", "it needs a local part, an @ and a domain"),
        ("a@", "5.1.2", "it is empty"),
        ("a@-", "5.1.2", "has other than letters, digits and inner hyphens"),
        ("a@192.0.2.1", "5.1.2", "it looks like an IP address"),
        ('"a@b"', "5.1.2", "is not a host name"),
        ("a@b@example.com", "5.1.3", "it is no address, or has characters that no address has"),
        ("a b@example.com", "5.1.3", "it is no address, or has characters that no address has"),
        ("a\r\nRCPT TO:<b@example.com", "5.1.3", "it is no address, or has characters that no address has"),
        ("<a@example.com>", "5.1.2", "is not a host name"),
        (f"{'a' * 400}@example.com", "5.1.3", "it is longer than 320 octets"),
        ("a@[192.0.2.1", "5.1.3", "is not an address literal, such as [192.0.2.1] or [IPv6:2001:db8::1]"),
        ("a@[2001:db8::1]", "5.1.3", "is not an address literal"),
        ("a@[IPv6:192.0.2.1]", "5.1.3", "is not an address literal"),
        ("a@[IPv6:fe80::1%eth0]", "5.1.3", "is not an address literal"),
        ("a@[mx.example.com]", "5.1.3", "is not an address literal"),
        ("a@[]", "5.1.3", "is not an address literal"),
    ],
)
def test_to_nowhere(given_, status, words):
    failed = sort_out(given_)
    assert isinstance(failed, Failed)
    assert (failed.recipient, failed.status) == (given_, status)
    assert words in failed.text


@given(st.text(max_size=30) | st.from_regex(r"[a-zä\"@\\. \[\]:]{1,20}@[a-zä.\-\[\]:0-9]{1,20}", fullmatch=True))
def test_any_text_goes_somewhere_or_nowhere(text):
    sorted_out = sort_out(text)
    if not isinstance(sorted_out, Failed):
        line = path(sorted_out.address, Capabilities(smtp_utf8=True))
        assert not isinstance(line, BadAddress)
        assert b"\n" not in line
        assert b"\r" not in line
