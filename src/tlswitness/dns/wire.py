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
_TLSA = 52
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
    """The response, each record in an RRset of its own; None where it is malformed or has too many records."""
    if len(data) < _HEADER.size or sum(_HEADER.unpack_from(data)[3:]) > MAX_RECORDS:
        return None
    try:
        return dns.message.from_wire(_with_raw_tlsa(data), one_rr_per_rrset=True)
    # Besides its own errors, dnspython lets those of the types it builds through (an EDE text that is not UTF-8).
    except (dns.exception.DNSException, ValueError, struct.error, LookupError, ArithmeticError, TypeError):
        return None


def _with_raw_tlsa(data: bytes) -> bytes:
    """The same message with another type on its TLSA records. Raises IndexError or struct.error on a cut message."""
    _, _, questions, *sections = _HEADER.unpack_from(data)
    changed = bytearray(data)
    offset = _HEADER.size
    for _ in range(questions):
        offset = _behind_name(data, offset) + 4
    for _ in range(sum(sections)):
        offset = _behind_name(data, offset)
        rtype, _, _, length = _RECORD.unpack_from(data, offset)
        if rtype == _TLSA:
            struct.pack_into("!H", changed, offset, RAW_TLSA)
        offset += _RECORD.size + length
    return bytes(changed)


def _behind_name(data: bytes, offset: int) -> int:
    """Where the name at `offset` ends; a pointer is its end (RFC 1035 section 4.1.4)."""
    while (length := data[offset]) != 0:
        if length >= _POINTER:
            return offset + 2
        offset += 1 + length
    return offset + 1
