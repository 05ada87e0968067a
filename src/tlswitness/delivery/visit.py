"""A visit to one address of one MX: as many sessions and transactions as its recipients take.

Separate from the route, which decides where to go next, and from the attempt, which opens one session: here
connections are used again, filled up to their limits, and given back. RFC 5321 sections 4.5.3.1.10 and 4.5.4.1; RFC
8460 section 4.2 (a connection is one session, however many messages it carries).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tlswitness.delivery.attempt import Broken, Opener, Session
from tlswitness.delivery.ledger import Ledger
from tlswitness.delivery.line import Line, policy_words, tls_words
from tlswitness.delivery.outcome import Envelope
from tlswitness.delivery.pool import Key, Pool
from tlswitness.delivery.settings import Destination
from tlswitness.delivery.smtp.message import Content
from tlswitness.delivery.smtp.talk import Lost
from tlswitness.delivery.smtp.transaction import Later, Never, RecipientResult, Taken, Transaction, transact
from tlswitness.policy.plan import Plan

_GRAVITY: dict[type[RecipientResult], int] = {Taken: 0, Later: 1, Never: 2}


@dataclass(frozen=True, slots=True)
class Means:
    """What visits share."""

    opener: Opener
    pool: Pool
    clock: Callable[[], float]


@dataclass(slots=True)
class Visit:
    """One message at one address."""

    means: Means
    destination: Destination
    envelope: Envelope
    content: Content
    ledger: Ledger
    plan: Plan
    address: str
    _since: float = field(default=0.0, init=False)
    """When what the next log line tells of began."""

    async def pay(self) -> Broken | None:
        """Offer the message for all that are open; Broken where no session could be had (for some of them)."""
        pool, destination = self.means.pool, self.destination
        key = Key.of(destination, self.plan, self.address)
        waiting = self.ledger.open
        fresh = False
        while waiting:
            async with pool.slot(destination.domain, destination.limits.connections):
                self._since = self.means.clock()
                session = await self._session(key, fresh=fresh)
                if isinstance(session, Broken):
                    self.ledger.note(session.status, session.text, session.relay)
                    self._log(
                        str(session.relay),
                        tls_words(session.tls, "none"),
                        session.verdict,
                        session.status,
                        session.text,
                    )
                    return session
                waiting, fresh = await self._use(key, session, waiting)
        return None

    async def _session(self, key: Key, *, fresh: bool) -> Session | Broken:
        pool, destination = self.means.pool, self.destination
        session = None if fresh else pool.take(key)
        if session is None:
            pool.make_room(destination.domain, destination.limits.connections)
            return await self.means.opener.open(self.plan, self.address, destination)
        return session

    async def _use(self, key: Key, session: Session, waiting: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
        """Serve those who wait over one session; who is left for another one, and whether that must be a fresh one.

        A session that breaks at its first message speaks against the address, and nobody is left. One that had carried
        messages before may just have idled too long for the server's taste, or carried enough.
        """
        limits = self.destination.limits
        keep = False
        try:
            while waiting:
                part, waiting = waiting[: limits.recipients], waiting[limits.recipients :]
                used = session.messages > 0
                done = await self._transact(session, part)
                waiting = _crowded_out(part, done) + waiting
                if done.ended is not None:
                    if isinstance(done.ended, Lost):
                        session.connection.abort()  # nobody knows what the server waits for
                    return (self._open(part, waiting) if used else ()), True
                if session.messages >= limits.messages:
                    return waiting, False
            keep = limits.idle > 0
            return (), False
        finally:
            if keep:
                self.means.pool.keep(key, session, limits.idle)
            else:
                self.means.pool.leave(session)

    async def _transact(self, session: Session, part: tuple[str, ...]) -> Transaction:
        envelope = self.envelope if part == self.envelope.recipients else replace(self.envelope, recipients=part)
        talk = transact(session.capabilities, envelope, self.content, self.destination.timeouts)
        session.messages += 1
        self.ledger.depart(part, session.relay)
        done = await session.connection.run(talk)
        self.ledger.arrive(done.results, session.tls)
        worst = max(done.results, key=lambda result: _GRAVITY[type(result)])
        self._log(str(session.relay), tls_words(session.tls), "ok", worst.status, worst.text)
        return done

    def _open(self, part: tuple[str, ...], waiting: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(r for r in part + waiting if self.ledger.is_open(r)))

    def _log(self, relay: str, tls: str, verdict: str, dsn: str, text: str) -> None:
        now = self.means.clock()
        domain, policy = self.destination.domain, policy_words(self.plan)
        Line(domain, relay, tls, policy, verdict, dsn, now - self._since, text).log()
        self._since = now


def _crowded_out(part: tuple[str, ...], done: Transaction) -> tuple[str, ...]:
    """Who had no room in a message that others got: as long as each message serves someone, this comes to an end."""
    if not any(isinstance(result, Taken) for result in done.results):
        return ()
    return tuple(
        r for r, result in zip(part, done.results, strict=True) if isinstance(result, Later) and result.crowded
    )
