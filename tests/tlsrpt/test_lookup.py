"""Asking DNS for the TLSRPT record."""

import pytest

from tlswitness.dns.answer import Alias, Denial, Denied, Found, LookupFailed, RecordType, Security, TxtRecord
from tlswitness.lab.fakes import FakeResolver
from tlswitness.names import Domain, parse_domain
from tlswitness.tlsrpt import InvalidRecord, NoRecord, RecordLookupFailed, SeveralRecords, TlsrptRecord, find_record

NAME = "_smtp._tls.example.com"
DOMAIN = Domain("example.com")
TEXT = "v=TLSRPTv1; rua=mailto:a%21b@example.com"


async def found(*strings: bytes):
    resolver = FakeResolver({(NAME, RecordType.TXT): Found((TxtRecord(strings),), Security.INSECURE, 300)})
    return await find_record(resolver, DOMAIN)


@pytest.mark.rfc(8460, "3")
@pytest.mark.parametrize(
    ("given_domain", "name"),
    [
        ("example.com", NAME),
        ("Sub.EXAMPLE.com.", "_smtp._tls.sub.example.com"),
        ("bücher.example", "_smtp._tls.xn--bcher-kva.example"),
    ],
)
async def test_the_name_asked_for(given_domain, name):
    resolver = FakeResolver()
    assert await find_record(resolver, parse_domain(given_domain)) == NoRecord()
    assert resolver.questions == [(name, RecordType.TXT)]


@pytest.mark.rfc(8460, "3")
@pytest.mark.parametrize("at", range(1, len(TEXT)))
async def test_strings_are_joined_without_blanks(at):
    record = await found(TEXT[:at].encode(), TEXT[at:].encode())
    assert isinstance(record, TlsrptRecord)
    assert record.rua[0].address == "a!b@example.com"
    assert record.text == TEXT


@pytest.mark.rfc(8460, "3")
async def test_a_record_behind_an_alias():
    resolver = FakeResolver()
    alias = (Alias(NAME, "tlsrpt.provider.example"),)
    resolver.set(NAME, RecordType.TXT, Found((TxtRecord((TEXT.encode(),)),), Security.INSECURE, 300, alias))
    assert isinstance(await find_record(resolver, DOMAIN), TlsrptRecord)


@pytest.mark.rfc(8460, "3")
async def test_several_records_and_foreign_ones():
    resolver = FakeResolver()
    resolver.add_txt(NAME, TEXT, TEXT)
    assert isinstance(await find_record(resolver, DOMAIN), SeveralRecords)
    resolver.add_txt(NAME, TEXT, "v=spf1 -all")
    assert isinstance(await find_record(resolver, DOMAIN), TlsrptRecord)
    resolver.add(NAME, RecordType.TXT, "no text record", TxtRecord((TEXT.encode(),)))
    assert isinstance(await find_record(resolver, DOMAIN), TlsrptRecord)


async def test_octets_beyond_ascii():
    assert isinstance(await found(b"v=TLSRPTv1; rua=mailto:\xff@example.com"), InvalidRecord)
    assert isinstance(await found(TEXT.encode() + b"; x=\xff"), TlsrptRecord)


@pytest.mark.parametrize("denial", Denial)
async def test_a_denial_means_none(denial):
    resolver = FakeResolver({(NAME, RecordType.TXT): Denied(denial, Security.SECURE, 300)})
    assert await find_record(resolver, DOMAIN) == NoRecord()


@pytest.mark.rfc(8460, "7")
@pytest.mark.parametrize("code", ["SERVFAIL", "SERVFAIL EDE 6", "timeout"])
async def test_a_failed_lookup_is_no_answer(code):
    resolver = FakeResolver()
    resolver.fail(NAME, RecordType.TXT, code)
    assert await find_record(resolver, DOMAIN) == RecordLookupFailed(LookupFailed(Security.FAILED, code))


async def test_a_domain_too_long_for_the_record_has_none():
    resolver = FakeResolver()
    domain = parse_domain(".".join(["a" * 49] * 5))
    assert await find_record(resolver, domain) == NoRecord()
    assert resolver.questions == []
