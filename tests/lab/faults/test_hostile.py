"""What each fault does to a client is shown by the lab's scenarios; here: that it is what it says."""

import pytest

from tlswitness.dns.answer import MxRecord, RecordType, TlsaRecord
from tlswitness.lab.faults import hostile
from tlswitness.lab.policyhost import Flood, Serve
from tlswitness.lab.zone import Cname, HungUp, NeverWhole, Records, Stuffed, WrongId, WrongName, WrongQuestion, Zone
from tlswitness.names import BadName, HostName, parse_host
from tlswitness.policy.sts import BadPolicy, StsPolicy, parse_policy

DOMAIN, HOST, ADDRESS = "example.test", "mx.example.test", "127.0.0.1"
RECORD = TlsaRecord(3, 1, 1, bytes(32))
TLSA_NAME = f"_25._tcp.{HOST}"
MX, A, TLSA, TXT = RecordType.MX, RecordType.A, RecordType.TLSA, RecordType.TXT


def spoilt(fault: str) -> Zone:
    zone = Zone()
    zone.mx(DOMAIN, (10, HOST))
    zone.address(HOST, ADDRESS)
    zone.tlsa(HOST, RECORD)
    assert hostile.spoil(zone, DOMAIN, HOST, ADDRESS, fault)
    return zone


@pytest.mark.parametrize(
    ("fault", "name", "rtype", "kind"),
    [
        ("mx-wrong-id", DOMAIN, MX, WrongId),
        ("mx-wrong-question", DOMAIN, MX, WrongQuestion),
        ("mx-wrong-name", DOMAIN, MX, WrongName),
        ("mx-never-whole", DOMAIN, MX, NeverWhole),
        ("mx-hung-up", DOMAIN, MX, HungUp),
        ("mx-stuffed", DOMAIN, MX, Stuffed),
        ("mx-additional", DOMAIN, MX, Stuffed),
        ("tlsa-wrong-id", TLSA_NAME, TLSA, WrongId),
        ("tlsa-hung-up", TLSA_NAME, TLSA, HungUp),
    ],
)
def test_answers_that_mislead(fault, name, rtype, kind):
    assert isinstance(spoilt(fault).find(name, rtype), kind)


@pytest.mark.parametrize(
    ("fault", "name", "rtype"), [("mx-loop", DOMAIN, MX), ("address-loop", HOST, A), ("tlsa-loop", TLSA_NAME, TLSA)]
)
def test_circles(fault, name, rtype):
    zone = spoilt(fault)
    assert follow(zone, name, rtype, 4) == [name, f"_circle.{DOMAIN}"] * 2


@pytest.mark.parametrize(
    ("fault", "name", "rtype", "records"),
    [
        ("mx-chain", DOMAIN, MX, (MxRecord(10, HOST),)),
        ("address-chain", HOST, A, (ADDRESS,)),
        ("tlsa-chain", TLSA_NAME, TLSA, (RECORD,)),
    ],
)
def test_chains(fault, name, rtype, records):
    zone = spoilt(fault)
    names = follow(zone, name, rtype, 100)
    assert len(names) == hostile.CHAIN + 1
    assert zone.find(names[-1], rtype) == Records(records)


def follow(zone: Zone, name: str, rtype: RecordType, most: int) -> list[str]:
    names = [name]
    while len(names) < most and isinstance(reply := zone.find(names[-1], rtype), Cname):
        names.append(reply.target)
    return names


def test_a_crowd():
    reply = spoilt("mx-crowd").find(DOMAIN, MX)
    assert isinstance(reply, Records)
    assert len(reply.records) == hostile.CROWD


@pytest.mark.parametrize(("fault", "good"), [("no-hosts", 2), ("no-hosts-alone", 1)])
def test_names_that_are_none(fault, good):
    reply = spoilt(fault).find(DOMAIN, MX)
    assert isinstance(reply, Records)
    texts = [record.exchange.encode().decode("ascii", "backslashreplace") for record in reply.records]  # as on the wire
    names = [parse_host(text) for text in texts]
    assert sum(isinstance(name, HostName) for name in names) == good
    assert len({name.reason for name in names if isinstance(name, BadName)}) > 4


@pytest.mark.parametrize("fault", ["loop", "chain", "huge"])
def test_txt(fault):
    zone = Zone()
    assert hostile.publish_txt(zone, DOMAIN, "7", fault)
    reply = zone.find(f"_mta-sts.{DOMAIN}", TXT)
    assert isinstance(reply, Records if fault == "huge" else Cname)


def test_policy_hosts():
    assert isinstance(hostile.policy_host("mta-sts.example.test", "header-flood"), Flood)
    loop = hostile.policy_host("mta-sts.example.test", "redirect-loop")
    assert isinstance(loop, Serve)
    assert loop.headers == (("Location", "https://mta-sts.example.test/.well-known/mta-sts.txt"),)


def test_bodies():
    good = b"version: STSv1\nmode: enforce\nmx: mx.example.test\nmax_age: 1\n"
    many = parse_policy(hostile.BODIES["many-mx"](good))
    assert isinstance(many, StsPolicy)
    assert len(many.mx) == hostile.MANY_PATTERNS + 1
    assert isinstance(parse_policy(hostile.BODIES["slow-mx"](good)), BadPolicy)


def test_other_faults_are_left_to_others():
    zone = Zone()
    assert not hostile.spoil(zone, DOMAIN, HOST, ADDRESS, "null-mx")
    assert not hostile.publish_txt(zone, DOMAIN, "7", "absent")
    assert hostile.policy_host("mta-sts.example.test", "silent") is None
