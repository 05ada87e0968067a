"""Queries and responses as octets: what is sent, what counts as the reply to it, and how it is read.

Separate because hostile octets end here: what comes out is a dnspython message or nothing. Pure.
RFC 1035 section 4, RFC 6891 (EDNS), RFC 4035 section 3.2.1 (DO), RFC 6840 section 5.7 (AD in queries),
RFC 5452 (what a reply must match).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import dns.exception
import dns.message
import dns.name
import dns.rdatatype

from tlswitness.dns.answer import RecordType

MAX_RECORDS = 1024
"""Records of one response over all sections: a 64 KiB message of tiny records would block the loop for long."""
MAX_NAME_WORK = 400_000
"""The labels of each name that a record has as its data, squared: such is the library's effort, and 1,000 MXs of 127
labels, 16 KiB with compression, would block the loop for seconds. 1,000 of 5 labels come to 25,000."""
MAX_LABELS = 127
"""Of a name without the root (RFC 1035 section 2.3.4)."""
PAYLOAD = 1232
"""UDP octets that we take without fragments (DNS flag day 2020)."""
MAX_LABEL = 63
MAX_NAME = 255
"""Octets on the wire (RFC 1035 section 2.3.4)."""

RAW_TLSA = 65_280
"""A type for private use (RFC 6895 section 3.1), under which TLSA records are read. dnspython refuses one whose digest
has the wrong length, and the whole message with it; it is unusable (RFC 6698 section 4.1), not a failed lookup."""

_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHiH")
_RAW = 65_281
"""Stands for the types that nobody here asks for: their data is not looked at."""
_TLSA, _SOA = 52, 6
_READ = frozenset({int(dns.rdatatype.from_text(rtype)) for rtype in RecordType} - {_TLSA} | {2, 41, 46})
"""What is asked for, and NS, OPT, RRSIG."""
_NAMES_AT = {2: 0, 5: 0, _SOA: 0, 15: 2, 46: 18}
"""Where in their data a name begins; SOA has another one behind it."""
_POINTER = 0xC0
_RD, _AD, _TC, _QR, _OPCODE = 0x0100, 0x0020, 0x0200, 0x8000, 0x7800
_ERROR_RCODES = 0x000F
_CLASS_IN = 1
# Root name, type OPT, payload size, extended rcode, version, flags with DO, no options (RFC 6891 section 6.1.2).
_OPT = struct.pack("!BHHBBHH", 0, 41, PAYLOAD, 0, 0, 0x8000, 0)


@dataclass(frozen=True, slots=True)
class Query:
    """One question as sent; a reply must match its id and its question."""

    name: dns.name.Name
    rtype: RecordType
    ident: int
    wire: bytes
    question: bytes = field(repr=False)


def wire_name(text: str) -> dns.name.Name | None:
    """The name of `text` (A-labels, no escapes, trailing dot or not), or None where it cannot stand in a query."""
    text = text.removesuffix(".")
    if not text:
        return dns.name.root
    if not text.isascii():
        return None
    labels = [label.encode("ascii") for label in text.split(".")]
    if any(not 0 < len(label) <= MAX_LABEL for label in labels):
        return None
    if sum(len(label) + 1 for label in labels) + 1 > MAX_NAME:
        return None
    return dns.name.Name([*labels, b""])


def name_text(name: dns.name.Name) -> str:
    """Presentation form, case kept, without the trailing dot; "" is the root."""
    return name.to_text(omit_final_dot=True) if len(name.labels) > 1 else ""


def build_query(name: dns.name.Name, rtype: RecordType, ident: int) -> Query:
    """A recursive query that wants to know about DNSSEC: RD, AD, and EDNS with DO."""
    code = dns.rdatatype.from_text(rtype.value)
    question = b"".join(bytes((len(label),)) + label for label in name.labels) + struct.pack("!HH", code, _CLASS_IN)
    header = _HEADER.pack(ident, _RD | _AD, 1, 0, 0, 1)
    return Query(name, rtype, ident, header + question + _OPT, question)


def is_reply(data: bytes, query: Query) -> bool:
    """Whether these octets answer `query`: id, QR bit, opcode and question are right (RFC 5452 section 4).

    An error may come without a question: servers that could not read ours send such.
    """
    if len(data) < _HEADER.size:
        return False
    ident, flags, questions = _HEADER.unpack_from(data)[:3]
    if ident != query.ident or not flags & _QR or flags & _OPCODE:
        return False
    if questions == 0:
        return bool(flags & _ERROR_RCODES)
    end = _HEADER.size + len(query.question)
    # Length octets stay below "A" in ASCII, so lower() touches letters only; the four octets behind the name are exact.
    return (
        questions == 1
        and data[_HEADER.size : end - 4].lower() == query.question[:-4].lower()
        and data[end - 4 : end] == query.question[-4:]
    )


def is_truncated(data: bytes) -> bool:
    """Whether the TC bit is set: ask again over TCP (RFC 7766 section 5)."""
    return bool(_HEADER.unpack_from(data)[1] & _TC)


def read_reply(data: bytes) -> dns.message.Message | None:
    """The response, each record in an RRset of its own; None where it is malformed, or would take too long to read."""
    if len(data) < _HEADER.size or sum(_HEADER.unpack_from(data)[3:]) > MAX_RECORDS:
        return None
    try:
        prepared = _prepared(data)
        return None if prepared is None else dns.message.from_wire(prepared, one_rr_per_rrset=True)
    # Besides its own errors, dnspython lets those of the types it builds through (an EDE text that is not UTF-8).
    except (dns.exception.DNSException, ValueError, struct.error, LookupError, ArithmeticError, TypeError):
        return None


def _prepared(data: bytes) -> bytes | None:
    """The same message with other types on the records that are not to be read as what they are; None where its names
    are too dear to read. Raises IndexError or struct.error on a cut message.
    """
    _, _, questions, *sections = _HEADER.unpack_from(data)
    changed = bytearray(data)
    offset = _HEADER.size
    work = 0
    for _ in range(questions):
        offset = _behind_name(data, offset) + 4
    for _ in range(sum(sections)):
        offset = _behind_name(data, offset)
        rtype, _, _, length = _RECORD.unpack_from(data, offset)
        if rtype not in _READ:
            struct.pack_into("!H", changed, offset, RAW_TLSA if rtype == _TLSA else _RAW)
        offset += _RECORD.size
        if (place := _NAMES_AT.get(rtype)) is not None:
            work += _labels(data, offset + place) ** 2
            if rtype == _SOA:
                work += _labels(data, _behind_name(data, offset)) ** 2
        offset += length
    return None if work > MAX_NAME_WORK else bytes(changed)


def _labels(data: bytes, offset: int) -> int:
    """Of the name at `offset`, behind its pointers too; one that has no end has as many as a name may have."""
    labels = pointers = 0
    while (length := data[offset]) != 0 and labels + pointers < MAX_LABELS:
        if length >= _POINTER:
            pointers += 1
            offset = (length & 0x3F) << 8 | data[offset + 1]
        else:
            labels += 1
            offset += 1 + length
    return MAX_LABELS if length else labels


def _behind_name(data: bytes, offset: int) -> int:
    """Where the name at `offset` ends; a pointer is its end (RFC 1035 section 4.1.4)."""
    while (length := data[offset]) != 0:
        if length >= _POINTER:
            return offset + 2
        offset += 1 + length
    return offset + 1
