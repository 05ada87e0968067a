import itertools

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest

from tlswitness.dns.answer import (
    Alias,
    Answer,
    Denial,
    Denied,
    Found,
    LookupFailed,
    MxRecord,
    RecordType,
    Security,
    TlsaRecord,
    TxtRecord,
)
from tlswitness.dns.interpret import MAX_CHAIN, MAX_DETAIL, Trail, Unfinished, interpret
from tlswitness.dns.wire import read_reply

AD = dns.flags.AD
SOA = "example. 600 IN SOA a. b. 1 2 3 4 60"


def response(
    answer: list[str],
    *,
    name: str = "www.example.",
    rtype: RecordType = RecordType.A,
    flags: int = AD,
    rcode: int = 0,
    authority: list[str] | None = None,
    errors: list[tuple[int, str]] | None = None,
) -> dns.message.Message:
    message = dns.message.make_response(dns.message.make_query(name, rtype.value), recursion_available=True)
    message.flags |= flags
    for section, lines in ((message.answer, answer), (message.authority, authority or [])):
        for line in lines:
            owner, ttl, _, kind, rest = line.split(" ", 4)
            section.append(dns.rrset.from_text(owner, int(ttl), "IN", kind, rest))
    if errors:
        message.use_edns(0, options=[dns.edns.EDEOption(code, text) for code, text in errors])
    message.set_rcode(rcode)
    read = read_reply(message.to_wire(max_size=65_535))
    assert read is not None
    return read


def meaning(
    message: dns.message.Message,
    name: str = "www.example.",
    rtype: RecordType = RecordType.A,
    trail: Trail = Trail(),  # noqa: B008
    believed: bool = True,
) -> Answer | Unfinished:
    return interpret(message, dns.name.from_text(name), rtype, trail, believed=believed)


@pytest.mark.rfc(7672, "2.1.1")
@pytest.mark.parametrize(
    ("flags", "believed", "security"),
    [
        (AD, True, Security.SECURE),
        (AD, False, Security.INSECURE),
        (0, True, Security.INSECURE),
        (0, False, Security.INSECURE),
    ],
)
def test_the_ad_bit_counts_from_a_trusted_server_only(flags: int, believed: bool, security: Security) -> None:
    records = response(["www.example. 300 IN A 192.0.2.1"], flags=flags)
    assert meaning(records, believed=believed) == Found(("192.0.2.1",), security, 300)
    denial = response([], flags=flags, rcode=3, authority=[SOA])
    assert meaning(denial, believed=believed) == Denied(Denial.NXDOMAIN, security, 60)


@pytest.mark.parametrize(
    ("rtype", "text", "record"),
    [
        (RecordType.A, "192.0.2.1", "192.0.2.1"),
        (RecordType.AAAA, "2001:db8:0:0::1", "2001:db8::1"),
        (RecordType.CNAME, "Target.example.", "Target.example"),
        (RecordType.MX, "10 Server.EcTest.OMNITI.com.", MxRecord(10, "Server.EcTest.OMNITI.com")),
        (RecordType.MX, "0 .", MxRecord(0, "")),
        (RecordType.TLSA, "3 1 1 " + "ab" * 32, TlsaRecord(3, 1, 1, b"\xab" * 32)),
        (RecordType.TLSA, "255 9 7 00", TlsaRecord(255, 9, 7, b"\0")),
        (RecordType.TXT, '"v=STSv1; " "id=1;"', TxtRecord((b"v=STSv1; ", b"id=1;"))),
        (RecordType.TXT, '"caf\\195\\169"', TxtRecord((b"caf\xc3\xa9",))),
        (RecordType.SOA, "a. b. 1 2 3 4 5", "a. b. 1 2 3 4 5"),
    ],
)
def test_records_of_each_type(rtype: RecordType, text: str, record: object) -> None:
    answer = meaning(response([f"www.example. 60 IN {rtype} {text}"], rtype=rtype), rtype=rtype)
    assert isinstance(answer, Found)
    assert answer.records == (record,)


@pytest.mark.parametrize(
    ("octets", "record"),
    [
        (b"\3\1\1" + b"\xab" * 31, TlsaRecord(3, 1, 1, b"\xab" * 31)),
        (b"\3\1\2" + b"\xab" * 65, TlsaRecord(3, 1, 2, b"\xab" * 65)),
        (b"\3\1\1", TlsaRecord(3, 1, 1, b"")),
        (b"\3\1", TlsaRecord(3, 1, 255, b"")),
        (b"", TlsaRecord(255, 255, 255, b"")),
    ],
)
def test_a_tlsa_record_that_nothing_can_use_is_a_record_all_the_same(octets: bytes, record: TlsaRecord) -> None:
    message = response([], rtype=RecordType.TLSA)
    generic = dns.rdata.GenericRdata(dns.rdataclass.IN, dns.rdatatype.TLSA, octets)
    message.answer.append(dns.rrset.from_rdata("www.example.", 60, generic))
    read = read_reply(message.to_wire())
    assert read is not None
    assert meaning(read, rtype=RecordType.TLSA) == Found((record,), Security.SECURE, 60)


