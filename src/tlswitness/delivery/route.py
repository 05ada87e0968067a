"""The route of one message to one recipient domain: host by host, address by address, until every recipient is settled.

A host that fails is passed over; when none is left, what is still open is deferred. A failing policy is never a bounce
(RFC 7672 section 2.1.2, RFC 8461 section 5.1), and before a cached MTA-STS policy stops mail it is looked up once more
(RFC 8461 section 5). RFC 5321 section 5.1.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from tlswitness.datapoint.failure import Cause
from tlswitness.datapoint.outcome import NotReportable
from tlswitness.delivery.attempt import Broken, Opener, Session
from tlswitness.delivery.course import Course, Literal, NoCourse, courses
from tlswitness.delivery.line import Line, policy_words, tls_words
from tlswitness.delivery.outcome import Deferred, Delivered, Envelope, Failed, RecipientOutcome, Relay, TlsFacts
from tlswitness.delivery.pool import Key, Pool
from tlswitness.delivery.settings import Destination
from tlswitness.delivery.smtp.message import Content
from tlswitness.delivery.smtp.talk import Lost
from tlswitness.delivery.smtp.transaction import Later, Never, RecipientResult, Taken, Transaction, transact
from tlswitness.dns.answer import Resolver
from tlswitness.names import BadName, Domain, HostName
from tlswitness.policy.dane import WalkRules, run, walk
from tlswitness.policy.plan import Plan, Refusal, make_plan, refuse_mx_name, sts_failed
from tlswitness.policy.sts.model import StsAnswer, StsApplies, StsPolicy

MAX_SESSIONS = 30
"""Addresses tried in one delivery: 20 MXs with 32 addresses each must not hold it for 640 timeouts."""


_GRAVITY: dict[type[RecipientResult], int] = {Taken: 0, Later: 1, Never: 2}


class StsPolicies(Protocol):
    """Where MTA-STS policies come from."""

    async def find(self, domain: Domain, *, use: bool, enable: bool) -> StsAnswer:
        """The policy for one delivery; `use` looks and fetches, `enable` applies."""
        ...

    async def recheck(self, applied: StsApplies) -> StsAnswer:
        """The same, having looked the id up and fetched anew: before `applied` makes a delivery fail."""
        ...


@dataclass(frozen=True, slots=True)
class Router:
    """Delivers, with what it needs to do so."""

    resolver: Resolver
    policies: StsPolicies
    opener: Opener
    pool: Pool
    clock: Callable[[], float]
    rng: random.Random

    async def deliver(
        self, destination: Destination, envelope: Envelope, content: Content
    ) -> tuple[RecipientOutcome, ...]:
        """What became of each recipient of `envelope`, all of them at `destination.domain`, in their order."""
        delivery = _Delivery(self, destination, envelope, content)
        try:
            async with asyncio.timeout(destination.deadline):
                await delivery.run()
        except TimeoutError:
            delivery.uncertain |= delivery.in_flight
            delivery.note("4.4.7", f"the delivery took longer than {destination.deadline:g} seconds")
        return delivery.outcomes()

    async def plan(
        self, destination: Destination, host: HostName | BadName, course: Course, sts: StsAnswer
    ) -> Plan | Refusal:
        """The plan for one host of a course."""
        domain = course.next_hop.domain
        refusal = refuse_mx_name(domain, host, sts, destination.local)
        if refusal is not None:
            return refusal
        rules = WalkRules(port=course.port, use_dane=destination.dane)
        finding = await run(walk(host, course.next_hop, rules), self.resolver)
        return make_plan(domain, finding, sts, destination.local, port=course.port)


@dataclass(slots=True)
class _Delivery:
    router: Router
    destination: Destination
    envelope: Envelope
    content: Content
    settled: dict[str, RecipientOutcome] = field(default_factory=dict)
    status: str = "4.4.1"
    text: str = "no host could be reached"
    relay: Relay | None = None
    sessions: int = 0
    sts_in_the_way: bool = False
    """A cached MTA-STS policy kept mail from a host: worth another look."""
    uncertain: bool = False
    """A server may have the message: no other may get it in this delivery."""
    in_flight: bool = False
    """A transaction is under way."""

    @property
    def open(self) -> tuple[str, ...]:
        """Recipients still to be settled."""
        return tuple(dict.fromkeys(r for r in self.envelope.recipients if r not in self.settled))

    @property
    def over(self) -> bool:
        return not self.open or self.uncertain or self.sessions >= MAX_SESSIONS

    def note(self, status: str, text: str, relay: Relay | None = None) -> None:
        """What a deferral would say now: the last thing that went wrong."""
        self.status, self.text, self.relay = status, text, relay

    def outcomes(self) -> tuple[RecipientOutcome, ...]:
        deferred = Deferred("", self.status, self.text, self.relay, uncertain=self.uncertain)
        return tuple(self.settled.get(r) or replace(deferred, recipient=r) for r in self.envelope.recipients)

    async def run(self) -> None:
        for course in await courses(self.destination, self.router.resolver, self.router.rng):
            match course:
                case NoCourse():
                    self._nowhere(course)
                case Literal():
                    await self._literal(course)
                case Course():
                    await self._course(course)
            if self.over:
                return

    def _nowhere(self, course: NoCourse) -> None:
        for event in course.events:
            self.router.opener.report(event)
        domain = self.destination.domain
        Line(domain, "none", "none", "none", "no route", course.status, 0.0, course.text).log()
        if course.status.startswith("5") and not self.destination.hops:
            self.settled |= {r: Failed(r, course.status, course.text) for r in self.open}
        else:
            self.note(f"4{course.status[1:]}", course.text)

    async def _literal(self, course: Literal) -> None:
        host = HostName(course.address, course.address)
        plan = Plan(
            self.destination.domain, host, (course.address,), course.port, self.destination.local, None, None, ()
        )
        # No domain, so nobody to report to.
        self.destination = replace(self.destination, report_without_policy=False)
        await self._plan(plan)

    async def _course(self, course: Course) -> None:
        sts = await self._policy(course.next_hop.domain)
        await self._hosts(course, sts)
        if self.over or not self.sts_in_the_way or not isinstance(sts, StsApplies):
            return
        again = await self.router.policies.recheck(sts)
        self._told(again)
        if _policy_of(again) != sts.policy:
            await self._hosts(course, again)

    async def _policy(self, domain: Domain) -> StsAnswer:
        destination = self.destination
        use, enable = destination.use_mta_sts, destination.enable_mta_sts
        sts = await self.router.policies.find(domain, use=use, enable=enable)
        self._told(sts)
        return sts

    def _told(self, sts: StsAnswer) -> None:
        event = sts_failed(sts)
        if event is not None:
            self.router.opener.report(event)

    async def _hosts(self, course: Course, sts: StsAnswer) -> None:
        for host in course.hosts:
            plan = await self.router.plan(self.destination, host, course, sts)
            if isinstance(plan, Plan):
                await self._plan(plan)
            else:
                self._refused(plan, course, sts)
            if self.over:
                return

    def _refused(self, refusal: Refusal, course: Course, sts: StsAnswer) -> None:
        for event in refusal.events:
            self.router.opener.report(event)
        if not refusal.events:
            self.router.opener.report(NotReportable(refusal.reason))
        failure = refusal.failure
        self.sts_in_the_way |= failure is not None and failure.cause is Cause.STS_MX_MISMATCH
        verdict = str(failure.result_type) if failure is not None else "unreachable"
        policy = f"sts-{sts.policy.mode}" if isinstance(sts, StsApplies) else "none"
        domain, host = self.destination.domain, str(refusal.host)
        Line(domain, host, "none", policy, verdict, refusal.status, 0.0, refusal.reason).log()
        if course.implicit and refusal.status == "4.4.4":
            # Neither MX nor address: there is no such mail domain, and there will be none tomorrow.
            self.settled |= {r: Failed(r, "5.4.4", refusal.reason) for r in self.open}
        else:
            self.note(refusal.status, refusal.reason)

    async def _plan(self, plan: Plan) -> None:
        """Every address of one host."""
        for address in self.destination.family.arrange(plan.addresses):
            await self._address(plan, address)
            if self.over:
                return

    async def _address(self, plan: Plan, address: str) -> None:
        destination, pool = self.destination, self.router.pool
        key = Key(destination.domain, plan, address, destination.sender.source(address))
        async with pool.slot(destination.domain, destination.limits.connections):
            self.sessions += 1
            started = self.router.clock()
            session = pool.take(key)
            reused = session is not None
            if session is None:
                opened = await self.router.opener.open(plan, address, destination)
                if isinstance(opened, Broken):
                    self._broken(plan, opened, started)
                    return
                session = opened
            lost = await self._transactions(key, session, started)
        if lost and reused:
            # It had idled too long for the server's taste: the same address deserves a fresh connection.
            await self._address(plan, address)

    def _broken(self, plan: Plan, broken: Broken, started: float) -> None:
        self.sts_in_the_way |= broken.sts_forbids
        self.note(broken.status, broken.text, broken.relay)
        self._line(plan, broken.relay, broken.tls, broken.verdict, broken.status, started, broken.text)

    async def _transactions(self, key: Key, session: Session, started: float) -> bool:
        """All open recipients, as many in a transaction as may be. True: the session was lost before it began."""
        limits = self.destination.limits
        waiting = list(self.open)
        keep = False
        try:
            while waiting:
                part, waiting = waiting[: limits.recipients], waiting[limits.recipients :]
                envelope = replace(self.envelope, recipients=tuple(part))
                talk = transact(session.capabilities, envelope, self.content, self.destination.timeouts)
                first = session.messages
                session.messages += 1
                self.in_flight = True
                done = await session.connection.run(talk)
                self.in_flight = False
                if first and isinstance(done.ended, Lost) and not any(map(_is_uncertain, done.results)):
                    return True
                self._settle(part, done, session, started)
                keep = done.reusable and session.messages < limits.messages and limits.idle > 0
                if not keep:
                    break
        finally:
            if keep:
                self.router.pool.keep(key, session, limits.idle)
            else:
                self.router.pool.leave(session)
        return False

    def _settle(self, part: Sequence[str], done: Transaction, session: Session, started: float) -> None:
        for recipient, result in zip(part, done.results, strict=True):
            match result:
                case Taken(status=status, text=text):
                    self.settled[recipient] = Delivered(recipient, status, text, session.relay, session.tls)
                case Never(status=status, text=text):
                    self.settled[recipient] = Failed(recipient, status, text, session.relay)
                case Later(uncertain=True, status=status, text=text):
                    self.uncertain = True
                    self.settled[recipient] = Deferred(recipient, status, text, session.relay, uncertain=True)
                case Later(status=status, text=text):
                    self.note(status, f"{session.relay} said: {text}", session.relay)
        worst = max(done.results, key=lambda result: _GRAVITY[type(result)])
        self._line(session.plan, session.relay, session.tls, "ok", worst.status, started, worst.text)

    def _line(self, plan: Plan, relay: Relay, tls: TlsFacts, verdict: str, dsn: str, started: float, text: str) -> None:
        seconds = self.router.clock() - started
        domain, policy = self.destination.domain, policy_words(plan)
        Line(domain, str(relay), tls_words(tls), policy, verdict, dsn, seconds, text).log()


def _policy_of(sts: StsAnswer) -> StsPolicy | None:
    return sts.policy if isinstance(sts, StsApplies) else None


def _is_uncertain(result: RecipientResult) -> bool:
    return isinstance(result, Later) and result.uncertain
