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

ENOUGH = 4
"""A session takes no more along when this part of the time for one conversation is over: the last message that it took
must not be broken off half-way for those before it.
"""


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


class _Told(Enum):
    """What ended the wait of an entry."""

    CONNECT = "it may open a connection"
    CARRIED = "a session has carried it"


class _Entry:
    """An errand in the queue; then what one session carries of it."""

    __slots__ = ("_asked", "_in_flight", "errand", "queued", "told")

    def __init__(self, errand: Errand) -> None:
        self.errand = errand
        self.queued = False
        """Neither a place nor a session has been found for it."""
        self._in_flight = 0
        self._asked = True
        self.wait()

    def wait(self) -> None:
        self.told: asyncio.Future[_Told] = asyncio.get_running_loop().create_future()

    @property
    def waits(self) -> bool:
        """It is queued, and was not cancelled a moment ago without its task's having run since."""
        return self.queued and not self.told.done()

    @property
    def may_connect(self) -> bool:
        told = self.told
        return told.done() and not told.cancelled() and told.exception() is None and told.result() is _Told.CONNECT

    def job(self, session: Session) -> Job | None:
        job = self.errand.job(session)
        if job is None:
            return None
        self._in_flight += 1
        return Job(job.envelope, job.content, partial(self._settled, job.settle), job.depart)

    def leave(self, error: Exception | None = None) -> None:
        """The session asks for no more, or was broken off by an error of ours."""
        self._asked = False
        if error is not None and not self.told.done():
            self.told.set_exception(error)
        self._look_for_end()

    def _settled(self, tell: Callable[[Transaction], None], transaction: Transaction) -> None:
        self._in_flight -= 1
        tell(transaction)
        self._look_for_end()

    def _look_for_end(self) -> None:
        if not self._in_flight and not self.told.done() and not (self._asked and self.errand.more):
            self.told.set_result(_Told.CARRIED)


@dataclass(slots=True, eq=False)
class _Queue:
    """The queue of one destination."""

    entries: deque[_Entry] = field(default_factory=deque)
    """In the order in which they came; those that are queued no more are passed over."""
    by_key: dict[Key, deque[_Entry]] = field(default_factory=dict)
    """The same, apart from those that want a fresh session."""
    held: int = 0
    """Connections that carry something, or are being opened."""

    def add(self, entry: _Entry) -> None:
        entry.queued = True
        self.entries.append(entry)
        if not entry.errand.fresh:
            self.by_key.setdefault(entry.errand.key, deque()).append(entry)

    def take_along(self, key: Key) -> _Entry | None:
        """The next one that a session under `key` can carry."""
        lane = self.by_key.get(key)
        while lane:
            entry = lane.popleft()
            if entry.waits:
                entry.queued = False
                return entry
        if lane is not None:
            del self.by_key[key]
        return None

    def admit_next(self, limit: int) -> None:
        """Let the next one open a connection, if there may be one more."""
        while self.entries and (self.held < limit or not self.entries[0].waits):
            entry = self.entries.popleft()
            if entry.waits:
                entry.queued = False
                entry.told.set_result(_Told.CONNECT)
                self.held += 1


