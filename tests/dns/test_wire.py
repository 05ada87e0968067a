import struct

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.dns.answer import RecordType
from tlswitness.dns.interpret import Trail, interpret
from tlswitness.dns.wire import (
    _READ,
    MAX_LABELS,
    MAX_NAME_WORK,
    MAX_RECORDS,
    PAYLOAD,
    build_query,
    is_reply,
    is_truncated,
    name_text,
    read_reply,
    wire_name,
)

NAME = wire_name("example.com")
assert NAME is not None
QUERY = build_query(NAME, RecordType.TLSA, 0x1234)
HEADER = struct.Struct("!6H")


def header(ident: int = 0x1234, flags: int = 0x8180, questions: int = 1) -> bytes:
    return HEADER.pack(ident, flags, questions, 0, 0, 0)


@pytest.mark.rfc(7672, "2.1.1")
def test_a_query_asks_for_recursion_and_dnssec() -> None:
    message = dns.message.from_wire(QUERY.wire)
    assert message.id == 0x1234
    assert message.flags == dns.flags.RD | dns.flags.AD
    assert message.ednsflags == dns.flags.DO
    assert message.payload == PAYLOAD
    assert [str(question) for question in message.question] == ["example.com. IN TLSA"]


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("", "."),
        (".", "."),
        ("example.com", "example.com."),
        ("Example.com.", "Example.com."),
        ("_25._tcp.mx.example", "_25._tcp.mx.example."),
        ("@", "@."),
        (r"a\b.example", r"a\\b.example."),
        ("a" * 63 + ".example", "a" * 63 + ".example."),
        ("a" * 64 + ".example", None),
        ("a..b", None),
        (".example", None),
        ("..", None),
        ("bücher.example", None),
        (".".join(["a" * 49] * 5), ".".join(["a" * 49] * 5) + "."),
        (".".join(["a" * 63] * 4), None),
    ],
)
def test_names_that_can_be_asked_for(text: str, wire: str | None) -> None:
    name = wire_name(text)
    assert (name.to_text() if name else None) == (wire if wire != "@." else r"\@.")


@given(st.text(max_size=300))
def test_no_name_raises(text: str) -> None:
    name = wire_name(text)
    if name is not None:
        assert dns.message.from_wire(build_query(name, RecordType.A, 1).wire).question[0].name == name


@pytest.mark.parametrize("text", ["", "example.com", "Server.ECTEST.example", r"a\.b.example"])
def test_text_of_a_name(text: str) -> None:
    assert name_text(dns.name.from_text(text)) == text


OTHER = build_query(dns.name.from_text("example.org"), RecordType.TLSA, 1).question
UPPER = QUERY.question[:-4].upper() + QUERY.question[-4:]


@pytest.mark.parametrize(
    ("data", "counts"),
    [
        (header() + QUERY.question, True),
        (header() + UPPER, True),
        (header() + QUERY.question + b"rest", True),
        (header(ident=0x1235) + QUERY.question, False),
        (header(flags=0x0100) + QUERY.question, False),
        (header(flags=0xA180) + QUERY.question, False),
        (header() + OTHER, False),
        (header() + QUERY.question[:-3], False),
        (header() + QUERY.question[:-4] + b"\0\1\0\1", False),
        (header(questions=2) + QUERY.question * 2, False),
        (header(questions=0), False),
        (header(flags=0x8181, questions=0), True),
        (header()[:11], False),
        (b"", False),
    ],
)
def test_what_counts_as_the_reply(data: bytes, counts: bool) -> None:
    assert is_reply(data, QUERY) is counts


def test_truncation() -> None:
    assert is_truncated(header(flags=0x8380))
    assert not is_truncated(header())


def test_a_message_of_many_records_is_not_read() -> None:
    record = b"\0" + struct.pack("!HHIH", 1, 1, 60, 4) + bytes(4)
    for number in (MAX_RECORDS, MAX_RECORDS + 1):
        data = HEADER.pack(1, 0x8180, 0, number, 0, 0) + record * number
        assert (read_reply(data) is None) is (number > MAX_RECORDS)


