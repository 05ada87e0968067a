import pytest

from tlswitness.dns.answer import MxRecord, RecordType, TlsaRecord, TxtRecord
from tlswitness.lab.zone import BOGUS, NODATA, Cname, Failing, Missing, Records, Reply, Truncated, Zone, insecure

A, AAAA, MX, TXT = RecordType.A, RecordType.AAAA, RecordType.MX, RecordType.TXT


@pytest.fixture
def zone() -> Zone:
    zone = Zone()
    zone.mx("Example.com", (10, "Mx.Example.com."), (20, "mx2.example.com"))
    zone.address("mx.example.com", "192.0.2.1", "2001:db8::1")
    zone.address("plain.example", "192.0.2.2", secure=False)
    zone.alias("www.example.com", "Plain.example")
    zone.set("down.example", None, BOGUS)
    return zone


@pytest.mark.parametrize(
    ("name", "rtype", "reply"),
    [
        ("EXAMPLE.com.", MX, Records((MxRecord(10, "Mx.Example.com"), MxRecord(20, "mx2.example.com")))),
        ("mx.example.com", A, Records(("192.0.2.1",))),
        ("mx.example.com", AAAA, Records(("2001:db8::1",))),
        ("plain.example", AAAA, Missing(name=False, secure=False)),
        ("www.example.com", A, Cname("Plain.example")),
        ("www.example.com", RecordType.CNAME, Cname("Plain.example")),
        ("down.example", TXT, BOGUS),
        ("down.example", None, BOGUS),
        ("example.com", TXT, NODATA),
        ("plain.example", TXT, Missing(name=False, secure=False)),
        ("com", A, NODATA),
        ("_25._tcp.plain.example", RecordType.TLSA, Missing(secure=False)),
        ("_25._tcp.mx.example.com", RecordType.TLSA, Missing()),
        ("unknown.example", A, Missing()),
        ("", A, Missing()),
    ],
)
def test_what_a_name_answers(zone: Zone, name: str, rtype: RecordType | None, reply: Reply) -> None:
    assert zone.find(name, rtype) == reply


def test_tlsa_and_txt(zone: Zone) -> None:
    record = TlsaRecord(3, 1, 1, bytes(32))
    zone.tlsa("mx.example.com", record, port=2525)
    assert zone.find("_2525._tcp.mx.example.com", RecordType.TLSA) == Records((record,))
    assert zone.find("_tcp.mx.example.com", A) == NODATA
    zone.txt("t.example", "a" * 300, "")
    assert zone.find("t.example", TXT) == Records((TxtRecord((b"a" * 255, b"a" * 45)), TxtRecord((b"",))))


def test_changes(zone: Zone) -> None:
    zone.change(lambda key: key[0].endswith("example.com"), insecure)
    assert zone.find("example.com", TXT) == Missing(name=False, secure=False)
    zone.change(lambda key: key[1] is A, lambda _: Failing())
    assert zone.find("mx.example.com", A) == Failing()
    zone.remove("mx.example.com", A)
    assert zone.find("mx.example.com", A) == Missing(name=False, secure=False)
    zone.remove("mx.example.com")
    assert not zone.has("mx.example.com")
    assert zone.has("Example.com.")


def test_an_alias_stands_under_cname_only(zone: Zone) -> None:
    with pytest.raises(ValueError, match="CNAME"):
        zone.set("x.example", A, Cname("y.example"))
    zone.set("x.example", RecordType.CNAME, BOGUS)
    zone.set("x.example", A, Records(("192.0.2.3",)))
    assert zone.find("x.example", A) == Records(("192.0.2.3",))
    assert zone.find("x.example", TXT) == NODATA
    zone.set("z.example", RecordType.CNAME, Truncated(Cname("y.example")))
    assert zone.find("z.example", TXT) == Truncated(Cname("y.example"))
    assert insecure(BOGUS) == BOGUS


def test_a_domain_is_withdrawn_with_all_below_it():
    zone = Zone()
    zone.mx("example.test", (10, "mx.example.test"))
    zone.address("mx.Example.test", "127.0.0.1")
    zone.address("another-example.test", "127.0.0.2")
    zone.withdraw("example.test.")
    assert not zone.has("example.test")
    assert not zone.has("mx.example.test")
    assert zone.has("another-example.test")