def test_records_of_other_owners_types_and_repeats_are_left_out() -> None:
    message = response(
        [
            "www.example. 60 IN A 192.0.2.1",
            "www.example. 30 IN A 192.0.2.2",
            "evil.example. 60 IN A 192.0.2.66",
            "www.example. 60 IN TXT x",
        ]
    )
    message.answer.append(message.answer[0])
    assert meaning(message) == Found(("192.0.2.1", "192.0.2.2"), Security.SECURE, 30)


def test_owners_are_equal_whatever_their_case() -> None:
    assert isinstance(meaning(response(["WWW.Example. 60 IN A 192.0.2.1"]), "www.example."), Found)


@pytest.mark.rfc(7672, "2.1.1")
@pytest.mark.parametrize("authority", [[SOA], []])
def test_a_denial_is_an_answer(authority: list[str]) -> None:
    ttl = 60 if authority else 0
    assert meaning(response([], rcode=3, authority=authority)) == Denied(Denial.NXDOMAIN, Security.SECURE, ttl)
    assert meaning(response([], authority=authority)) == Denied(Denial.NODATA, Security.SECURE, ttl)


def test_an_soa_of_another_zone_gives_no_negative_ttl() -> None:
    denied = meaning(response([], rcode=3, authority=["other. 600 IN SOA a. b. 1 2 3 4 60"]))
    assert denied == Denied(Denial.NXDOMAIN, Security.SECURE, 0)


@pytest.mark.rfc(7672, "2.1.1")
@pytest.mark.parametrize(
    ("rcode", "errors", "security", "code"),
    [
        (2, [], Security.FAILED, "SERVFAIL"),
        (5, [], Security.FAILED, "REFUSED"),
        (4, [], Security.FAILED, "NOTIMP"),
        (1, [], Security.FAILED, "FORMERR"),
        (6, [], Security.FAILED, "YXDOMAIN"),
        (2, [(6, "bad signature")], Security.BOGUS, "SERVFAIL EDE 6"),
        (2, [(7, "")], Security.BOGUS, "SERVFAIL EDE 7"),
        (2, [(12, "")], Security.BOGUS, "SERVFAIL EDE 12"),
        (2, [(22, ""), (9, "")], Security.BOGUS, "SERVFAIL EDE 9"),
        (2, [(22, ""), (23, "")], Security.FAILED, "SERVFAIL EDE 22"),
        (5, [(18, "prohibited")], Security.FAILED, "REFUSED EDE 18"),
        (2, [(49151, "")], Security.FAILED, "SERVFAIL EDE 49151"),
    ],
)
def test_errors(rcode: int, errors: list[tuple[int, str]], security: Security, code: str) -> None:
    answer = meaning(response([], rcode=rcode, errors=errors))
    assert isinstance(answer, LookupFailed)
    assert (answer.security, answer.code) == (security, code)


@pytest.mark.parametrize("rcode", [11, 12, 15, 100, 4095])
def test_rcodes_without_a_name(rcode: int) -> None:
    message = response([], errors=[(0, "")])
    message.set_rcode(rcode)
    answer = meaning(message)
    assert isinstance(answer, LookupFailed)
    assert answer.code


def test_an_extended_error_does_not_spoil_an_answer_and_its_text_is_bounded() -> None:
    assert isinstance(meaning(response(["www.example. 60 IN A 192.0.2.1"], errors=[(3, "stale")])), Found)
    failed = meaning(response([], rcode=2, errors=[(6, "a\nb\x1b" * 500)]))
    assert isinstance(failed, LookupFailed)
    assert len(failed.detail) <= MAX_DETAIL
    assert failed.detail.isprintable()


CHAIN = ["www.example. 300 IN CNAME a.example.", "a.example. 20 IN CNAME b.example.", "b.example. 60 IN A 192.0.2.1"]
ALIASES = (Alias("www.example", "a.example"), Alias("a.example", "b.example"))


@pytest.mark.rfc(8460, "4.5")
def test_a_tlsa_record_in_four_fields() -> None:
    """Its data in one piece, however long: dnspython would write it in several."""
    for octets in (1, 32, 64, 2000):
        data = bytes(n % 256 for n in range(octets))
        assert TlsaRecord(3, 1, 255, data).text() == f"3 1 255 {data.hex()}"
        assert TlsaRecord(3, 1, 255, data).text().count(" ") == 3


@pytest.mark.rfc(7672, "2.1.3")
def test_a_chain_is_followed_and_its_least_ttl_counts() -> None:
    assert meaning(response(CHAIN)) == Found(("192.0.2.1",), Security.SECURE, 20, ALIASES)
    assert meaning(response(CHAIN[::-1], flags=0)) == Found(("192.0.2.1",), Security.INSECURE, 20, ALIASES)


@pytest.mark.rfc(7672, "2.1.3")
def test_an_alias_asked_for_itself_is_not_followed() -> None:
    message = response(CHAIN[:1], rtype=RecordType.CNAME)
    assert meaning(message, rtype=RecordType.CNAME) == Found(("a.example",), Security.SECURE, 300)


