"""Names: domains, host names, MX patterns. What is taken for a name is one for DNS and for the TLS library."""

from __future__ import annotations

import ssl

from tlswitness.dns.wire import wire_name
from tlswitness.names import BadName, HostName, MxPattern, parse_domain, parse_host, parse_pattern
from tools.soak.target import Target, kind, text_of

_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def attempt(data: bytes) -> object:
    text = text_of(data)
    host, domain, pattern = parse_host(text), parse_domain(text), parse_pattern(text)
    assert isinstance(host, BadName) == isinstance(domain, BadName)
    match host:
        case HostName():
            assert parse_host(host.text) == host
            assert host.key == domain == host.text.lower()
            assert wire_name(host.key) is not None
            _CONTEXT.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=host.text)
        case BadName():
            assert host.reason
            assert len(str(host)) < 16_384
    if isinstance(pattern, MxPattern):
        assert parse_pattern(str(pattern)) == pattern
        assert isinstance(pattern.matches(pattern.host), bool)
    reasons = tuple(name.reason[:12] for name in (host, pattern) if isinstance(name, BadName))
    return kind(host), kind(pattern), reasons, text.isascii(), text.count(".") > 3


TARGET = Target(
    "names",
    (
        b"mx.example.com",
        b"*.mx.example.com",
        b"xn--bcher-kva.example.",
        "bücher。example".encode(),
        "\u00df\u200d.example".encode(),
        b"_25._tcp.a-b_c.example",
        b"192.0.2.1",
        b"[2001:db8::1]",
        b".".join([b"x" * 63] * 4),
    ),
    attempt,
    (b"xn--", b"*.", b"..", b"-", "\u3002".encode(), b"0x1", b"\x80", b"\x8d", b"x" * 63),
)
