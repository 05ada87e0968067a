"""Stand-ins without I/O: a resolver that answers from a dict, and a clock that moves when it is told to.

Separate because every room is tested with them, and a program built on this one can test its own hooks in the
same way. The lab's real nameserver is elsewhere; nothing here opens a socket or sleeps.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Mapping
from itertools import count

from tlswitness.dns.answer import Answer, Denial, Denied, Found, LookupFailed, Record, RecordType, Security, TxtRecord

TTL = 300
"""Seconds, of every answer that names no other."""
_POLL = 0.001


class FakeResolver:
    """A `Resolver` that answers from a table, which may change at any time, and records what it was asked.

    A name without an entry does not exist (NXDOMAIN); one with entries of other types only has no data. Aliases are not
    followed: give the answer that following them would have, chain included.
    """

    def __init__(self, answers: Mapping[tuple[str, RecordType], Answer] | None = None) -> None:
        self._answers: dict[tuple[str, RecordType], Answer] = {}
        self.questions: list[tuple[str, RecordType]] = []
        """Every question in its order, names in lower case without a trailing dot."""
        self.generation = 0
        for (name, rtype), answer in (answers or {}).items():
            self.set(name, rtype, answer)

    def set(self, name: str, rtype: RecordType, answer: Answer) -> None:
        """From now on the answer for `name` and `rtype`."""
        self._answers[_key(name), rtype] = answer

    def add(
        self, name: str, rtype: RecordType, *records: Record, security: Security = Security.INSECURE, ttl: int = TTL
    ) -> None:
        """These records from now on, in place of what was there."""
        self.set(name, rtype, Found(records, security, ttl))

    def add_txt(self, name: str, *texts: str) -> None:
        """TXT records of one character-string each."""
        self.add(name, RecordType.TXT, *(TxtRecord((text.encode("ascii"),)) for text in texts))

    def fail(self, name: str, rtype: RecordType, code: str = "SERVFAIL", security: Security = Security.FAILED) -> None:
        """The lookup fails from now on, with a code as `LookupFailed` has it."""
        self.set(name, rtype, LookupFailed(security, code))

    def remove(self, name: str, rtype: RecordType | None = None) -> None:
        """Forget the answer; without `rtype` the whole name."""
        for known in [key for key in self._answers if key[0] == _key(name) and rtype in (None, key[1])]:
            del self._answers[known]

    def asked(self, name: str, rtype: RecordType) -> int:
        """How often this was asked so far."""
        return self.questions.count((_key(name), rtype))

    async def lookup(self, name: str, rtype: RecordType) -> Answer:
        self.questions.append((_key(name), rtype))
        await asyncio.sleep(0)  # as a real one: other tasks get their turn
        answer = self._answers.get((_key(name), rtype))
        if answer is not None:
            return answer
        exists = any(known == _key(name) for known, _ in self._answers)
        return Denied(Denial.NODATA if exists else Denial.NXDOMAIN, Security.INSECURE, TTL)


class VirtualClock:
    """Seconds since 1970 that stand still: call it for the time, `advance` it, `sleep` on it."""

    def __init__(self, now: float = 1_767_225_600.0) -> None:
        self.now = now
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def __call__(self) -> float:
        return self.now

    @property
    def sleepers(self) -> int:
        """How many wait in `sleep`."""
        return sum(not future.done() for _, _, future in self._sleepers)

    def advance(self, seconds: float) -> None:
        """Let time pass and wake those whose time has come; they run when the caller next awaits something."""
        self.now += seconds
        while self._sleepers and self._sleepers[0][0] <= self.now:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """In place of `asyncio.sleep`: returns when the clock has been advanced so far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._order), future))
        await future


async def until(holds: Callable[[], object]) -> None:
    """Let other tasks and sockets have their turn until `holds()` is true; a test's own time limit ends the wait."""
    while not holds():  # noqa: ASYNC110 - what is waited for knows nothing of us
        await asyncio.sleep(_POLL)


def _key(name: str) -> str:
    return name.lower().removesuffix(".")
