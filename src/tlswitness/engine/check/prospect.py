"""What was looked at, followed in the order of a delivery: where the mail would end, and what would be reported. Pure.

Separate from the looking, which sees every host: a delivery stops at the first that takes the mail (RFC 5321 section
5.1) and reports each failure without a session once (RFC 8460 section 4.3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tlswitness.datapoint import DataPoint, Outcome
from tlswitness.delivery.course import Course, NoCourse
from tlswitness.engine.check.model import Fate, MxLook, Pass, Prospect, Try, Way
from tlswitness.engine.reporter import Reporter
from tlswitness.policy.plan import Plan, Refusal
from tlswitness.policy.sts import StsAnswer

NOWHERE = Prospect(Fate.DEFERRED, "4.4.1", "no host could be reached")
"""Where nothing has been tried and nothing went wrong."""


def prospect_of(ways: Iterable[Way], at: float, *, connected: bool) -> Prospect:
    """What a delivery would come to; without `connected` as far as that can be told."""
    follower = _Follower(at, connected)
    for way in ways:
        end = follower.way(way)
        if end is not None:
            return replace(end, points=tuple(follower.points))
    return replace(follower.last, points=tuple(follower.points))


def protection(plan: Plan) -> tuple[str, ...]:
    """What of a plan forbids a session with a server that is not authenticated."""
    demands = {
        "tlsa": plan.dane is not None and plan.dane.authenticated,
        "sts": plan.sts is not None and plan.sts.binding,
        "local": plan.local.tls_verify,
    }
    return tuple(name for name, demanded in demands.items() if demanded)


@dataclass(slots=True)
class _Follower:
    at: float
    connected: bool
    points: list[DataPoint] = field(default_factory=list)
    last: Prospect = NOWHERE
    """What a deferral would say: the last thing that went wrong."""
    reporter: Reporter = field(init=False)

    def __post_init__(self) -> None:
        self.reporter = Reporter([self], lambda: self.at)

    def submit(self, point: DataPoint) -> None:
        self.points.append(point)

    def way(self, way: Way) -> Prospect | None:
        """How the mail ends on this way; None: it goes on to the next."""
        if isinstance(way.course, NoCourse):
            return self._nowhere(way.course)
        implicit = isinstance(way.course, Course) and way.course.implicit
        for number, seen in enumerate(way.passes):
            self._told(seen.sts if number == 0 else None)
            end = self._pass(seen, implicit)
            if end is not None:
                return end
            if number == 0:
                self._told(way.again)
        return None

    def _told(self, sts: StsAnswer | None) -> None:
        event = sts.event() if sts is not None else None
        if event is not None:
            self.reporter.report(event)

    def _nowhere(self, course: NoCourse) -> Prospect | None:
        self._report(course.events)
        if course.status.startswith("5"):
            return Prospect(Fate.BOUNCED, course.status, course.text)
        self.last = Prospect(Fate.DEFERRED, course.status, course.text)
        return None

    def _pass(self, seen: Pass, implicit: bool) -> Prospect | None:
        for host in seen.hosts:
            if isinstance(host.plan, Refusal):
                end = self._refused(host.plan, implicit)
            elif not self.connected:
                return _untried(host.plan)
            else:
                end = self._tries(host, host.plan)
            if end is not None:
                return end
        return None

    def _refused(self, refusal: Refusal, implicit: bool) -> Prospect | None:
        self._report(refusal.events)
        if implicit and refusal.status == "4.4.4":
            return Prospect(Fate.BOUNCED, "5.4.4", refusal.reason)
        self.last = Prospect(Fate.DEFERRED, refusal.status, refusal.reason)
        return None

    def _tries(self, host: MxLook, plan: Plan) -> Prospect | None:
        if not host.tries:
            self.last = Prospect(Fate.DEFERRED, "4.4.4", f"{host.host} has no address that may be used")
        for tried in host.tries:
            self._report(tried.outcomes)
            if tried.broken is None:
                return _delivered(tried, plan)
            self.last = Prospect(Fate.DEFERRED, tried.broken.status, tried.broken.text)
        return None

    def _report(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            self.reporter.report(outcome)


def _untried(plan: Plan) -> Prospect:
    text = "nobody was connected to"
    return Prospect(Fate.UNKNOWN, "", text, protected_by=protection(plan), tls_demanded=plan.tls_demanded)


def _delivered(tried: Try, plan: Plan) -> Prospect:
    return Prospect(Fate.DELIVERED, "", "", tried.relay, tried.tls, protection(plan), plan.tls_demanded)
