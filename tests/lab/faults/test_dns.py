import pytest

from tlswitness.dns.answer import MxRecord, RecordType, TlsaRecord
from tlswitness.lab.faults.dns import TLSA_REPLIES, spoil
from tlswitness.lab.zone import BOGUS, NODATA, NXDOMAIN, Cname, Failing, Records, Zone

DOMAIN, HOST, ADDRESS = "example.test", "mx.example.test", "127.0.0.1"
RECORD = TlsaRecord(3, 1, 1, bytes(32))
MX, A, AAAA, TLSA, CNAME = RecordType.MX, RecordType.A, RecordType.AAAA, RecordType.TLSA, RecordType.CNAME


def spoilt(fault: str) -> Zone:
    zone = Zone()
    zone.mx(DOMAIN, (10, HOST))
    zone.address(HOST, ADDRESS)
    zone.tlsa(HOST, RECORD)
    spoil(zone, DOMAIN, HOST, ADDRESS, fault)
    return zone


@pytest.mark.parametrize(
    ("fault", "name", "rtype", "reply"),
    [
        ("ok", DOMAIN, MX, Records((MxRecord(10, HOST),))),
        ("ipv6", HOST, A, Records((ADDRESS,))),
        ("mx-insecure", DOMAIN, MX, Records((MxRecord(10, HOST),), secure=False)),
        ("mx-bogus", DOMAIN, MX, BOGUS),
        ("mx-servfail", DOMAIN, MX, Failing()),
        ("null-mx", DOMAIN, MX, Records((MxRecord(0, ""),))),
        ("nxdomain", DOMAIN, MX, NXDOMAIN),
        ("implicit-mx", DOMAIN, MX, NODATA),
        ("bad-mx-name", DOMAIN, MX, Records((MxRecord(5, f"-.{DOMAIN}"), MxRecord(10, HOST)))),
        ("unsigned", DOMAIN, MX, Records((MxRecord(10, HOST),), secure=False)),
        ("unsigned", f"_25._tcp.{HOST}", TLSA, Records((RECORD,), secure=False)),
        ("address-insecure", HOST, A, Records((ADDRESS,), secure=False)),
        ("address-insecure-tlsa-servfail", f"_25._tcp.{HOST}", TLSA, Failing()),
        ("address-bogus", HOST, AAAA, BOGUS),
        ("address-servfail", HOST, A, Failing()),
        ("aaaa-servfail", HOST, AAAA, Failing()),
        ("aaaa-servfail", HOST, A, Records((ADDRESS,))),
        ("tlsa-insecure", f"_25._tcp.{HOST}", TLSA, Records((RECORD,), secure=False)),
        ("mx-alias", HOST, CNAME, Cname(f"real.{DOMAIN}")),
        ("mx-alias", f"_25._tcp.real.{DOMAIN}", TLSA, Records((RECORD,))),
        ("mx-alias-insecure", f"real.{DOMAIN}", A, Records((ADDRESS,), secure=False)),
        ("mx-alias-insecure", f"_25._tcp.{HOST}", TLSA, Records((RECORD,))),
    ],
)
def test_faults(fault, name, rtype, reply):
    assert spoilt(fault).find(name, rtype) == reply


@pytest.mark.parametrize(("fault", "reply"), TLSA_REPLIES.items(), ids=TLSA_REPLIES)
def test_tlsa_replies(fault, reply):
    assert spoilt(fault).find(f"_25._tcp.{HOST}", TLSA) == reply


def test_an_unknown_fault_is_refused():
    with pytest.raises(ValueError, match="no such DNS fault: 'bogos'"):
        spoilt("bogos")
