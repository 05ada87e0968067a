"""Who is carried by which session: brings messages that wait together with sessions that are open or may be opened.

Separate from the pool, which only keeps idle sessions, and from the visit, which knows one message: here are the limits
on the connections of a destination, and the rule that a session under way takes along what waits under its key. So a
queue to one server costs one round trip for each message, and no message waits for another one's task. RFC 2920
section 3.1, RFC 5321 section 4.5.4.1.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Protocol

from tlswitness.delivery.attempt import Broken, Session
from tlswitness.delivery.pool import Key, Pool
from tlswitness.delivery.settings import Limits
from tlswitness.delivery.smtp.outgoing import Ended, Job, Parted, Transaction
from tlswitness.delivery.smtp.talk import Lost, Timeouts
from tlswitness.delivery.smtp.transaction import Then, transact_each
from tlswitness.names import Domain


class Errand(Protocol):
    """One message for one server: as many transactions as its recipients take."""

    @property
    def key(self) -> Key: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def timeouts(self) -> Timeouts: ...

    @property
    def fresh(self) -> bool:
        """Only a session that has carried nothing will do."""
        ...

    @property
    def more(self) -> bool:
        """It has transactions that no session has taken."""
        ...

    async def open(self) -> Session | Broken:
        """A session of its own."""
        ...

    def job(self, session: Session) -> Job | None:
        """Its next transaction, which `session` is about to carry; None: there is no more now."""
        ...


class _Turn(Enum):
    """What a trip waited for."""

    PLACE = "it may open a connection"
    END = "a session has carried it"


class _Trip:
    """What one session carries of an errand."""

    __slots__ = ("_asked", "_in_flight", "errand", "queued", "turn")

    def __init__(self, errand: Errand) -> None:
        self.errand = errand
        self.queued = False
        """Neither a place nor a session has been found for it."""
        self._in_flight = 0
        self._asked = True
        self.wait()

    def wait(self) -> None:
        self.turn: asyncio.Future[_Turn] = asyncio.get_running_loop().create_future()

    @property
    def waits(self) -> bool:
        """It is queued, and was not cancelled a moment ago without its task's having run since."""
        return self.queued and not self.turn.done()

    def job(self, session: Session) -> Job | None:
        job = self.errand.job(session)
        if job is None:
            return None
        self._in_flight += 1
        return Job(job.envelope, job.content, partial(self._settled, job.settle), job.depart)

    def leave(self, error: Exception | None = None) -> None:
        """The session asks for no more, or was broken off by an error of ours."""
        self._asked = False
        if error is not None and not self.turn.done():
            self.turn.set_exception(error)
        self._look_for_end()

    def _settled(self, tell: Callable[[Transaction], None], transaction: Transaction) -> None:
        self._in_flight -= 1
        tell(transaction)
        self._look_for_end()

    def _look_for_end(self) -> None:
        if not self._in_flight and not self.turn.done() and not (self._asked and self.errand.more):
            self.turn.set_result(_Turn.END)


@dataclass(slots=True, eq=False)
class _Lanes:
    """The trips to one destination."""

    queue: deque[_Trip] = field(default_factory=deque)
    """In the order in which they came; those that are queued no more are passed over."""
    by_key: dict[Key, deque[_Trip]] = field(default_factory=dict)
    """The same, apart from those that want a fresh session."""
    held: int = 0
    """Connections that carry something, or are being opened."""

    def add(self, trip: _Trip) -> None:
        trip.queued = True
        self.queue.append(trip)
        if not trip.errand.fresh:
            self.by_key.setdefault(trip.errand.key, deque()).append(trip)

    def take_along(self, key: Key) -> _Trip | None:
        """The next one that a session under `key` can carry."""
        lane = self.by_key.get(key)
        while lane:
            trip = lane.popleft()
            if trip.waits:
                trip.queued = False
                return trip
        if lane is not None:
            del self.by_key[key]
        return None

    def admit_next(self, limit: int) -> None:
        """Let the next one open a connection, if there may be one more."""
        while self.queue and (self.held < limit or not self.queue[0].waits):
            trip = self.queue.popleft()
            if trip.waits:
                trip.queued = False
                trip.turn.set_result(_Turn.PLACE)
                self.held += 1


