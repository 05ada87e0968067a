import itertools

import pytest

from tlswitness.dns.answer import Alias, Denial, Denied, Found, MxRecord, Record, RecordType, Security, TlsaRecord
from tlswitness.dns.known import MAX_LINKS, KnownSecure, tlsa_host

TLSA = (TlsaRecord(3, 1, 1, bytes(32)),)
GONE = Denied(Denial.NODATA, Security.SECURE, 60)


def found(*records: Record, chain: tuple[Alias, ...] = ()) -> Found:
    return Found(records, Security.SECURE, 60, chain)


@pytest.fixture
def known() -> KnownSecure:
    memory = KnownSecure()
    memory.learn("example.com", RecordType.MX, found(MxRecord(10, "MX.example.net"), MxRecord(20, "alias.example.org")))
    chain = (Alias("alias.example.org", "mid.example.org"), Alias("mid.example.org", "MX.example.net"))
    memory.learn("alias.example.org", RecordType.A, found("192.0.2.1", chain=chain))
    memory.learn("_25._tcp.mx.example.net", RecordType.TLSA, found(*TLSA))
    return memory


@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.parametrize(
    ("name", "rtype", "protected"),
    [
        ("_25._tcp.mx.example.net", RecordType.TLSA, True),
        ("_587._tcp.mx.example.net", RecordType.TLSA, True),
        ("mx.example.net", RecordType.A, True),
        ("mx.example.net", RecordType.AAAA, True),
        ("mx.example.net", RecordType.CNAME, True),
        ("mx.example.net", RecordType.MX, True),
        ("mx.example.net", RecordType.TXT, False),
        ("alias.example.org", RecordType.AAAA, True),
        ("example.com", RecordType.MX, True),
        ("example.com", RecordType.A, False),
        ("other.example", RecordType.MX, False),
        ("_25._tcp.other.example", RecordType.TLSA, False),
    ],
)
def test_the_whole_way_to_a_host_is_protected(
    known: KnownSecure, name: str, rtype: RecordType, protected: bool
) -> None:
    assert known.protects(name, rtype) is protected


def test_a_domain_is_protected_through_the_alias_of_its_mx(known: KnownSecure) -> None:
    known.learn("example.com", RecordType.MX, found(MxRecord(20, "alias.example.org")))
    assert known.protects("example.com", RecordType.MX)
    known.learn("alias.example.org", RecordType.A, found("192.0.2.1"))
    assert not known.protects("example.com", RecordType.MX)


def test_a_secure_denial_ends_it(known: KnownSecure) -> None:
    known.learn("example.com", RecordType.MX, GONE)
    assert not known.protects("example.com", RecordType.MX)
    known.learn("_25._tcp.mx.example.net", RecordType.TLSA, GONE)
    assert not known.protects("mx.example.net", RecordType.A)
    known.learn("mx.example.net", RecordType.TXT, GONE)


def to(*hosts: str) -> Found:
    return found(*(MxRecord(10, host) for host in hosts))


def at(*names: str) -> Found:
    return found("192.0.2.1", chain=tuple(Alias(owner, target) for owner, target in itertools.pairwise(names)))


