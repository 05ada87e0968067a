"""Where mail for a destination goes: its hosts in order, or why there are none.

Separate because `check` asks the same question without a message. RFC 5321 section 5.1, RFC 7505, RFC 8461 section 3.4.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from tlswitness.datapoint.outcome import PolicyFailed
from tlswitness.delivery.hosts import in_order
from tlswitness.delivery.settings import Destination, Hop
from tlswitness.dns.answer import Resolver
from tlswitness.dns.mx import MxHosts, MxLookupFailed, NoSuchDomain, NullMx, find_mx
from tlswitness.names import BadName, Domain, HostName
from tlswitness.policy.dane import HostFound, NextHop, NoDane, WhyNoDane
from tlswitness.policy.plan import Plan, Refusal, Tag, make_plan, mx_lookup_refusal
from tlswitness.policy.sts.model import StsAbsent


@dataclass(frozen=True, slots=True)
class Course:
    """Hosts to try, in this order."""

    next_hop: NextHop
    """Whose hosts these are: the domain that policies are looked up for."""
    hosts: tuple[HostName | BadName, ...]
    port: int
    implicit: bool = False
    """The recipient domain has no MX and is its own host: without an address it takes no mail at all."""
    by_chance: bool = False
    """Some are equally preferred: their order is drawn."""
    more: bool = False
    """The domain has others, which are left out for their number."""


@dataclass(frozen=True, slots=True)
class Literal:
    """An address, not a name: no policy of any kind applies (RFC 8461 section 3.4, RFC 7672 section 2.2)."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class NoCourse:
    """There is nowhere to go."""

    status: str
    """Enhanced status code; of class 5 where it is for good."""
    text: str
    events: tuple[PolicyFailed, ...] = ()
    """What is to be reported."""


async def find_course(
    hop: Hop | None, destination: Destination, resolver: Resolver, rng: random.Random
) -> Course | Literal | NoCourse:
    """Where mail for `destination` goes by one hop of the operator's route, or (None) by its MXs."""
    if hop is None:
        return await _by_mx(destination.domain, destination, resolver, rng, destination.port)
    port = hop.port or destination.port
    if hop.host is None:
        assert hop.address is not None
        return Literal(hop.address, port)
    domain = Domain(hop.host.key)
    if hop.lookup_mx:
        found = await _by_mx(domain, destination, resolver, rng, port)
        # What is wrong with the operator's route he can mend: no mail bounces for it.
        if isinstance(found, NoCourse):
            return replace(found, status=f"4{found.status[1:]}")
        return replace(found, implicit=False)
    # Not subject to MX lookups: the operator says who it is, and DANE applies to it (RFC 7672 section 2.2.2).
    return Course(NextHop(domain, domain, secure=True), (hop.host,), port)


def literal_plan(destination: Destination, literal: Literal, tag: Tag = Tag.NORMAL) -> Plan | Refusal:
    """The plan for an address: what the operator demands is all there is. Sessions under it are reported to nobody."""
    finding, sts = literal_findings(destination, literal)
    return make_plan(destination.domain, finding, sts, destination.local, port=literal.port, tag=tag)


def literal_findings(destination: Destination, literal: Literal) -> tuple[HostFound, StsAbsent]:
    """What there is to be found about an address: nothing, without a lookup."""
    host = HostName(literal.address, literal.address)
    finding = HostFound(host, (literal.address,), NoDane("an address has no TLSA records", WhyNoDane.OFF))
    return finding, StsAbsent(destination.domain, "no policy applies to an address")


async def _by_mx(
    domain: Domain, destination: Destination, resolver: Resolver, rng: random.Random, port: int
) -> Course | NoCourse:
    match await find_mx(resolver, domain):
        case NullMx():
            return NoCourse("5.1.10", f"{domain} accepts no mail (null MX)")
        case NoSuchDomain():
            return NoCourse("5.1.2", f"the domain {domain} does not exist")
        case MxLookupFailed(answer=answer):
            refusal = mx_lookup_refusal(domain, answer, use_dane=destination.dane)
            return NoCourse(refusal.status, refusal.reason, refusal.events)
        case MxHosts() as found:
            pairs = [(entry.preference, entry.host) for entry in found.entries]
            hosts = in_order(pairs, destination.sender.own_names, rng)
            if not hosts.names:
                own = hosts.own
                return NoCourse("5.4.6", f"mail for {domain} loops back to us: {own} is this machine")
            next_hop = NextHop(domain, found.expanded, found.secure)
            return Course(next_hop, hosts.names, port, found.implicit, hosts.by_chance, hosts.more)
