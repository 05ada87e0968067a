"""What was decided for a destination a moment ago: course, policy, plans. A burst of messages decides once.

Separate because it is a promise about time and nothing else: for HOLD seconds a message travels as one that was handed
over a moment before, unless DNS is believed otherwise since. Only what lets mail go is kept: a failed lookup, a
refusal, or a failure that is to be reported is looked at anew by each message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tlswitness.delivery.course import Course, Literal, NoCourse
from tlswitness.delivery.pool import Key
from tlswitness.delivery.settings import Destination, Hop
from tlswitness.dns.answer import Resolver
from tlswitness.names import BadName, Domain, HostName
from tlswitness.policy.plan import Plan, Refusal, Tag
from tlswitness.policy.sts.model import StsAnswer

HOLD = 1.0
"""Seconds: nobody can tell, and a busy destination costs one decision in each of them."""
MAX_DESTINATIONS = 1_000
"""Destinations remembered at a time: mail to ever new domains must not fill the memory."""


@dataclass(frozen=True, slots=True)
class _Planned:
    course: Course
    sts: StsAnswer
    plan: Plan
    keys: dict[str, Key] = field(default_factory=dict)
    """By address."""


@dataclass(slots=True)
class Decided:
    """For one destination. A delivery may hold it for long: what is over is not given to it either."""

    destination: Destination
    generation: int
    """Of the resolver, before anything was asked."""
    until: float
    _clock: Callable[[], float]
    _resolver: Resolver
    _courses: dict[Hop | None, Course] = field(default_factory=dict)
    _sts: dict[Domain, StsAnswer] = field(default_factory=dict)
    _plans: dict[HostName, _Planned] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether what was decided still counts."""
        return self._clock() < self.until and self.generation == self._resolver.generation

    def course(self, hop: Hop | None) -> Course | None:
        return self._courses.get(hop) if self.holds else None

    def keep_course(self, hop: Hop | None, course: Course | Literal | NoCourse) -> None:
        """A course whose order is left to chance is drawn anew for each message (RFC 5321 section 5.1)."""
        if isinstance(course, Course) and not course.by_chance:
            self._courses[hop] = course

    def sts(self, domain: Domain) -> StsAnswer | None:
        return self._sts.get(domain) if self.holds else None

    def keep_sts(self, domain: Domain, answer: StsAnswer) -> None:
        if answer.failure is None:
            self._sts[domain] = answer

    def plan(self, host: HostName | BadName, course: Course, sts: StsAnswer, tag: Tag = Tag.NORMAL) -> Plan | None:
        """Plans for messages with another tag, which are few, are made for each of them."""
        known = self._plans.get(host) if isinstance(host, HostName) and tag is Tag.NORMAL else None
        if known is None or not self.holds or known.sts is not sts or not _alike(known.course, course):
            return None
        return known.plan

    def keep_plan(self, course: Course, sts: StsAnswer, plan: Plan | Refusal) -> None:
        if isinstance(plan, Plan) and plan.tag is Tag.NORMAL:
            self._plans[plan.host] = _Planned(course, sts, plan)

    def key(self, plan: Plan, address: str) -> Key:
        """One object for all messages that travel alike: keys are compared for each of them."""
        known = self._plans.get(plan.host)
        if known is None or known.plan is not plan:
            return Key.of(self.destination, plan, address)
        key = known.keys.get(address)
        if key is None:
            key = known.keys[address] = Key.of(self.destination, plan, address)
        return key


class Decisions:
    """For all destinations."""

    def __init__(self, clock: Callable[[], float], resolver: Resolver) -> None:
        self._clock = clock
        self._resolver = resolver
        self._by_domain: dict[Domain, Decided] = {}

    def of(self, destination: Destination) -> Decided:
        """What holds now; empty where nothing was decided, or too long ago, or under other settings."""
        known = self._by_domain.get(destination.domain)
        if known is None or known.destination is not destination or not known.holds:
            if len(self._by_domain) >= MAX_DESTINATIONS:
                self._by_domain.clear()
            until, generation = self._clock() + HOLD, self._resolver.generation
            known = Decided(destination, generation, until, self._clock, self._resolver)
            self._by_domain[destination.domain] = known
        return known

    def forget(self, domain: Domain) -> None:
        """Something newer has been learnt."""
        self._by_domain.pop(domain, None)


def _alike(one: Course, other: Course) -> bool:
    return one is other or (one.next_hop == other.next_hop and one.port == other.port)
