import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.dns.answer import MxRecord, RecordType, TlsaRecord, TxtRecord
from tlswitness.lab.dnsreply import Conduct, parse_query, question_of, reply_to
from tlswitness.lab.zone import (
    BOGUS,
    Cname,
    Failing,
    HungUp,
    Malformed,
    NeverWhole,
    Records,
    Reply,
    Silent,
    Stuffed,
    Truncated,
    WrongId,
    WrongName,
    Zone,
)


def ask(
    zone: Zone,
    name: str,
    rtype: str = "A",
    *,
    conduct: Conduct = Conduct.VALIDATING,
    tcp: bool = False,
    do: bool = True,
    ad: bool = True,
) -> dns.message.Message:
    query = dns.message.make_query(name, rtype, want_dnssec=do)
    query.flags |= dns.flags.AD if ad else 0
    data = reply_to(query, zone, conduct, tcp=tcp)
    assert data is not None
    response = dns.message.from_wire(data)
    assert response.id == query.id
    assert response.question == query.question
    assert response.flags & dns.flags.RA
    return response


@pytest.fixture
def zone() -> Zone:
    zone = Zone()
    zone.address("secure.example", "192.0.2.1")
    zone.address("insecure.example", "192.0.2.2", secure=False)
    zone.alias("alias.example", "Insecure.example")
    zone.set("bogus.example", RecordType.A, BOGUS)
    return zone


def ad(message: dns.message.Message) -> bool:
    return bool(message.flags & dns.flags.AD)


def types(message: dns.message.Message) -> list[str]:
    return [dns.rdatatype.to_text(rrset.rdtype) for rrset in message.answer]


@pytest.mark.parametrize(
    ("rtype", "record", "text"),
    [
        ("A", "192.0.2.1", "192.0.2.1"),
        ("AAAA", "2001:db8::1", "2001:db8::1"),
        ("MX", MxRecord(10, "server.EcTest.OMNITI.com"), "10 server.EcTest.OMNITI.com."),
        ("MX", MxRecord(0, ""), "0 ."),
        ("MX", MxRecord(0, "bad name.example"), "0 bad\\032name.example."),
        ("TLSA", TlsaRecord(9, 8, 7, b"\xab"), "9 8 7 ab"),
        ("TXT", TxtRecord((b"a", b"\xff")), '"a" "\\255"'),
        ("SOA", "a. b. 1 2 3 4 5", "a. b. 1 2 3 4 5"),
        ("CNAME", "Target.example", "Target.example."),
    ],
)
def test_records_arrive_as_entered(rtype: str, record: object, text: str) -> None:
    zone = Zone()
    zone.set("ectest.omniti.com", RecordType(rtype), Records((record,)))  # type: ignore[arg-type]
    message = ask(zone, "ectest.omniti.com", rtype)
    assert message.answer[0][0].to_text() == text
    assert types(message) == [rtype, "RRSIG"]


@pytest.mark.rfc(7672, "2.1.3")
@pytest.mark.parametrize(
    ("name", "rtype", "secure", "rcode"),
    [
        ("secure.example", "A", True, "NOERROR"),
        ("secure.example", "TXT", True, "NOERROR"),
        ("insecure.example", "A", False, "NOERROR"),
        ("x.insecure.example", "A", False, "NXDOMAIN"),
        ("x.secure.example", "A", True, "NXDOMAIN"),
        ("alias.example", "A", False, "NOERROR"),
        ("alias.example", "TXT", False, "NOERROR"),
        ("alias.example", "CNAME", True, "NOERROR"),
        ("bogus.example", "A", False, "SERVFAIL"),
        ("home.arpa", "SOA", False, "NOERROR"),
        (".", "SOA", True, "NOERROR"),
        (".", "DNSKEY", True, "NOERROR"),
        ("secure.example", "TYPE65280", True, "NOERROR"),
    ],
)
def test_a_validating_resolver(zone: Zone, name: str, rtype: str, secure: bool, rcode: str) -> None:
    message = ask(zone, name, rtype)
    assert (ad(message), dns.rcode.to_text(message.rcode())) == (secure, rcode)
    assert not ad(ask(zone, name, rtype, do=False, ad=False))
    assert "RRSIG" not in types(ask(zone, name, rtype, do=False))


@pytest.mark.parametrize(
    ("conduct", "secure", "insecure", "signatures"),
    [
        (Conduct.VALIDATING, True, False, True),
        (Conduct.AD_NEVER, False, False, True),
        (Conduct.AD_ALWAYS, True, True, True),
        (Conduct.STRIP_DO, False, False, False),
    ],
)
def test_other_conduct(zone: Zone, conduct: Conduct, secure: bool, insecure: bool, signatures: bool) -> None:
    message = ask(zone, "secure.example", conduct=conduct)
    assert (ad(message), "RRSIG" in types(message)) == (secure, signatures)
    assert ad(ask(zone, "insecure.example", conduct=conduct)) is insecure
    assert message.answer[0][0].to_text() == "192.0.2.1"


