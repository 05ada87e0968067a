"""A DNS response: read, and given a meaning that is never better than what it says."""

from __future__ import annotations

import struct

import dns.flags
import dns.message
import dns.name

from tlswitness.dns.answer import Alias, Denied, Found, LookupFailed, MxRecord, RecordType, TlsaRecord, TxtRecord
from tlswitness.dns.interpret import MAX_CHAIN, MAX_TTL, Trail, Unfinished, interpret
from tlswitness.dns.wire import build_query, is_reply, is_truncated, read_reply, wire_name
from tlswitness.lab.dnsreply import Conduct, reply_to
from tlswitness.lab.zone import BOGUS, Records, Zone
from tools.soak.target import Target, kind

NAME = "mx.example"
TYPES = (RecordType.A, RecordType.MX, RecordType.TLSA, RecordType.TXT, RecordType.CNAME, RecordType.AAAA)
_NAME = wire_name(NAME)
assert _NAME is not None


def attempt(data: bytes) -> object:
    """The first octet chooses the type asked for, and whether the server is believed."""
    choice, data = (data[0], data[1:]) if data else (0, b"")
    rtype, believed = TYPES[(choice & 0x7F) % len(TYPES)], bool(choice & 0x80)
    assert _NAME is not None
    matches = is_reply(data, build_query(_NAME, rtype, 7))
    truncated = matches and is_truncated(data)
    message = read_reply(data)
    if message is None:
        return "unreadable", matches, truncated
    trail = Trail((Alias("first.example", NAME),), secure=bool(choice & 0x40), ttl=1000)
    answer = interpret(message, _NAME, rtype, trail, believed=believed)
    match answer:
        case Found() | Denied():
            flagged = bool(message.flags & dns.flags.AD)
            assert not answer.secure or (flagged and believed and trail.secure)
            assert 0 <= answer.ttl <= min(MAX_TTL, trail.ttl)
            assert len(answer.chain) <= MAX_CHAIN + 1
            if isinstance(answer, Found):
                assert answer.records
                assert all(isinstance(record, _CLASSES[rtype]) for record in answer.records)
            return kind(answer), rtype, answer.secure, len(answer.chain), min(len(getattr(answer, "records", ())), 4)
        case LookupFailed():
            assert answer.code.isprintable()
            assert answer.detail.isprintable()
            assert len(answer.detail) < 1000
            return "failed", answer.code, answer.bogus
        case Unfinished():
            assert len(answer.trail.chain) <= MAX_CHAIN
            return "unfinished", len(answer.trail.chain)
    raise AssertionError(kind(answer))


_CLASSES = {
    RecordType.A: str,
    RecordType.AAAA: str,
    RecordType.CNAME: str,
    RecordType.MX: MxRecord,
    RecordType.TLSA: TlsaRecord,
    RecordType.TXT: TxtRecord,
}


def _seeds() -> tuple[bytes, ...]:
    zone = Zone()
    zone.address(NAME, "192.0.2.1", "2001:db8::1")
    zone.mx(NAME, (10, "mx1.example"), (20, "mx2.example"))
    zone.txt(NAME, "v=STSv1; id=1;", "x" * 300)
    zone.set(NAME, RecordType.TLSA, Records((TlsaRecord(3, 1, 1, bytes(32)), TlsaRecord(2, 0, 1, bytes(31)))))
    plain = [_seed(zone, number) for number in range(len(TYPES))]
    zone.set(NAME, None, BOGUS)
    for rtype in TYPES:
        zone.remove(NAME, rtype)
    zone.alias(NAME, "other.example")
    zone.address("other.example", "192.0.2.2", secure=False)
    aliased = [_seed(zone, 0), _seed(zone, 2)]
    zone.remove(NAME)
    zone.set(NAME, None, BOGUS)
    unbelieved = [bytes((seed[0] & mask,)) + seed[1:] for mask in (0x7F, 0xBF) for seed in plain]
    return (*plain, *aliased, *unbelieved, _seed(zone, 1))


def _seed(zone: Zone, number: int) -> bytes:
    query = dns.message.make_query(NAME, TYPES[number].value, want_dnssec=True, id=7)
    query.flags |= dns.flags.AD
    reply = reply_to(query, zone, Conduct.VALIDATING, tcp=True)
    assert reply
    return bytes((0xC0 | number,)) + reply


TARGET = Target(
    "dns",
    _seeds(),
    attempt,
    (
        b"\xc0\x0c",
        b"\xc0\xff",
        b"\x00\x01\x00\x01",
        b"\x00\x05\x00\x01",
        b"\xff" * 4,
        b"\x3f" + b"a" * 63,
        b"\x00\x29",
        struct.pack("!HH", 15, 2),
        b"\x02mx\x07example\x00",
    ),
)