class Dispatcher:
    """All errands of an engine."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._lanes: dict[Domain, _Lanes] = {}
        self._carriages: set[_Carriage] = set()

    async def carry(self, errand: Errand) -> Broken | None:
        """Carry as much of `errand` as one session does; Broken where it takes a new one and that cannot be had.

        An idle session is used at once; else the errand waits until it may open a connection, or until a session under
        way takes it along, whichever comes first.
        """
        key, limit, trip = errand.key, errand.limits.connections, _Trip(errand)
        lanes = self._lanes.get(key.domain)
        if lanes is None:
            lanes = self._lanes[key.domain] = _Lanes()
        session = None if errand.fresh else self._pool.take(key)
        if session is not None:
            lanes.held += 1  # an idle connection was counted, too: see `make_room`
        elif lanes.held < limit and not lanes.queue:
            lanes.held += 1
        elif await self._queue(lanes, trip) is _Turn.END:
            return None
        had = session or await self._session(lanes, errand)
        if isinstance(had, Broken):
            return had
        carriage = _Carriage(had, lanes, trip)
        self._carriages.add(carriage)
        talk = transact_each(had.capabilities, carriage.next_job, errand.timeouts, idle=had.messages > 0)
        had.connection.begin(talk, partial(self._arrived, carriage))
        await self._end(trip)
        return None

    def abort(self) -> None:
        """Break off all that is under way: what becomes of it is told to those who wait."""
        for carriage in list(self._carriages):
            carriage.session.connection.abort()

    async def _queue(self, lanes: _Lanes, trip: _Trip) -> _Turn:
        """Wait for a place, or for the end of the trip in a session of others."""
        limit = trip.errand.limits.connections
        lanes.add(trip)
        lanes.admit_next(limit)
        try:
            turn = await trip.turn
        except asyncio.CancelledError:
            if trip.queued:
                trip.queued = False
                lanes.admit_next(limit)  # passes over it
            elif not trip.turn.cancelled() and trip.turn.result() is _Turn.PLACE:
                self._release(trip.errand.key.domain, lanes, limit)
            else:
                self._forsake(trip)
            raise
        if turn is _Turn.PLACE:
            trip.wait()
        return turn

    async def _session(self, lanes: _Lanes, errand: Errand) -> Session | Broken:
        """For an errand that holds a place, which goes back where there is no session."""
        key, limit = errand.key, errand.limits.connections
        session: Session | Broken | None = None
        try:
            session = None if errand.fresh else self._pool.take(key)  # one may have become idle meanwhile
            if session is None:
                self._pool.make_room(key.domain, limit, lanes.held)
                session = await errand.open()
        finally:
            if not isinstance(session, Session):
                self._release(key.domain, lanes, limit)
        return session

    async def _end(self, trip: _Trip) -> None:
        try:
            await trip.turn
        except asyncio.CancelledError:
            self._forsake(trip)
            raise

    def _forsake(self, trip: _Trip) -> None:
        """Nobody wants to know any more. What is on its way goes on where others are aboard; alone it is broken off."""
        trip.turn.cancel()
        for carriage in list(self._carriages):
            if trip in carriage.aboard and all(other.turn.done() for other in carriage.aboard):
                carriage.session.connection.abort()

    def _arrived(self, carriage: _Carriage, ended: Ended | Exception | None) -> None:
        """The conversation is over."""
        self._carriages.discard(carriage)
        session, key, limits = carriage.session, carriage.key, carriage.limits
        error = ended if isinstance(ended, Exception) else None
        match ended:
            case None if limits.idle > 0 and session.messages < limits.messages:
                self._pool.keep(key, session, limits.idle)
            case Parted():
                session.connection.close()
            case Lost() | Exception():
                session.connection.abort()  # nobody knows what the server waits for
            case _:
                self._pool.leave(session)
        for trip in carriage.aboard:
            trip.leave(error)
        self._release(key.domain, carriage.lanes, limits.connections)

    def _release(self, domain: Domain, lanes: _Lanes, limit: int) -> None:
        lanes.held -= 1
        lanes.admit_next(limit)
        if not lanes.held and not lanes.queue:
            self._lanes.pop(domain, None)


class _Carriage:
    """A session that carries errands, one after the other."""

    __slots__ = ("aboard", "key", "lanes", "limits", "session")

    def __init__(self, session: Session, lanes: _Lanes, trip: _Trip) -> None:
        self.session = session
        self.lanes = lanes
        self.key = trip.errand.key
        self.limits = trip.errand.limits
        self.aboard: list[_Trip] = [trip]
        """Those that may not have ended; the last one is asked for more."""

    def next_job(self) -> Job | Then:
        """The next transaction, of the errand that was served last as long as it has any."""
        session, limits = self.session, self.limits
        full = session.messages >= limits.messages
        trip: _Trip | None = self.aboard[-1]
        while trip is not None and not full:
            job = trip.job(session)
            if job is not None:
                session.messages += 1
                return job
            follower = self.lanes.take_along(self.key)
            if follower is not None:
                trip.leave()
                self.aboard = [*(each for each in self.aboard if not each.turn.done()), follower]
            trip = follower
        return Then.PART if full or limits.idle <= 0 else Then.STAY