def test_a_resolver_that_cannot_validate(zone: Zone) -> None:
    conduct = Conduct.SERVFAIL_SIGNED
    assert ask(zone, "secure.example", conduct=conduct).rcode() == dns.rcode.SERVFAIL
    assert ask(zone, ".", "SOA", conduct=conduct).rcode() == dns.rcode.SERVFAIL
    assert ask(zone, "insecure.example", conduct=conduct).rcode() == dns.rcode.NOERROR
    assert ask(zone, "bogus.example", conduct=conduct).options[0].to_text().startswith("EDE 6")


def test_a_resolver_that_is_cut_off(zone: Zone) -> None:
    for name in ("secure.example", "insecure.example", "nosuch.example"):
        message = ask(zone, name, conduct=Conduct.CUT)
        assert (message.rcode(), message.options[0].to_text()[:6]) == (dns.rcode.SERVFAIL, "EDE 22")


def test_a_chain(zone: Zone) -> None:
    assert types(ask(zone, "alias.example")) == ["CNAME", "A"]
    zone.alias("loop.example", "loop.example")
    assert types(ask(zone, "loop.example", "TXT")) == ["CNAME", "RRSIG"]
    zone.set("half.example", RecordType.CNAME, Cname("secure.example", finished=False))
    assert types(ask(zone, "half.example")) == ["CNAME", "RRSIG"]
    zone.alias("broken.example", "bogus.example")
    assert ask(zone, "broken.example").rcode() == dns.rcode.SERVFAIL
    zone.alias("mute.example", "silent.example")
    zone.set("silent.example", RecordType.A, Silent())
    assert ask(zone, "mute.example").rcode() == dns.rcode.SERVFAIL
    zone.alias("deep.example", "tc.example")
    zone.set("tc.example", RecordType.A, Truncated(Records(("192.0.2.9",))))
    assert "A" in types(ask(zone, "deep.example"))


def test_truncation(zone: Zone) -> None:
    zone.set("tc.example", RecordType.A, Truncated(Records(("192.0.2.1",))))
    assert ask(zone, "tc.example").flags & dns.flags.TC
    assert types(ask(zone, "tc.example", tcp=True)) == ["A", "RRSIG"]
    zone.txt("big.example", "x" * 3000)
    assert ask(zone, "big.example", "TXT").flags & dns.flags.TC
    assert types(ask(zone, "big.example", "TXT", tcp=True)) == ["TXT", "RRSIG"]


@pytest.mark.parametrize("rcode", ["NOTIMP", "REFUSED", "FORMERR", "YXDOMAIN", "BADVERS"])
def test_errors_by_name(zone: Zone, rcode: str) -> None:
    zone.set("f.example", RecordType.A, Failing(rcode, 21, "no"))
    message = ask(zone, "f.example")
    assert message.rcode() == dns.rcode.from_text(rcode)
    assert len(message.options) == 1


@pytest.mark.parametrize("reply", [Silent(), Malformed(), WrongId()])
def test_no_usable_answer(reply: Reply) -> None:
    zone = Zone()
    zone.set("x.example", RecordType.A, reply)
    query = dns.message.make_query("x.example", "A")
    data = reply_to(query, zone, Conduct.VALIDATING, tcp=False)
    match reply:
        case Silent():
            assert data is None
        case WrongId():
            assert data is not None
            assert dns.message.from_wire(data).id != query.id
        case _:
            assert data is not None
            with pytest.raises(dns.exception.DNSException):
                dns.message.from_wire(data)


@given(st.binary(max_size=60))
def test_no_query_raises(data: bytes) -> None:
    query = parse_query(data)
    if query is not None:
        question_of(query)
        reply_to(query, Zone(), Conduct.VALIDATING, tcp=False)


def test_responses_are_not_answered() -> None:
    query = dns.message.make_query("x.example", "A")
    assert parse_query(query.to_wire()) is not None
    assert parse_query(dns.message.make_response(query).to_wire()) is None
    assert parse_query(b"junk") is None


WHERE = ("here.example", RecordType.A)


@pytest.mark.parametrize(
    ("reply", "udp", "tcp"),
    [
        (NeverWhole(), "TC", "TC"),
        (HungUp(), "TC", ""),
        (Stuffed(("192.0.2.1",), signatures=3, additional=2), "TC", "4+2"),
        (WrongName(("192.0.2.1",)), "1+1", "1+1"),
    ],
)
def test_answers_that_mislead(zone, reply, udp, tcp):
    zone.set(*WHERE, reply)
    assert [looks(zone, tcp=False), looks(zone, tcp=True)] == [udp, tcp]


def looks(zone: Zone, *, tcp: bool) -> str:
    """TC, or the number of records in the answer and in the additional section; "" is a closed connection."""
    query = dns.message.make_query(*map(str, WHERE), want_dnssec=True)
    data = reply_to(query, zone, Conduct.VALIDATING, tcp=tcp)
    if not data:
        assert data == b""
        return ""
    message = dns.message.from_wire(data, one_rr_per_rrset=True)
    opt = 1 if message.edns >= 0 else 0
    return "TC" if message.flags & dns.flags.TC else f"{len(message.answer)}+{len(message.additional) + opt}"


def test_records_of_another_name(zone):
    zone.set(*WHERE, WrongName(("192.0.2.1",)))
    response = ask(zone, "here.example")
    assert [rrset.name.to_text() for rrset in response.answer] == ["other.invalid."]
    assert ad(response)
