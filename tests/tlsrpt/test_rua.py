"""Where one URI says that reports go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.tlsrpt import HttpsRua, MailRua, UnusableUri, parse_rua
from tlswitness.tlsrpt.rua import MAX_URI

NO_DOMAIN = "the domain of its address is no domain: "


@pytest.mark.rfc(8460, "3")
@pytest.mark.parametrize(
    ("uri", "local_part", "domain", "address"),
    [
        ("mailto:reports@example.com", "reports", "example.com", "reports@example.com"),
        ("MailTo:Reports@Example.COM", "Reports", "example.com", "Reports@example.com"),
        ("mailto:a@x.", "a", "x", "a@x"),
        ("mailto:a@b?subject=x", "a", "b", "a@b"),
        ("mailto:a@b?cc=c@d&body=%0D%0A", "a", "b", "a@b"),
        ("mailto:a@b#c@d", "a", "b", "a@b"),
        ("mailto:a+tls/rpt=x@b", "a+tls/rpt=x", "b", "a+tls/rpt=x@b"),
        ("mailto:a%21b@c", "a!b", "c", "a!b@c"),
        ("mailto:a%2Cb@x", "a,b", "x", '"a,b"@x'),
        ("mailto:a%2cb@x", "a,b", "x", '"a,b"@x'),
        ("mailto:a%3Bb@x", "a;b", "x", '"a;b"@x'),
        ("mailto:a%252Cb@x", "a%2Cb", "x", "a%2Cb@x"),  # decoded once
        ("mailto:a%40x", "a", "x", "a@x"),
        ("mailto:a..b@x", "a..b", "x", '"a..b"@x'),
        ("mailto:%22not%40me%22@example.org", "not@me", "example.org", '"not@me"@example.org'),
        ("mailto:%22a%5C%22%5C%5Cb%20c%22@x", 'a"\\b c', "x", r'"a\"\\b c"@x'),
        ("mailto:%22plain%22@x", "plain", "x", "plain@x"),
        ("mailto:user@b%C3%BCcher.example", "user", "xn--bcher-kva.example", "user@xn--bcher-kva.example"),
        ("mailto:%C3%BC@x", "ü", "x", "ü@x"),
        (f"mailto:{'a' * 64}@x", "a" * 64, "x", f"{'a' * 64}@x"),
    ],
)
def test_mail(uri, local_part, domain, address):
    rua = parse_rua(uri)
    assert rua == MailRua(uri, local_part, domain)
    assert (rua.uri, rua.address) == (uri, address)
    assert rua.asks_for_fields is ("?" in uri)


@pytest.mark.rfc(8460, "3")
@pytest.mark.parametrize(
    ("uri", "host", "port", "target"),
    [
        ("https://reporting.example.com/v1/tlsrpt", "reporting.example.com", 443, "/v1/tlsrpt"),
        ("HTTPS://Reporting.Example.COM", "reporting.example.com", 443, "/"),
        ("https://a.example:8443/x?y=1%3Bb&z#part", "a.example", 8443, "/x?y=1%3Bb&z"),
        ("https://a.example:?q", "a.example", 443, "/?q"),
        ("https://a.example./x", "a.example", 443, "/x"),
        ("https://a.example/a@b:c", "a.example", 443, "/a@b:c"),
        ("https://192.0.2.1/x", "192.0.2.1", 443, "/x"),
        ("https://[2001:DB8::1]:444/x", "2001:db8::1", 444, "/x"),
    ],
)
def test_https(uri, host, port, target):
    rua = parse_rua(uri)
    assert rua == HttpsRua(uri, host, port, target)
    assert rua.uri == uri


@pytest.mark.rfc(8460, "3")
@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("", "it is empty"),
        ("tls@example.com", "it has no scheme: `mailto:` is missing"),
        ("example.com/x", "it has no scheme"),
        (":x", "it has no scheme"),
        ("http://example.com/x", "its scheme is neither mailto nor https"),
        ("ftp://example.com/x", "its scheme is neither mailto nor https"),
        ("mailto: a@b", "it has a blank inside; URIs are separated by commas"),
        ("mailto:a@b\tmailto:c@d", "it has a blank inside; URIs are separated by commas"),
        ("mailto:a@b!10m", "it has a `!`, which must be written as %21; size limits as in DMARC do not exist here"),
        ("mailto:a,b@x", "it has a character that no URI has"),
        ("mailto:<a@x>", "it has a character that no URI has"),
        ('mailto:"a"@x', "it has a character that no URI has"),
        ("mailto:a\\@x", "it has a character that no URI has"),
        ("mailto:a\r\n@x", "it has a character that no URI has"),
        ("mailto:\ufffd@x", "it has a character that no URI has"),
        ("mailto:ü@x", "it has a character that no URI has"),
        ("mailto:a%@x", "it has a `%` without two hexadecimal digits behind it"),
        ("mailto:a%4@x", "it has a `%` without two hexadecimal digits behind it"),
        ("mailto:a%zz@x", "it has a `%` without two hexadecimal digits behind it"),
        ("mailto:", "it has no mail address"),
        ("mailto:0", "it has no mail address"),
        ("mailto:@x", "it has no mail address"),
        ("mailto:?to=a@b", "it has no mail address"),
        ("mailto://a@b", "it has `//` behind `mailto:`, where the address begins"),
        ("mailto:%FFa@x", "its percent-encoding is not UTF-8"),
        ("mailto:%ED%A0%80@x", "its percent-encoding is not UTF-8"),
        ("mailto:a@", f"{NO_DOMAIN}it is empty"),
        ("mailto:a@b..c", f"{NO_DOMAIN}it has an empty label"),
        ("mailto:a@[192.0.2.1]", f"{NO_DOMAIN}it is an address literal"),
        ("mailto:a@192.0.2.1", f"{NO_DOMAIN}it looks like an IP address"),
        ("mailto:a@b%0D%0AX", f"{NO_DOMAIN}the label 'b\\r\\nX' has other than letters, digits and inner hyphens"),
        ("mailto:a@b%2Cc@d", "it has more than one mail address"),
        ("mailto:a%0D%0ABcc%3Ac@x", "its address has control characters"),
        ("mailto:a%00@x", "its address has control characters"),
        ("mailto:%22a%0Ab%22@x", "its address has control characters"),
        ("mailto:%22a%09b%22@x", "its address has control characters"),
        ("mailto:a%C2%85@x", "its address has control characters"),
        ("mailto:a%20b@x", "the local part of its address would have to be quoted"),
        ("mailto:a%22@x", "the local part of its address would have to be quoted"),
        ("mailto:%3Ca@x", "the local part of its address would have to be quoted"),
        (f"mailto:{'a' * 65}@x", "the local part of its address is longer than 64 octets"),
        (f"mailto:{'%C3%BC' * 33}@x", "the local part of its address is longer than 64 octets"),
        ("https:reports.example", "it has no host: it must begin with https://"),
        ("https:/reports.example", "it has no host: it must begin with https://"),
        ("https://", "its host is neither a name nor an address"),
        ("https:///x", "its host is neither a name nor an address"),
        ("https://:443/x", "its host is neither a name nor an address"),
        ("https://a..b/x", "its host is neither a name nor an address"),
        ("https://a%2eb/x", "its host is neither a name nor an address"),
        ("https://1.2.3/x", "its host is neither a name nor an address"),
        ("https://0x7f.1/x", "its host is neither a name nor an address"),
        ("https://[192.0.2.1]/x", "its host is neither a name nor an address"),
        ("https://[::1/x", "its host is neither a name nor an address"),
        ("https://[::1]x/", "its host is neither a name nor an address"),
        ("https://2001:db8::1/x", "its host is neither a name nor an address"),
        ("https://[v1.a]/x", "its host is neither a name nor an address"),
        ("https://a.example:x/", "its host is neither a name nor an address"),
        ("https://a.example:123456/", "its host is neither a name nor an address"),
        ("https://a.example:65536/", "its port is not within 1 and 65535"),
        ("https://a.example:0/", "its port is not within 1 and 65535"),
        ("https://user:secret@a.example/x", "it has a user name before the host"),
        ("https://a.example/[x]", "it has a character that no URI has"),
        ("https://a.example/" + "x" * MAX_URI, f"it is longer than {MAX_URI} characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_used(uri, reason):
    assert parse_rua(uri) == UnusableUri(reason)


def test_equal_where_the_goal_is():
    assert parse_rua("mailto:a@B.example?subject=x") == parse_rua("MAILTO:%61@b.example.")
    assert parse_rua("https://A.example") == parse_rua("https://a.example:443/#x")


@given(
    st.sampled_from(["", "mailto:", "MAILTO:", "https://", "https://[", "https:", "http://"]),
    st.one_of(st.text(), st.text('a@%2C0d:/?#[].,!"\\ \t\ufffd\ud800é', max_size=40)),
)
def test_any_text_is_a_goal_or_refused_with_a_reason(scheme, rest):
    match parse_rua(scheme + rest):
        case UnusableUri(reason=reason):
            assert reason
            reason.encode()
        case MailRua() as rua:
            assert rua.uri == scheme + rest
            assert rua.address.isprintable()
            assert rua.address.endswith(f"@{rua.domain}")
            encoded = "".join(f"%{octet:02X}" for octet in rua.address.encode())
            assert parse_rua(f"mailto:{encoded}") == rua
        case HttpsRua() as rua:
            assert rua.target.isascii()
            assert rua.target.isprintable()
            host = f"[{rua.host}]" if ":" in rua.host else rua.host
            assert parse_rua(f"https://{host}:{rua.port}{rua.target}") == rua