def test_an_extended_error_that_is_not_text_is_malformed_not_an_exception() -> None:
    option = struct.pack("!HHH", 15, 4, 6) + b"\xff\xfe"
    opt = struct.pack("!BHHBBHH", 0, 41, 1232, 0, 0, 0, len(option)) + option
    assert read_reply(HEADER.pack(1, 0x8182, 0, 0, 0, 1) + opt) is None


_names = st.lists(st.binary(min_size=1, max_size=5), max_size=3).map(
    lambda labels: b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
)
_pointers = st.integers(0xC000, 0xC040).map(lambda number: number.to_bytes(2, "big"))
_records = st.builds(
    lambda owner, rtype, ttl, data, lie: owner + struct.pack("!HHIH", rtype, 1, ttl, max(0, len(data) + lie)) + data,
    _names | _pointers,
    st.sampled_from([1, 28, 5, 6, 15, 16, 39, 41, 46, 52, 250, 65280]),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=40) | _pointers,
    st.sampled_from([0, 0, 0, 1, -1]),
)
_responses = st.builds(
    lambda flags, records, counts: HEADER.pack(0x1234, flags, 1, *counts) + QUERY.question + b"".join(records),
    st.integers(0x8000, 0x87FF),
    st.lists(_records, max_size=5),
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)),
)


@given(st.binary(max_size=200) | _responses, st.sampled_from(list(RecordType)))
def test_no_octets_raise(data: bytes, rtype: RecordType) -> None:
    is_reply(data, QUERY)
    message = read_reply(data)
    if message is not None:
        assert interpret(message, QUERY.name, rtype, Trail(), believed=True) is not None


def test_names_that_are_dear_to_read_are_not_read() -> None:
    """The hostile tests show what that costs; here: where the limit is, and that a pointer hides nothing."""
    owner, deep = b"\0", b"\1a" * MAX_LABELS + b"\0"
    head = _message_head(fits := MAX_NAME_WORK // MAX_LABELS**2)
    first = _mx(owner, deep)
    pointer = b"\xc0" + bytes((len(head) + 1 + 10 + 2,))
    assert read_reply(head + first + _mx(owner, pointer) * (fits - 1)) is not None
    assert read_reply(_message_head(fits + 1) + first + _mx(owner, pointer) * fits) is None


@pytest.mark.parametrize("rtype", [2, 5, 6, 15, 46])
def test_every_type_with_a_name_is_counted(rtype: int) -> None:
    deep = b"\1a" * MAX_LABELS + b"\0"
    data = {2: deep, 5: deep, 6: deep + deep + bytes(20), 15: b"\0\1" + deep, 46: bytes(18) + deep + b"s"}[rtype]
    record = b"\0" + struct.pack("!HHIH", rtype, 1, 60, len(data)) + data
    names = 2 if rtype == 6 else 1
    assert read_reply(_message_head(1) + record) is not None
    assert read_reply(_message_head(n := MAX_NAME_WORK // MAX_LABELS**2 // names + 1) + record * n) is None


def test_what_is_asked_for_is_read_as_what_it_is() -> None:
    for rtype in set(RecordType) - {RecordType.TLSA}:
        assert int(dns.rdatatype.from_text(rtype)) in _READ


def test_what_nobody_asks_for_is_not_looked_at() -> None:
    srv = b"\0" + struct.pack("!HHIH", 33, 1, 60, 3) + b"\xff\xff\xff"
    message = read_reply(_message_head(1) + srv)
    assert message is not None
    assert [int(rrset.rdtype) for rrset in message.answer] == [65_281]


def _message_head(answers: int) -> bytes:
    return struct.pack("!6H", 7, 0x8180, 0, answers, 0, 0)


def _mx(owner: bytes, exchange: bytes) -> bytes:
    return owner + struct.pack("!HHIH", 15, 1, 60, 2 + len(exchange)) + b"\0\1" + exchange
