"""The walk from an MX host to its addresses and its TLSA records, without I/O.

A generator: it yields questions, is sent their answers in the same order, and returns the finding. `run` asks a
resolver. RFC 7672 sections 2.1.2, 2.1.3, 2.2.1 to 2.2.3 and 3.2.2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from dataclasses import dataclass

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.dns.answer import (
    Alias,
    Answer,
    Denied,
    Found,
    LookupFailed,
    RecordType,
    Resolver,
    Security,
    TlsaRecord,
)
from tlswitness.names import BadName, HostName, parse_host
from tlswitness.names.host import MAX_NAME
from tlswitness.net import canonical_ip
from tlswitness.policy.dane.model import (
    Dane,
    DaneLookupFailed,
    DaneRecords,
    HostFinding,
    HostFound,
    HostUnreachable,
    NextHop,
    NoDane,
    WhyNoDane,
)
from tlswitness.policy.dane.records import DIGESTS, Matching, sift
from tlswitness.policy.dane.words import lookup_words

MAX_ADDRESSES = 16
"""Addresses of each family that are kept: an MX with thousands that do not answer would hold a delivery for hours."""

Question = tuple[str, RecordType]
HostWalk = Generator[tuple[Question, ...], tuple[Answer, ...], HostFinding]
"""Yields questions that may be asked at once, at most four in all; wants their answers; returns what was found."""


@dataclass(frozen=True, slots=True)
class WalkRules:
    """How to walk."""

    port: int = 25
    """The port that will be connected to: it is part of the TLSA name."""
    use_dane: bool = True
    """Ask for TLSA records at all."""
    insecure_mx: bool = False
    """Use the TLSA records of a host that an insecure MX RRset names. It keeps eavesdroppers out, though not forgers of
    MX records (RFC 7672 section 2.2.1 allows either)."""
    digests: tuple[Matching, ...] = DIGESTS
    """Strongest first."""


DEFAULT_RULES = WalkRules()


def walk(host: HostName | BadName, next_hop: NextHop, rules: WalkRules = DEFAULT_RULES) -> HostWalk:
    """The walk for one MX of `next_hop`, or for `next_hop` itself where it has no MX or is the operator's own route."""
    if isinstance(host, BadName):
        return HostUnreachable(host, str(host))
    answers = yield ((host.key, RecordType.AAAA), (host.key, RecordType.A))
    found = tuple(answer for answer in answers if isinstance(answer, Found) and _addresses(answer))
    if not found:
        return _unreachable(host, answers, rules)
    # One family is enough, and one that is secure: a broken AAAA must not keep mail from a good A.
    dane = yield from _dane(host, next_hop, found, rules)
    addresses = dict.fromkeys(address for answer in found for address in _addresses(answer))
    return HostFound(host, tuple(addresses), dane)


async def run(steps: HostWalk, resolver: Resolver) -> HostFinding:
    """Walk with answers from `resolver`."""
    try:
        questions = next(steps)
        while True:
            answers = await asyncio.gather(*(resolver.lookup(name, rtype) for name, rtype in questions))
            questions = steps.send(tuple(answers))
    except StopIteration as done:
        finding: HostFinding = done.value
        return finding


_Part = Generator[tuple[Question, ...], tuple[Answer, ...], Dane]


def _dane(host: HostName, next_hop: NextHop, found: tuple[Found, ...], rules: WalkRules) -> _Part:
    if not rules.use_dane:
        return NoDane("DANE is switched off", WhyNoDane.OFF)
    if not next_hop.secure and not rules.insecure_mx:
        reason = f"what DNS says about the MXs of {next_hop.domain} is not signed with DNSSEC"
        return NoDane(reason, WhyNoDane.MX_INSECURE)
    secure = next((answer for answer in found if answer.secure), None)
    if secure is not None:
        return (yield from _tlsa(_candidates(host, secure.chain), next_hop, rules))
    if any(answer.chain for answer in found):
        # Only a question of its own tells whether the alias is signed where its target is not (section 2.1.3).
        (alias,) = yield ((host.key, RecordType.CNAME),)
        match alias:
            case LookupFailed():
                return _failed(host, host.key, RecordType.CNAME, alias)
            case Found(secure=True):
                return (yield from _tlsa((host,), next_hop, rules))
            case Found() | Denied():
                pass
    # Never ask for TLSA here: name servers of unsigned zones that fail on that type would stop the mail.
    return NoDane(f"the addresses of {host} are not signed with DNSSEC", WhyNoDane.ADDRESS_INSECURE)


