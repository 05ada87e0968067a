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