SIGNED = "{} 300 IN RRSIG {} 13 2 300 20400101000000 20200101000000 4711 {} AAAA"


@pytest.mark.parametrize(
    ("records", "zone"),
    [
        (["www.example. 60 IN A 192.0.2.1"], ""),
        (["www.example. 60 IN A 192.0.2.1", SIGNED.format("www.example.", "A", "Example.")], "example"),
        ([SIGNED.format("www.example.", "A", "."), "www.example. 60 IN A 192.0.2.1"], ""),
        ([*CHAIN, SIGNED.format("b.example.", "A", "b.example.")], ""),
        ([*CHAIN, SIGNED.format("www.example.", "CNAME", "example.")], "example"),
    ],
)
def test_who_signed_what_stands_at_the_name_asked_for(records: list[str], zone: str) -> None:
    answer = meaning(response(records))
    assert isinstance(answer, Found)
    assert answer.zone == zone
    step = meaning(response(CHAIN[:1]))
    assert isinstance(step, Unfinished)
    rest = response([CHAIN[2], SIGNED.format("b.example.", "A", "b.example.")], name="b.example.")
    end = meaning(rest, "b.example.", trail=step.trail)
    assert isinstance(end, Found)
    assert end.zone == ""


def test_the_end_of_a_chain_may_be_denied() -> None:
    assert meaning(response(CHAIN[:2], rcode=3)) == Denied(Denial.NXDOMAIN, Security.SECURE, 0, ALIASES)
    denied = meaning(response(CHAIN[:2], authority=[SOA]))
    assert denied == Denied(Denial.NODATA, Security.SECURE, 20, ALIASES)


def test_a_chain_without_end_is_to_be_followed() -> None:
    step = meaning(response(CHAIN[:2]))
    assert step == Unfinished(dns.name.from_text("b.example."), Trail(ALIASES, True, 20))


@pytest.mark.rfc(7672, "2.1.3")
@pytest.mark.parametrize(
    ("before", "flags", "security"),
    [(True, AD, Security.SECURE), (False, AD, Security.INSECURE), (True, 0, Security.INSECURE)],
)
def test_one_insecure_link_makes_all_insecure(before: bool, flags: int, security: Security) -> None:
    trail = Trail(ALIASES, before, 20)
    answer = meaning(response(CHAIN[2:], name="b.example.", flags=flags), "b.example.", trail=trail)
    assert answer == Found(("192.0.2.1",), security, 20, ALIASES)
    denied = meaning(response([], flags=flags, authority=[SOA]), "b.example.", trail=trail)
    assert denied == Denied(Denial.NODATA, security, 20, ALIASES)


@pytest.mark.parametrize(
    ("answer", "trail", "code"),
    [
        (["www.example. 60 IN CNAME www.example."], Trail(), "cname-loop"),
        (["www.example. 60 IN CNAME a.example.", "a.example. 60 IN CNAME WWW.example."], Trail(), "cname-loop"),
        (["www.example. 60 IN CNAME first.example."], Trail((Alias("First.example", "www.example"),)), "cname-loop"),
        (["www.example. 60 IN CNAME a.example.", "www.example. 60 IN CNAME b.example."], Trail(), "malformed"),
    ],
)
def test_broken_chains(answer: list[str], trail: Trail, code: str) -> None:
    failed = meaning(response(answer), trail=trail)
    assert isinstance(failed, LookupFailed)
    assert failed.code == code


@pytest.mark.parametrize("length", [MAX_CHAIN, MAX_CHAIN + 1])
def test_the_length_of_a_chain_is_bounded(length: int) -> None:
    names = ["www.example.", *(f"h{number}.example." for number in range(length))]
    lines = [f"{owner} 60 IN CNAME {target}" for owner, target in itertools.pairwise(names)]
    answer = meaning(response([*lines, f"{names[-1]} 60 IN A 192.0.2.1"]))
    assert isinstance(answer, Found if length <= MAX_CHAIN else LookupFailed)


def test_a_referral_is_no_denial() -> None:
    message = response([], authority=["example. 60 IN NS ns.example."])
    message.flags &= ~dns.flags.RA
    failed = meaning(message)
    assert isinstance(failed, LookupFailed)
    assert failed.code == "not-recursive"
    message.flags |= dns.flags.RA
    assert isinstance(meaning(message), Denied)


@pytest.mark.rfc(7672, "2.1.1")
@pytest.mark.parametrize("rcode", [0, dns.rcode.NXDOMAIN])
def test_records_of_other_names_are_no_denial(rcode: int) -> None:
    """Or whoever changes the name in a secure answer would have made TLSA records, or MXs, go away."""
    alien = response(["other.invalid. 60 IN A 192.0.2.1"], rcode=rcode)
    assert meaning(alien) == LookupFailed(Security.FAILED, "malformed", "an answer about other names than www.example.")


def test_records_of_other_types_beside_a_denial() -> None:
    signed = response(["www.example. 60 IN TXT a"], authority=[SOA])
    assert meaning(signed) == Denied(Denial.NODATA, Security.SECURE, 60)
