"""TLSRPT: the record, and where its URIs lead."""

from __future__ import annotations

from tlswitness.names import parse_domain, parse_host
from tlswitness.tlsrpt.record import (
    MAX_IGNORED,
    MAX_RECORD,
    MAX_RUA,
    InvalidRecord,
    NoRecord,
    SeveralRecords,
    TlsrptRecord,
    parse_records,
)
from tlswitness.tlsrpt.rua import MAX_LOCAL_PART, MAX_URI, HttpsRua, MailRua, UnusableUri, parse_rua
from tools.soak.target import Target, kind, text_of


def attempt_record(data: bytes) -> object:
    outcome = parse_records([part.decode("ascii", "replace") for part in data.split(b"\n")])
    match outcome:
        case TlsrptRecord():
            assert 1 <= len(outcome.rua) <= MAX_RUA
            assert len(set(outcome.rua)) == len(outcome.rua)
            shown = outcome.text
        case InvalidRecord(text=shown):
            assert outcome.reason
        case SeveralRecords(texts=texts):
            assert len(texts) <= MAX_IGNORED
            return "several", len(texts)
        case NoRecord():
            shown = ""
        case _:
            raise AssertionError(kind(outcome))
    assert len(shown) <= MAX_RECORD
    assert all(char == "\t" or " " <= char <= "~" for char in shown)
    assert len(outcome.ignored) <= MAX_IGNORED
    assert all(str(ignored).isprintable() for ignored in outcome.ignored)
    reasons = tuple(sorted({ignored.reason[:20] for ignored in outcome.ignored}))[:3]
    return kind(outcome), len(getattr(outcome, "rua", ())), reasons


def attempt_rua(data: bytes) -> object:
    rua = parse_rua(text_of(data))
    match rua:
        case MailRua():
            assert len(rua.uri) <= MAX_URI
            assert len(rua.local_part.encode()) <= MAX_LOCAL_PART
            assert rua.address.isprintable()
            assert parse_domain(rua.domain) == rua.domain
            assert rua.address.count("@") == 1 or rua.address.startswith('"')
            return "mail", rua.asks_for_fields, rua.address.startswith('"'), rua.local_part.isascii()
        case HttpsRua():
            assert 0 < rua.port < 65_536
            assert rua.target.startswith("/")
            assert rua.target.isascii()
            assert rua.target.isprintable()
            assert " " not in rua.target
            assert not set(rua.host) & set("/@? \r\n")
            return "https", kind(parse_host(rua.host)), rua.port == 443, rua.target == "/"
        case UnusableUri():
            return "unusable", rua.reason[:40]
    raise AssertionError(kind(rua))


RECORD = Target(
    "tlsrpt-record",
    (
        b"v=TLSRPTv1;rua=mailto:reports@example.com",
        b"v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt,mailto:a@b.example ; x=y;",
        b"v=TLSRPTv1;rua=a\nv=TLSRPTv1;rua=mailto:c@d.example",
        b"v=TLSRPTv1; rua=mailto:a@b.example!10m",
    ),
    attempt_record,
    (b"v=TLSRPTv1", b";rua=", b",", b"mailto:", b"https://", b"%2C", b"\n", b"!", b"\\;", b" = "),
)
RUA = Target(
    "tlsrpt-rua",
    (
        b"mailto:reports@example.com?subject=x",
        b"mailto:%22a%20b%22@example.com",
        b"mailto:a%40b@example.com",
        b"https://user@reporting.example.com:8443/v1?x=%20#f",
        b"https://[2001:db8::1]:443/",
        "mailto:gr\u00fc\u00dfe@b\u00fccher.example".encode(),
    ),
    attempt_rua,
    (
        b"mailto:",
        b"https://",
        b"%0d%0a",
        b"%00",
        b"%22",
        b"%25",
        b"%ff",
        b"@",
        b":",
        b"[",
        b"]",
        b"//",
        b"?",
        b"#",
        b"\\",
        b":65536",
    ),
)
