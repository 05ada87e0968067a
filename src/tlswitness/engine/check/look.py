"""The asking: each course of a domain, its policies, every host, every address.

Separate because it is the shell: what it finds out is judged elsewhere, without a network. Everything is looked at,
also what lies behind the MX that would take the mail (RFC 5321 section 5.1, RFC 7672 section 2.2, RFC 8461 section 5).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from tlswitness.datapoint import Cause
from tlswitness.delivery.attempt import Opener
from tlswitness.delivery.course import Course, Literal, NoCourse, find_course, literal_findings, literal_plan
from tlswitness.delivery.required import named
from tlswitness.delivery.settings import Destination, Hop
from tlswitness.dns.answer import Found, RecordType
from tlswitness.dns.resolver import DnsResolver
from tlswitness.engine.check.findings import findings_of
from tlswitness.engine.check.model import Check, MxLook, Pass, StsLook, Try, Way
from tlswitness.engine.check.policy import StsAsker
from tlswitness.engine.check.prospect import prospect_of
from tlswitness.engine.check.session import try_address
from tlswitness.names import BadName, HostName
from tlswitness.policy.dane import HostFound, NoDane, WalkRules, WhyNoDane, run, walk
from tlswitness.policy.plan import Plan, Refusal, Tag, make_plan
from tlswitness.policy.sts import PolicyStore, StsAnswer, StsApplies, StsPolicies, StsPolicy
from tlswitness.policy.sts.fetch import Fetcher
from tlswitness.tlsrpt import find_record

AT_ONCE = 6
"""Sessions at a time: enough that dead addresses do not wait for one another."""
MAX_SESSIONS = 30
"""Addresses tried, as in a delivery: a domain chooses how many it has."""

_UNSIGNED = (WhyNoDane.MX_INSECURE, WhyNoDane.ADDRESS_INSECURE, WhyNoDane.TLSA_INSECURE)


@dataclass(frozen=True, slots=True)
class Looker:
    """Checks domains, with what an engine delivers with."""

    resolver: DnsResolver
    fetcher: Fetcher
    store: PolicyStore
    opener: Opener
    clock: Callable[[], float]
    rng: random.Random

    async def check(self, destination: Destination, *, mx: HostName | None = None, connect: bool = True) -> Check:
        """Everything about `destination`; `mx` alone in place of its MXs, if given. Without `connect` no MX is
        spoken to.
        """
        return await _Look(self, destination, mx, connect).check()


class _Look:
    """One check."""

    def __init__(self, looker: Looker, destination: Destination, mx: HostName | None, connect: bool) -> None:
        self.looker = looker
        self.destination = destination
        self.mx = mx
        self.connect = connect
        self.turns = asyncio.Semaphore(AT_ONCE)
        self.sessions = 0
        self.at = looker.clock()
        """One moment for all that is told: the same session must not be told twice with two times."""

    async def check(self) -> Check:
        looker, destination, at = self.looker, self.destination, self.at
        ways = tuple([await self._way(hop) for hop in destination.hops or (None,)])
        trust = looker.resolver.trust
        prospect = prospect_of(ways, at, connected=self.connect)
        return Check(
            domain=destination.domain,
            at=at,
            trust=trust,
            ways=ways,
            prospect=prospect,
            findings=findings_of(destination, trust, ways, prospect, at),
            exists=not any(map(_is_unknown, ways)),
        )

    async def _way(self, hop: Hop | None) -> Way:
        course = await find_course(
            destination=self.destination, hop=hop, resolver=self.looker.resolver, rng=self.looker.rng
        )
        match course:
            case NoCourse():
                return Way(course)
            case Literal():
                return await self._literal(course)
            case Course():
                return await self._course(course if self.mx is None else replace(course, hosts=(self.mx,)))

    async def _literal(self, course: Literal) -> Way:
        finding, sts = literal_findings(self.destination, course)
        plan = literal_plan(self.destination, course)
        # No domain, so nobody to report to.
        tries = await self._tries(plan, replace(self.destination, report_without_policy=False))
        required = literal_plan(self.destination, course, Tag.REQUIRE)
        return Way(course, passes=(Pass(sts, (MxLook(finding.host, finding, plan, required, tries),)),))

    async def _course(self, course: Course) -> Way:
        destination, looker = self.destination, self.looker
        domain = course.next_hop.domain
        asker = StsAsker(looker.resolver, looker.fetcher, looker.store, looker.clock)
        tlsrpt, (sts, service) = await asyncio.gather(
            find_record(looker.resolver, domain),
            asker.look(domain, use=destination.use_mta_sts, enable=destination.enable_mta_sts),
        )
        try:
            first = await self._pass(course, sts.answer)
            way = Way(course, tlsrpt, sts, (first,))
            return await self._again(way, course, sts, service) if self._sts_in_the_way(first) else way
        finally:
            await service.aclose()

    async def _again(self, way: Way, course: Course, sts: StsLook, service: StsPolicies) -> Way:
        """As a delivery does before a cached policy makes it fail."""
        assert isinstance(sts.answer, StsApplies)
        again = await service.recheck(sts.answer)
        way = replace(way, again=again)
        if _policy_of(again) == sts.answer.policy:
            return way
        return replace(way, passes=(*way.passes, await self._pass(course, again)))

    async def _pass(self, course: Course, sts: StsAnswer) -> Pass:
        return Pass(sts, tuple(await asyncio.gather(*(self._host(course, host, sts) for host in course.hosts))))

    async def _host(self, course: Course, host: HostName | BadName, sts: StsAnswer) -> MxLook:
        destination, resolver = self.destination, self.looker.resolver
        rules = WalkRules(course.port, destination.dane, digests=destination.digests)
        finding = await run(walk(host, course.next_hop, rules), resolver)
        plan = make_plan(course.next_hop.domain, finding, sts, destination.local, port=course.port)
        idle = False
        if isinstance(finding, HostFound) and isinstance(finding.dane, NoDane) and finding.dane.why in _UNSIGNED:
            answer = await resolver.lookup(f"_{course.port}._tcp.{finding.host.key}", RecordType.TLSA)
            idle = isinstance(answer, Found)
        by = named(course, dnssec_seen=resolver.trust.seen)
        required = make_plan(
            course.next_hop.domain, finding, sts, destination.local, port=course.port, tag=Tag.REQUIRE, named=by
        )
        return MxLook(host, finding, plan, required, await self._tries(plan, destination), idle)

    async def _tries(self, plan: Plan | Refusal, destination: Destination) -> tuple[Try, ...]:
        if not self.connect or isinstance(plan, Refusal):
            return ()
        addresses = destination.family.arrange(plan.addresses)[: MAX_SESSIONS - self.sessions]
        self.sessions += len(addresses)
        return tuple(await asyncio.gather(*(self._try(plan, address, destination) for address in addresses)))

    async def _try(self, plan: Plan, address: str, destination: Destination) -> Try:
        async with self.turns:
            return await try_address(self.looker.opener, plan, address, destination, self.at)

    def _sts_in_the_way(self, seen: Pass) -> bool:
        """Whether a cached policy keeps the mail from every host, as far as that was tried."""
        if not isinstance(seen.sts, StsApplies) or not seen.sts.cached:
            return False
        plans = [host.plan for host in seen.hosts]
        tries = [tried.broken for host in seen.hosts for tried in host.tries]
        if None in tries or (not self.connect and any(isinstance(plan, Plan) for plan in plans)):
            return False
        failures = [plan.failure for plan in plans if isinstance(plan, Refusal) and plan.failure is not None]
        unnamed = any(failure.cause is Cause.STS_MX_MISMATCH for failure in failures)
        return unnamed or any(broken is not None and broken.sts_forbids for broken in tries)


def _policy_of(answer: StsAnswer) -> StsPolicy | None:
    return answer.policy if isinstance(answer, StsApplies) else None


def _is_unknown(way: Way) -> bool:
    return isinstance(way.course, NoCourse) and way.course.status == "5.1.2"
