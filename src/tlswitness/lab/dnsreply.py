"""What the lab's nameserver puts on the wire: a query and the data in, octets out.

Separate from the sockets because it is pure. It speaks as a validating resolver does: AD only for secure data and only
to those who ask for it (RFC 6840 section 5.8), signatures to those who set DO, SERVFAIL and an extended error for what
is bogus. Records are written without compression, so that the case of each name stays as entered.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from tlswitness.dns.answer import MxRecord, Record, RecordType, TlsaRecord, TxtRecord
from tlswitness.dns.wire import name_text
from tlswitness.lab.zone import (
    MAX_ALIASES,
    Cname,
    Failing,
    HungUp,
    Malformed,
    Misleading,
    Missing,
    NeverWhole,
    Records,
    Reply,
    Silent,
    Stuffed,
    Truncated,
    WrongId,
    WrongName,
    WrongQuestion,
    Zone,
)

MAX_UDP = 4096
"""Octets of a UDP response, whatever the query allows."""
PLAIN_UDP = 512
"""Octets for a query without EDNS (RFC 1035 section 4.2.1)."""


class Conduct(StrEnum):
    """How the whole server behaves as a resolver; entries of the zone are the Internet that it sees."""

    VALIDATING = "validates"
    AD_NEVER = "passes signatures on, never sets AD"
    AD_ALWAYS = "sets AD on everything"
    STRIP_DO = "leaves signatures out, never sets AD"
    SERVFAIL_SIGNED = "answers SERVFAIL for all that is signed"
    CUT = "reaches nobody and answers SERVFAIL"
    DEAD = "does not answer"


_CLASS_IN = dns.rdataclass.IN
_ROOT_SOA = dns.rdata.from_text(_CLASS_IN, dns.rdatatype.SOA, "a.lab. hostmaster.lab. 1 1800 900 604800 300")
_SIGNATURE = "{} 8 1 300 20400101000000 20200101000000 20326 {}. AAAA"
_CODES = {dns.rdatatype.from_text(rtype.value): rtype for rtype in RecordType}
_UNSIGNED = "home.arpa"


@dataclass(frozen=True, slots=True)
class _Rr:
    owner: dns.name.Name
    rtype: dns.rdatatype.RdataType
    ttl: int
    data: bytes
    signer: str = ""
    """The zone that it is in."""


@dataclass(frozen=True, slots=True)
class _Content:
    """Records of a response before they are octets."""

    rcode: dns.rcode.Rcode = dns.rcode.NOERROR
    answer: tuple[_Rr, ...] = ()
    denied_ttl: int | None = None
    secure: bool = True
    error: Failing | None = None


def parse_query(wire: bytes) -> dns.message.Message | None:
    """The query, or None for octets that are none: the server does not answer those."""
    try:
        query = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError):
        return None
    return query if len(query.question) == 1 and not query.flags & dns.flags.QR else None


def question_of(query: dns.message.Message) -> tuple[str, RecordType | str]:
    """Name in lower case without a trailing dot, and type; a type unknown here as its text."""
    question = query.question[0]
    return name_text(question.name).lower(), _CODES.get(question.rdtype, dns.rdatatype.to_text(question.rdtype))


def reply_to(query: dns.message.Message, zone: Zone, conduct: Conduct, *, tcp: bool) -> bytes | None:
    """The response; None is silence, b"" the end of a TCP connection."""
    name, rtype = question_of(query)
    reply = _find(zone, name, rtype)
    if isinstance(reply, Truncated):
        if not tcp:
            return _octets(query, _Content(), ident=query.id, flags=dns.flags.TC)
        reply = reply.reply
    if conduct is Conduct.DEAD:
        return None
    match reply:
        case Silent():
            return None
        case Malformed():
            return _octets(query, _Content(), ident=query.id)[:6] + b"\0\5\0\0\0\0" + _question(query) + b"\xc0\xff\xff"
        case WrongQuestion() | WrongId() | WrongName() | NeverWhole() | HungUp() | Stuffed():
            return _misleading(query, reply, tcp=tcp)
        case _:
            pass
    content = _content(zone, query.question[0].name, rtype, reply)
    if conduct is Conduct.SERVFAIL_SIGNED and content.secure and content.error is None:
        content = _Content(dns.rcode.SERVFAIL, error=Failing(ede=9, text="no trust anchor fits"))
    if conduct is Conduct.CUT:
        content = _Content(dns.rcode.SERVFAIL, error=Failing(ede=22, text="no reachable authority"))
    data = _octets(query, content, ident=query.id, flags=_ad(query, content, conduct), signed=_signs(query, conduct))
    limit = min(query.payload, MAX_UDP) if query.edns >= 0 else PLAIN_UDP
    if not tcp and len(data) > max(limit, PLAIN_UDP):
        return _octets(query, _Content(), ident=query.id, flags=dns.flags.TC)
    return data


def _misleading(query: dns.message.Message, reply: Misleading, *, tcp: bool) -> bytes:
    """What no honest server says. Where there is something to believe, it has the AD bit."""
    question = query.question[0]
    match reply:
        case WrongId():
            return _octets(query, _Content(), ident=query.id ^ 1)
        case WrongQuestion():
            other = dns.message.make_query("other.invalid", question.rdtype)
            return _octets(other, _Content(), ident=query.id)
        case WrongName(records=records):
            other_name = _name("other.invalid")
            answer = tuple(_Rr(other_name, question.rdtype, 300, _data(record, question.rdtype)) for record in records)
            return _octets(query, _Content(answer=answer), ident=query.id, flags=dns.flags.AD)
        case HungUp() if tcp:
            return b""
        case NeverWhole() | HungUp():
            return _octets(query, _Content(), ident=query.id, flags=dns.flags.TC)
        case Stuffed() if not tcp:
            return _octets(query, _Content(), ident=query.id, flags=dns.flags.TC)
        case Stuffed(records=records):
            return _stuffed(query, reply)


def _stuffed(query: dns.message.Message, reply: Stuffed) -> bytes:
    question = query.question[0]
    rtype = dns.rdatatype.RdataType(question.rdtype)
    root = dns.name.root  # short, so that there is room for many
    answer = [_Rr(question.name, rtype, 300, _data(record, rtype)) for record in reply.records]
    answer += [_Rr(root, dns.rdatatype.RRSIG, 300, _signature(answer[0]))] * reply.signatures
    more = [_Rr(root, dns.rdatatype.A, 300, bytes((192, 0, 2, 1)))] * reply.additional
    flags = dns.flags.QR | dns.flags.RA | dns.flags.AD | (query.flags & dns.flags.RD)
    header = struct.pack("!6H", query.id, flags, 1, len(answer), 0, len(more))
    return header + _question(query) + b"".join(map(_octets_of, answer + more))


def _find(zone: Zone, name: str, rtype: RecordType | str) -> Reply:
    known = rtype if isinstance(rtype, RecordType) else None
    reply = zone.find(name, known)
    if isinstance(reply, Missing) and not zone.has(name):
        if name == "" and known is RecordType.SOA:
            return Records((_ROOT_SOA.to_text(),))
        if name == "":
            return Missing(name=False)
        if name == _UNSIGNED or name.endswith(f".{_UNSIGNED}"):
            return Missing(name=reply.name and name != _UNSIGNED, secure=False)
    return reply


def _content(zone: Zone, name: dns.name.Name, rtype: RecordType | str, reply: Reply) -> _Content:
    answer: list[_Rr] = []
    secure = True
    seen = {name}
    while isinstance(reply, Cname):
        target = _name(reply.target)
        answer.append(_Rr(name, dns.rdatatype.CNAME, reply.ttl, _wire(target), zone.signer(name_text(name))))
        secure = secure and reply.secure
        if rtype is RecordType.CNAME or not reply.finished or target in seen or len(answer) >= MAX_ALIASES:
            return _Content(answer=tuple(answer), secure=secure)
        seen.add(target)
        name, reply = target, _find(zone, reply.target, rtype)
        if isinstance(reply, Truncated):
            reply = reply.reply
    match reply:
        case Records(records=records, ttl=ttl):
            code = dns.rdatatype.from_text(str(rtype))
            signer = zone.signer(name_text(name))
            answer.extend(_Rr(name, code, ttl, _data(record, code), signer) for record in records)
            return _Content(answer=tuple(answer), secure=secure and reply.secure)
        case Missing(ttl=ttl):
            rcode = dns.rcode.NXDOMAIN if reply.name else dns.rcode.NOERROR
            return _Content(rcode, tuple(answer), denied_ttl=ttl, secure=secure and reply.secure)
        case Failing(rcode=text):
            return _Content(dns.rcode.from_text(text), error=reply)
        case _:
            # Silence or garbage behind an alias: the resolver in between gives up.
            return _Content(dns.rcode.SERVFAIL, error=Failing(ede=22, text="no reachable authority"))


def _ad(query: dns.message.Message, content: _Content, conduct: Conduct) -> int:
    asked = query.flags & dns.flags.AD or query.ednsflags & dns.flags.DO
    if not asked or content.error is not None:
        return 0
    if conduct is Conduct.AD_ALWAYS or (conduct is Conduct.VALIDATING and content.secure):
        return dns.flags.AD
    return 0


def _signs(query: dns.message.Message, conduct: Conduct) -> bool:
    return bool(query.ednsflags & dns.flags.DO) and conduct is not Conduct.STRIP_DO


def _octets(
    query: dns.message.Message, content: _Content, *, ident: int, flags: int = 0, signed: bool = False
) -> bytes:
    answers = list(content.answer)
    if signed and content.secure:
        # One signature per owner and type, never looked at: its presence tells that DO was heeded.
        sets = {(rr.owner, rr.rtype): rr for rr in content.answer}
        answers += [_Rr(rr.owner, dns.rdatatype.RRSIG, rr.ttl, _signature(rr)) for rr in sets.values()]
    authority: list[_Rr] = []
    if content.denied_ttl is not None:
        authority = [_Rr(dns.name.root, dns.rdatatype.SOA, content.denied_ttl, _ROOT_SOA.to_wire() or b"")]
    additional = _opt(content) if query.edns >= 0 else b""
    flags |= dns.flags.QR | dns.flags.RA | (query.flags & dns.flags.RD) | (content.rcode & 0xF)
    header = struct.pack("!6H", ident, flags, 1, len(answers), len(authority), 1 if additional else 0)
    return header + _question(query) + b"".join(map(_octets_of, answers + authority)) + additional


def _question(query: dns.message.Message) -> bytes:
    question = query.question[0]
    return _wire(question.name) + struct.pack("!HH", question.rdtype, question.rdclass)


def _octets_of(rr: _Rr) -> bytes:
    return _wire(rr.owner) + struct.pack("!HHIH", rr.rtype, _CLASS_IN, rr.ttl, len(rr.data)) + rr.data


def _opt(content: _Content) -> bytes:
    options = b""
    if content.error is not None and content.error.ede is not None:
        data = struct.pack("!H", content.error.ede) + content.error.text.encode()
        options = struct.pack("!HH", dns.edns.OptionType.EDE, len(data)) + data
    return struct.pack("!BHHBBHH", 0, dns.rdatatype.OPT, MAX_UDP, content.rcode >> 4, 0, 0, len(options)) + options


def _signature(rr: _Rr) -> bytes:
    text = _SIGNATURE.format(dns.rdatatype.to_text(rr.rtype), rr.signer)
    return dns.rdata.from_text(_CLASS_IN, dns.rdatatype.RRSIG, text).to_wire() or b""


def _data(record: Record, rtype: dns.rdatatype.RdataType) -> bytes:
    match record:
        case MxRecord(preference=preference, exchange=exchange):
            return struct.pack("!H", preference) + _wire(_name(exchange))
        case TlsaRecord():
            return bytes((record.usage, record.selector, record.matching_type)) + record.data
        case TxtRecord(strings=strings):
            return b"".join(bytes((len(string),)) + string for string in strings)
        case str() if rtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            return ip_address(record).packed
        case str() if rtype == dns.rdatatype.CNAME:
            return _wire(_name(record))
        case str():
            return dns.rdata.from_text(_CLASS_IN, rtype, record).to_wire() or b""


def _wire(name: dns.name.Name) -> bytes:
    return name.to_wire() or b""


def _name(text: str) -> dns.name.Name:
    # No escapes: a label is what stands between two dots, odd characters included.
    text = text.removesuffix(".")
    return dns.name.Name([*(label.encode() for label in text.split(".")), b""]) if text else dns.name.root