@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.parametrize(
    ("name", "rtype", "answer", "given_up"),
    [
        ("_25._tcp.mx.example.net", RecordType.TLSA, found(*TLSA), False),
        ("_25._tcp.mx.example.net", RecordType.TLSA, found(*TLSA, TlsaRecord(3, 1, 1, b"x" * 32)), True),
        ("_25._tcp.mx.example.net", RecordType.TLSA, found(TlsaRecord(3, 1, 1, b"x" * 32)), True),
        ("_587._tcp.mx.example.net", RecordType.TLSA, found(TlsaRecord(3, 1, 1, b"x" * 32)), False),
        ("_25._tcp.mx.example.net", RecordType.TLSA, GONE, True),
        ("_25._tcp.other.example", RecordType.TLSA, GONE, False),
        ("example.com", RecordType.MX, to("alias.example.org", "mx.example.net"), False),
        ("example.com", RecordType.MX, to("MX.example.net"), False),
        ("example.com", RecordType.MX, to("mx.example.net", "evil.example"), True),
        ("example.com", RecordType.MX, to("evil.example"), True),
        ("example.com", RecordType.MX, GONE, True),
        ("other.example", RecordType.MX, to("evil.example"), False),
        ("mx.example.net", RecordType.MX, GONE, False),
        ("mx.example.net", RecordType.MX, to("evil.example"), True),
        ("mx.example.net", RecordType.A, at("mx.example.net", "evil.example"), True),
        ("mx.example.net", RecordType.A, at("mx.example.net"), False),
        ("alias.example.org", RecordType.AAAA, at("alias.example.org", "mid.example.org", "mx.example.net"), False),
        ("alias.example.org", RecordType.A, at("alias.example.org", "mx.example.net"), False),
        ("alias.example.org", RecordType.A, at("alias.example.org", "evil.example"), True),
        ("alias.example.org", RecordType.A, at("alias.example.org"), True),
        ("alias.example.org", RecordType.AAAA, GONE, False),
        ("alias.example.org", RecordType.CNAME, found("mx.example.net"), False),
    ],
)
def test_a_secure_answer_may_give_up_what_is_known(
    known: KnownSecure, name: str, rtype: RecordType, answer: Found | Denied, given_up: bool
) -> None:
    assert known.gives_up(name, rtype, answer) is given_up


def test_what_is_proven_to_be_unsigned_is_forgotten(known: KnownSecure) -> None:
    unsigned = Found((), Security.INSECURE, 60)
    known.unlearn("example.com", RecordType.MX, unsigned)
    assert not known.protects("example.com", RecordType.MX)
    known.unlearn("mx.example.net", RecordType.A, Found((), Security.INSECURE, 60, (Alias("mx.example.net", "far"),)))
    assert known.protects("_25._tcp.mx.example.net", RecordType.TLSA)
    known.unlearn("mx.example.net", RecordType.A, unsigned)
    assert not known.protects("_25._tcp.mx.example.net", RecordType.TLSA)


def test_of_many_records_always_the_same_are_kept() -> None:
    memory = KnownSecure()
    records = [TlsaRecord(3, 1, 1, bytes([number]) * 32) for number in range(2 * MAX_LINKS)]
    memory.learn("_25._tcp.mx.example", RecordType.TLSA, found(*records))
    assert not memory.gives_up("_25._tcp.mx.example", RecordType.TLSA, found(*reversed(records)))


def test_the_order_of_many_exchanges_is_not_the_servers() -> None:
    memory = KnownSecure()
    hosts = [f"h{number}.example" for number in range(2 * MAX_LINKS)]
    memory.learn("d.example", RecordType.MX, to(*hosts))
    memory.learn("_25._tcp.h0.example", RecordType.TLSA, found(*TLSA))
    assert not memory.gives_up("d.example", RecordType.MX, to(*reversed(hosts)))


def test_the_memory_is_bounded() -> None:
    memory = KnownSecure(max_names=3)
    for number in range(5):
        memory.learn(f"_25._tcp.mx{number}.example", RecordType.TLSA, found(*TLSA))
    assert [memory.protects(f"mx{number}.example", RecordType.A) for number in range(5)] == [False] * 2 + [True] * 3
    many = [MxRecord(1, f"h{number}.example") for number in range(MAX_LINKS)]
    memory.learn("d.example", RecordType.MX, found(*many, MxRecord(2, "mx4.example")))
    assert not memory.protects("d.example", RecordType.MX)


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("_25._tcp.mx.example", "mx.example"),
        ("_25._tcp.example", "example"),
        ("mx.example", "mx.example"),
        ("_25.mx.example", "_25.mx.example"),
        ("_25._tcp", "_25._tcp"),
    ],
)
def test_the_host_of_a_tlsa_name(name: str, host: str) -> None:
    assert tlsa_host(name) == host