class Dispatcher:
    """All errands of an engine."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queues: dict[Domain, _Queue] = {}
        self._busy: set[_Busy] = set()

    async def carry(self, errand: Errand) -> Broken | None:
        """Carry as much of `errand` as one session does; Broken where it takes a new one and that cannot be had.

        An idle session is used at once; else the errand waits until it may open a connection, or until a session under
        way takes it along, whichever comes first.
        """
        key, limit, entry = errand.key, errand.limits.connections, _Entry(errand)
        queue = self._queues.get(key.domain)
        if queue is None:
            queue = self._queues[key.domain] = _Queue()
        session = None if errand.fresh else self._pool.take(key)
        if session is not None:
            queue.held += 1  # an idle connection was counted, too: see `make_room`
        elif queue.held < limit and not queue.entries:
            queue.held += 1
        elif await self._wait(queue, entry) is _Told.CARRIED:
            return None
        had = session or await self._session(queue, errand)
        if isinstance(had, Broken):
            return had
        busy = _Busy(had, queue, entry)
        self._busy.add(busy)
        talk = transact_each(had.capabilities, busy.next_job, errand.timeouts, idle=had.messages > 0)
        had.connection.begin(talk, partial(self._arrived, busy))
        await self._end(entry)
        return None

    def abort(self) -> None:
        """Break off all that is under way: what becomes of it is told to those who wait."""
        for busy in list(self._busy):
            busy.session.connection.abort()

    async def _wait(self, queue: _Queue, entry: _Entry) -> _Told:
        """Wait until it may open a connection, or a session under way has carried it."""
        limit = entry.errand.limits.connections
        queue.add(entry)
        queue.admit_next(limit)
        try:
            told = await entry.told
        except asyncio.CancelledError:
            if entry.queued:
                entry.queued = False
                queue.admit_next(limit)  # passes over it
            elif entry.may_connect:
                self._release(entry.errand.key.domain, queue, limit)
            else:
                self._forsake(entry)
            raise
        if told is _Told.CONNECT:
            entry.wait()
        return told

    async def _session(self, queue: _Queue, errand: Errand) -> Session | Broken:
        """For an errand that holds a place, which goes back where there is no session."""
        key, limit = errand.key, errand.limits.connections
        session: Session | Broken | None = None
        try:
            session = None if errand.fresh else self._pool.take(key)  # one may have become idle meanwhile
            if session is None:
                self._pool.make_room(key.domain, limit, queue.held)
                session = await errand.open()
        finally:
            if not isinstance(session, Session):
                self._release(key.domain, queue, limit)
        return session

    async def _end(self, entry: _Entry) -> None:
        try:
            await entry.told
        except asyncio.CancelledError:
            self._forsake(entry)
            raise

    def _forsake(self, entry: _Entry) -> None:
        """Nobody wants to know any more. What is on its way goes on with what others send; alone it is broken off."""
        entry.told.cancel()
        for busy in list(self._busy):
            if entry in busy.served and all(other.told.done() for other in busy.served):
                busy.session.connection.abort()

    def _arrived(self, busy: _Busy, ended: Ended | Exception | None) -> None:
        """The conversation is over."""
        self._busy.discard(busy)
        session, key, limits = busy.session, busy.key, busy.limits
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
        for entry in busy.served:
            entry.leave(error)
        self._release(key.domain, busy.queue, limits.connections)

    def _release(self, domain: Domain, queue: _Queue, limit: int) -> None:
        queue.held -= 1
        queue.admit_next(limit)
        if not queue.held and not queue.entries:
            self._queues.pop(domain, None)


class _Busy:
    """A session that carries errands, one after the other."""

    __slots__ = ("key", "limits", "queue", "served", "session", "until")

    def __init__(self, session: Session, queue: _Queue, entry: _Entry) -> None:
        self.session = session
        self.queue = queue
        self.key = entry.errand.key
        self.limits = entry.errand.limits
        self.until = asyncio.get_running_loop().time() + entry.errand.timeouts.conversation / ENOUGH
        self.served: list[_Entry] = [entry]
        """Those that may not have ended; the last one is asked for more."""

    def next_job(self) -> Job | Then:
        """The next transaction, of the errand that was served last as long as it has any."""
        session, limits = self.session, self.limits
        full = session.messages >= limits.messages
        enough = asyncio.get_running_loop().time() >= self.until
        entry: _Entry | None = self.served[-1]
        while entry is not None and not full:
            job = entry.job(session)
            if job is not None:
                session.messages += 1
                return job
            follower = None if enough else self.queue.take_along(self.key)
            if follower is not None:
                entry.leave()
                self.served = [*(each for each in self.served if not each.told.done()), follower]
            entry = follower
        return Then.PART if full or limits.idle <= 0 else Then.STAY
