"""A visit to one address of one MX: as many sessions and transactions as the recipients of one message take.

Separate from the route, which decides where to go next, from the attempt, which opens one session, and from the
dispatcher, which says in which session this message goes: here it is cut into transactions, and each answer is taken
down. RFC 5321 section 4.5.3.1.10; RFC 8460 section 4.2 (a connection is one session, however many messages it carries).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from tlswitness.delivery.attempt import Broken, Opener, Session
from tlswitness.delivery.dispatch import Dispatcher
from tlswitness.delivery.ledger import Ledger
from tlswitness.delivery.line import Line, policy_words, tls_words, wanted
from tlswitness.delivery.outcome import Envelope, Relay
from tlswitness.delivery.pool import Key
from tlswitness.delivery.settings import Destination, Limits
from tlswitness.delivery.smtp.message import Content
from tlswitness.delivery.smtp.outgoing import Job
from tlswitness.delivery.smtp.talk import Lost, Refused, Timeouts
from tlswitness.delivery.smtp.transaction import Later, Never, RecipientResult, Taken, Transaction
from tlswitness.policy.plan import Plan

_GRAVITY: dict[type[RecipientResult], int] = {Taken: 0, Later: 1, Never: 2}


@dataclass(frozen=True, slots=True)
class Means:
    """What visits share."""

    opener: Opener
    dispatcher: Dispatcher
    clock: Callable[[], float]
    generation: Callable[[], int] = lambda: 0
    """Of the resolver."""


@dataclass(slots=True, eq=False)
class Visit:
    """One message at one address: an errand of the dispatcher's."""

    means: Means
    destination: Destination
    envelope: Envelope
    content: Content
    ledger: Ledger
    plan: Plan
    address: str
    key: Key
    generation: int = 0
    """Of the resolver, before the plan was made. A message that waits for a connection may outlive it."""
    fresh: bool = field(default=False, init=False)
    _waiting: tuple[str, ...] = field(init=False)
    """Recipients who are in no transaction yet."""
    _over: bool = field(default=False, init=False)
    """Nobody waits for what becomes of it: cancelled, it is not to be sent any more."""
    _hopeless: bool = field(default=False, init=False)
    """A session broke at its first message."""
    _since: float = field(init=False)
    """When what the next log line tells of began."""

    async def pay(self) -> Broken | None:
        """Offer the message for all that are open; Broken where no session could be had (for some of them)."""
        self._waiting = self.ledger.open
        try:
            while self._waiting:
                self._since = self.means.clock()
                broken = self._outdated() if self.outdated else await self.means.dispatcher.carry(self)
                if broken is not None:
                    self.ledger.note(broken.status, broken.text, broken.relay)
                    tls = tls_words(broken.tls, "none")
                    self._log(str(broken.relay), tls, broken.verdict, broken.status, broken.text)
                    return broken
        finally:
            self._over = True
            self._waiting = ()
        return None

    @property
    def outdated(self) -> bool:
        """DNS is believed otherwise than when the plan was made: it lets no more mail go."""
        return self.generation != self.means.generation()

    # What the dispatcher asks for.

    @property
    def limits(self) -> Limits:
        return self.destination.limits

    @property
    def timeouts(self) -> Timeouts:
        return self.destination.timeouts

    @property
    def more(self) -> bool:
        return bool(self._waiting) and not self._over and not self.outdated

    async def open(self) -> Session | Broken:
        if self.outdated:
            return self._outdated()
        return await self.means.opener.open(self.plan, self.address, self.destination)

    def job(self, session: Session) -> Job | None:
        if not self.more:
            return None
        limit = self.limits.recipients
        part, self._waiting = self._waiting[:limit], self._waiting[limit:]
        envelope = self.envelope if part == self.envelope.recipients else replace(self.envelope, recipients=part)
        settled = partial(self._settled, session, part, session.messages > 0)
        return Job(envelope, self.content, settled, partial(self._depart, session, part))

    # Within.

    def _outdated(self) -> Broken:
        relay = Relay(self.plan.host.text, self.address, self.plan.port)
        text = f"DNS is believed otherwise than when the way to {relay} was planned"
        return Broken(relay, "4.4.3", text, "outdated")

    def _depart(self, session: Session, part: tuple[str, ...]) -> bool:
        if not self._over:
            self.ledger.depart(part, session.relay)
        return not self._over

    def _settled(self, session: Session, part: tuple[str, ...], used: bool, done: Transaction) -> None:
        """A transaction has its answers.

        A session that breaks at its first message speaks against the address, and nobody is left for another one. One
        that had carried messages before may just have idled too long for the server's taste, or carried enough.
        """
        self.ledger.arrive(part, done.results, session.relay, session.tls)
        if wanted():
            worst = max(done.results, key=lambda result: _GRAVITY[type(result)])
            self._log(str(session.relay), tls_words(session.tls), "ok", worst.status, worst.text)
        if not isinstance(done.ended, Refused | Lost):
            self._waiting = _crowded_out(part, done) + self._waiting
        elif used and not self._hopeless:
            self._waiting = tuple(dict.fromkeys(r for r in part + self._waiting if self.ledger.is_open(r)))
            self.fresh = True
        else:
            self._waiting = ()
            self._hopeless = True

    def _log(self, relay: str, tls: str, verdict: str, dsn: str, text: str) -> None:
        now = self.means.clock()
        domain, policy = self.destination.domain, policy_words(self.plan)
        Line(domain, relay, tls, policy, verdict, dsn, now - self._since, text).log()
        self._since = now


def _crowded_out(part: tuple[str, ...], done: Transaction) -> tuple[str, ...]:
    """Who had no room in a message that others got: as long as each message serves someone, this comes to an end."""
    late = [r for r, result in zip(part, done.results, strict=True) if isinstance(result, Later) and result.crowded]
    served = late and any(isinstance(result, Taken) for result in done.results)
    return tuple(late) if served else ()
