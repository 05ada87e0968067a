"""The route of one message to one recipient domain: host by host, address by address, until every recipient is settled.

A host that fails is passed over; when none is left, what is still open is deferred. A failing policy is never a bounce
(RFC 7672 section 2.1.2, RFC 8461 section 5.1), and before a cached MTA-STS policy stops mail it is looked up once more
(RFC 8461 section 5). What bounces is a message that requires TLS, where no host can give it that (RFC 8689 section
4.2.1). RFC 5321 section 5.1.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from tlswitness.datapoint.outcome import NotReportable
from tlswitness.delivery.attempt import Opener
from tlswitness.delivery.course import Course, Literal, NoCourse, find_course, literal_plan
from tlswitness.delivery.decided import Decided, Decisions
from tlswitness.delivery.dispatch import Dispatcher
from tlswitness.delivery.ledger import Ledger
from tlswitness.delivery.line import Line, policy_words
from tlswitness.delivery.outcome import Envelope, RecipientOutcome
from tlswitness.delivery.pool import Pool
from tlswitness.delivery.required import named
from tlswitness.delivery.settings import Destination, Hop
from tlswitness.delivery.smtp.message import Content
from tlswitness.delivery.tag import tag_of
from tlswitness.delivery.visit import Means, Visit
from tlswitness.dns.answer import Resolver
from tlswitness.names import BadName, Domain, HostName
from tlswitness.policy.dane import WalkRules, run, walk
from tlswitness.policy.plan import Named, Plan, Refusal, Tag, make_plan, refuse_mx_name, sts_failed
from tlswitness.policy.sts.model import StsAnswer, StsApplies, StsPolicy

MAX_SESSIONS = 30
"""Addresses tried in one delivery: 20 MXs with 32 addresses each must not hold it for 640 timeouts."""

_log = logging.getLogger(__name__)


class StsPolicies(Protocol):
    """Where MTA-STS policies come from."""

    async def find(self, domain: Domain, *, use: bool, enable: bool) -> StsAnswer:
        """The policy for one delivery; `use` looks and fetches, `enable` applies."""
        ...

    async def recheck(self, applied: StsApplies) -> StsAnswer:
        """The same, having looked the id up and fetched anew: before `applied` makes a delivery fail."""
        ...


@dataclass(slots=True, eq=False)
class Router:
    """Delivers, with what it needs to do so."""

    resolver: Resolver
    policies: StsPolicies
    opener: Opener
    pool: Pool
    clock: Callable[[], float]
    rng: random.Random
    dnssec_seen: Callable[[], bool] = lambda: True
    """Whether this machine can tell at present what is signed."""
    means: Means = field(init=False)
    decisions: Decisions = field(init=False)
    _under_way: set[asyncio.Timeout] = field(default_factory=set, init=False)
    _none_left: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _closed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.means = Means(self.opener, Dispatcher(self.pool), self.clock, lambda: self.resolver.generation)
        self.decisions = Decisions(self.clock, self.resolver)

    async def deliver(
        self, destination: Destination, envelope: Envelope, content: Content
    ) -> tuple[RecipientOutcome, ...]:
        """What became of each recipient of `envelope`, all of them at `destination.domain`, in their order."""
        ledger = Ledger(envelope.recipients)
        if self._closed:
            ledger.break_off(*self._why_over(destination))
            return ledger.outcomes()
        limit = asyncio.timeout(destination.deadline)
        try:
            async with limit:
                self._under_way.add(limit)
                await _Delivery(self, destination, envelope, content, ledger, self.decisions.of(destination)).run()
        except Exception as error:  # noqa: BLE001 - the last resort, and it is logged
            if isinstance(error, TimeoutError) and limit.expired():
                ledger.break_off(*self._why_over(destination))
            else:
                # A bug of ours must not take with it what is known, nor pretend to know the rest.
                _log.exception("the delivery to %s broke off", destination.domain)
                ledger.break_off("4.3.0", "internal error, see the log")
        finally:
            self._under_way.discard(limit)
            if not self._under_way:
                self._none_left.set()
        return ledger.outcomes()

    async def close(self) -> None:
        """End the deliveries under way and take no more; returns when all have ended, what is open deferred."""
        self._closed = True
        now = asyncio.get_running_loop().time()
        for limit in self._under_way:
            if not limit.expired():
                limit.reschedule(now)
        if self._under_way:
            self._none_left.clear()
            await self._none_left.wait()
        self.means.dispatcher.abort()

    async def plan(
        self,
        destination: Destination,
        host: HostName | BadName,
        course: Course,
        sts: StsAnswer,
        tag: Tag = Tag.NORMAL,
    ) -> Plan | Refusal:
        """The plan for one host of a course, for messages with this tag."""
        domain = course.next_hop.domain
        refusal = refuse_mx_name(domain, host, sts, destination.local, tag)
        if refusal is not None:
            return refusal
        rules = WalkRules(course.port, destination.dane, digests=destination.digests)
        finding = await run(walk(host, course.next_hop, rules), self.resolver)
        by = named(course, dnssec_seen=self.dnssec_seen()) if tag is Tag.REQUIRE else Named.NO
        return make_plan(domain, finding, sts, destination.local, port=course.port, tag=tag, named=by)

    def _why_over(self, destination: Destination) -> tuple[str, str]:
        if self._closed:
            return "4.3.2", "the engine is being closed"
        return "4.4.7", f"the delivery took longer than {destination.deadline:g} seconds"


@dataclass(slots=True)
class _Delivery:
    router: Router
    destination: Destination
    envelope: Envelope
    content: Content
    ledger: Ledger
    decided: Decided
    tried: int = 0
    """Addresses so far."""
    sts_in_the_way: bool = False
    """An MTA-STS policy kept mail from a host of the current course: worth another look."""
    generation: int = field(init=False)
    """Of the resolver, before the current course was found."""
    outdated: bool = False
    """DNS is believed otherwise since, so the plans of this course let no more mail go: it is to be found anew."""
    tag: Tag = field(init=False)

    def __post_init__(self) -> None:
        self.tag = tag_of(self.envelope, self.content)
        self.generation = self.router.resolver.generation

    @property
    def over(self) -> bool:
        return self.ledger.closed or self.tried >= MAX_SESSIONS

    async def run(self) -> None:
        await self._route()
        if self.over:
            return
        if self.tag is Tag.REQUIRE and not self.envelope.sender:
            # A bounce is worth more than its protection: it goes as other mail does, rather than not at all (RFC 8689
            # section 5). What may be gone tomorrow is waited for.
            if not self.ledger.hopeless:
                return
            _log.info(
                "%s: no host passes REQUIRETLS on, and the null sender's mail goes without", self.destination.domain
            )
            self.tag, self.envelope = Tag.NORMAL, replace(self.envelope, require_tls=False)
            await self._route()
        else:
            self.ledger.conclude()

    async def _route(self) -> None:
        for hop in self.destination.hops or (None,):
            await self._hop(hop)
            if self.outdated and not self.over:
                await self._hop(hop)
            if self.over:
                return

    async def _hop(self, hop: Hop | None) -> None:
        self.outdated = False
        self.generation = self.router.resolver.generation
        found = self.decided.course(hop) or await self._find_course(hop)
        if self.generation != self.router.resolver.generation:  # the first lookup of all tests the resolver
            self.generation = self.router.resolver.generation
            found = await self._find_course(hop)
        match found:
            case NoCourse() as nowhere:
                self._nowhere(nowhere)
            case Literal() as literal:
                await self._literal(literal)
            case Course() as course:
                await self._course(course)

    async def _find_course(self, hop: Hop | None) -> Course | Literal | NoCourse:
        course = await find_course(hop, self.destination, self.router.resolver, self.router.rng)
        self.decided.keep_course(hop, course)
        return course

    def _nowhere(self, course: NoCourse) -> None:
        for event in course.events:
            self.router.opener.report(event)
        domain = self.destination.domain
        Line(domain, "none", "none", "none", "no route", course.status, 0.0, course.text).log()
        if course.status.startswith("5"):
            self.ledger.reject(course.status, course.text)
        else:
            self.ledger.note(course.status, course.text)

    async def _literal(self, literal: Literal) -> None:
        # No domain, so nobody to report to.
        quiet = replace(self.destination, report_without_policy=False)
        plan = literal_plan(quiet, literal, self.tag)
        if isinstance(plan, Plan):
            await self._plan(plan, quiet)
        else:
            self._refused(plan, None)

    async def _course(self, course: Course) -> None:
        domain = course.next_hop.domain
        sts = self.decided.sts(domain) or await self._find_policy(domain)
        self.sts_in_the_way = False
        await self._hosts(course, sts)
        if self.over or self.outdated or not self.sts_in_the_way or not isinstance(sts, StsApplies) or not sts.cached:
            return
        again = await self.router.policies.recheck(sts)
        self.router.decisions.forget(self.destination.domain)
        self._told(again)
        if _policy_of(again) != sts.policy:
            await self._hosts(course, again)

    async def _find_policy(self, domain: Domain) -> StsAnswer:
        use, enable = self.destination.use_mta_sts, self.destination.enable_mta_sts
        sts = await self.router.policies.find(domain, use=use, enable=enable)
        self._told(sts)
        self.decided.keep_sts(domain, sts)
        return sts

    def _told(self, sts: StsAnswer) -> None:
        event = sts_failed(sts)
        if event is not None:
            self.router.opener.report(event)

    async def _hosts(self, course: Course, sts: StsAnswer) -> None:
        for host in course.hosts:
            await self._host(host, course, sts)
            if self.over or self.outdated:
                return
        if course.more and self.tag is Tag.REQUIRE:
            # Nobody has asked the others: no reason for a bounce.
            self.ledger.note("4.4.1", f"{course.next_hop.domain} has more MXs than are tried")

    async def _host(self, host: HostName | BadName, course: Course, sts: StsAnswer) -> None:
        plan = self.decided.plan(host, course, sts, self.tag) or await self._find_plan(host, course, sts)
        if isinstance(plan, Plan):
            for event in plan.events:
                self.router.opener.report(event)
            await self._plan(plan, self.destination)
            return
        self._refused(plan, sts)
        if course.implicit and plan.status == "4.4.4":
            # Neither MX nor address: there is no such mail domain, and there will be none tomorrow.
            self.ledger.reject("5.4.4", plan.reason)

    async def _find_plan(self, host: HostName | BadName, course: Course, sts: StsAnswer) -> Plan | Refusal:
        plan = await self.router.plan(self.destination, host, course, sts, self.tag)
        self.decided.keep_plan(course, sts, plan)
        return plan

    def _refused(self, refusal: Refusal, sts: StsAnswer | None) -> None:
        for event in refusal.events or (NotReportable(refusal.reason),):
            self.router.opener.report(event)
        failure = refusal.failure
        self.sts_in_the_way |= refusal.by_sts
        verdict = str(failure.result_type) if failure is not None else "unreachable"
        if refusal.by_message:
            verdict = "requiretls-not-possible"
        policy = f"sts-{sts.policy.mode}" if isinstance(sts, StsApplies) else "none"
        domain, host = self.destination.domain, str(refusal.host)
        Line(domain, host, "none", policy, verdict, refusal.status, 0.0, refusal.reason).log()
        self.ledger.note(refusal.status, refusal.reason)

    async def _plan(self, plan: Plan, destination: Destination) -> None:
        """Every address of one host."""
        addresses = destination.family.arrange(plan.addresses)
        if not addresses:
            self._no_family(plan, destination)
        for address in addresses:
            await self._address(plan, address, destination)
            if self.over or self.outdated:
                return

    def _no_family(self, plan: Plan, destination: Destination) -> None:
        text = f'{plan.host} has no address that the local rule address_family = "{destination.family}" allows'
        self.router.opener.report(NotReportable(text))
        Line(destination.domain, str(plan.host), "none", policy_words(plan), "unreachable", "4.4.4", 0.0, text).log()
        self.ledger.note("4.4.4", text)

    async def _address(self, plan: Plan, address: str, destination: Destination) -> None:
        self.tried += 1
        key = self.decided.key(plan, address)
        means, generation = self.router.means, self.generation
        visit = Visit(means, destination, self.envelope, self.content, self.ledger, plan, address, key, generation)
        broken = await visit.pay()
        self.outdated = self.outdated or visit.outdated
        self.sts_in_the_way |= broken is not None and broken.sts_forbids


def _policy_of(sts: StsAnswer) -> StsPolicy | None:
    return sts.policy if isinstance(sts, StsApplies) else None