def _tlsa(candidates: tuple[HostName, ...], next_hop: NextHop, rules: WalkRules) -> _Part:
    """The first candidate with a secure RRset is the TLSA base domain; one that fails ends the search."""
    reasons: list[str] = []
    why = WhyNoDane.NO_TLSA
    for candidate in candidates:
        name = f"_{rules.port}._tcp.{candidate.key}"
        if len(name) > MAX_NAME:
            reasons.append(f"{candidate} is too long a name to have TLSA records")
            continue
        (answer,) = yield ((name, RecordType.TLSA),)
        match answer:
            case LookupFailed():
                return _failed(candidate, name, RecordType.TLSA, answer)
            case Found(secure=True):
                return _records(candidate, name, answer, next_hop, rules)
            case Found():
                reasons.append(f"the TLSA records of {name} are not signed with DNSSEC")
                why = WhyNoDane.TLSA_INSECURE
            case Denied():
                signed = "" if answer.secure else ", and that is not signed with DNSSEC"
                reasons.append(f"there are no TLSA records of {name}{signed}")
                why = why if answer.secure else WhyNoDane.TLSA_INSECURE
    return NoDane("; ".join(reasons), why)


def _records(base: HostName, name: str, answer: Found, next_hop: NextHop, rules: WalkRules) -> Dane:
    records = [record for record in answer.records if isinstance(record, TlsaRecord)]
    if not records:
        # Something secure is there and it cannot be read: no reason to go on in clear text.
        return _failed(base, name, RecordType.TLSA, LookupFailed(Security.FAILED, "malformed"))
    tlsa = sift(records, rules.digests)
    return DaneRecords(
        base, tlsa.records, tlsa.usable, _references(base, next_hop), tlsa.rejected, mx_secure=next_hop.secure
    )


def _references(base: HostName, next_hop: NextHop) -> tuple[HostName, ...]:
    """The names of RFC 7672 section 3.2.2; behind an insecure MX the base domain alone (erratum 6283).

    Where there is no MX, the host's original name is the next hop's, so that the same three names serve.
    """
    if not next_hop.secure:
        return (base,)
    names = (base, *(HostName(name, name) for name in (next_hop.domain, next_hop.expanded)))
    return tuple(dict.fromkeys(names))


def _candidates(host: HostName, chain: tuple[Alias, ...]) -> tuple[HostName, ...]:
    """The expanded name, then the original; the names between them never."""
    if not chain:
        return (host,)
    match parse_host(chain[-1].target):
        case HostName() as expanded if expanded != host:
            return (expanded, host)
        case _:
            return (host,)


def _addresses(answer: Found) -> tuple[str, ...]:
    texts = [_address(record) for record in answer.records[:MAX_ADDRESSES] if isinstance(record, str)]
    return tuple(text for text in texts if text)


def _address(text: str) -> str | None:
    try:
        return canonical_ip(text)
    except ValueError:
        return None


def _failed(candidate: HostName, name: str, rtype: RecordType, answer: LookupFailed) -> DaneLookupFailed:
    code = answer.code if rtype is RecordType.TLSA else f"{rtype} {answer.code}"
    return DaneLookupFailed(candidate, Failure(Cause.TLSA_LOOKUP, code), answer, lookup_words(name, rtype, answer))


def _unreachable(host: HostName, answers: tuple[Answer, ...], rules: WalkRules) -> HostUnreachable:
    types = (RecordType.AAAA, RecordType.A)
    failed = [(answer, rtype) for answer, rtype in zip(answers, types, strict=True) if isinstance(answer, LookupFailed)]
    if not failed:
        return HostUnreachable(host, f"{host} has no addresses")
    # The failure that DNSSEC explains says more than a timeout of the other family.
    answer, rtype = min(failed, key=lambda item: not item[0].bogus)
    reported = answer.bogus and rules.use_dane
    return HostUnreachable(
        host,
        f"{host} has no addresses: {lookup_words(host.key, rtype, answer)}",
        Failure(Cause.ADDRESS_LOOKUP, answer.code) if reported else None,
        status="4.4.3",
    )
