"""The daily refresh of cached policies, so that they do not expire while someone blocks discovery.

Separate from the service because it is a plan over time, not an answer: what is due, in which order, how many at once.
Its failures are told to the log alone: no delivery waited for them. RFC 8461 sections 3.3 and 10.2.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from random import Random

from tlswitness.names import Domain
from tlswitness.policy.sts.entry import Entry
from tlswitness.policy.sts.model import Mode
from tlswitness.policy.sts.service import NotRefreshed, StsPolicies

DAY = 86_400.0
INTERVAL = DAY
"""Seconds between refreshes; half the lifetime where that is shorter."""
JITTER = 0.25
"""The part of the interval by which a refresh may come early: policies fetched together must not stay together."""
MIN_INTERVAL = 3600.0
"""Seconds: a policy that lives less than twice as long is fetched when needed, else its owner would have us poll."""
RETRY = 0.25
"""The part of the interval after which a refresh that failed is tried again."""
MIN_RETRY = 900.0
UNUSED = 180 * DAY
"""Seconds: policies that no delivery used for so long are left to expire."""
TICK = 60.0
"""Seconds between looks at what is due."""
MAX_BATCH = 256
"""Refreshes begun at one look."""
MAX_AT_ONCE = 16
"""Refreshes at a time: deliveries must find free turns among the service's fetches."""

_log = logging.getLogger(__name__)


class Refresher:
    """Refreshes what is due; `run` is the loop that the program starts and cancels."""

    def __init__(
        self,
        policies: StsPolicies,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Random | None = None,
    ) -> None:
        self._policies = policies
        self._clock = clock
        self._sleep = sleep
        self._random = random or Random()
        self._due: dict[Domain, tuple[int, float]] = {}
        """By domain: the fetch that the plan was made for, and when the next is due."""

    async def run(self) -> None:
        """Look every minute, until cancelled; sees what other processes did to the store, too."""
        while True:
            await self._sleep(TICK)
            try:
                await asyncio.to_thread(self._policies.store.rescan)
            except (OSError, RuntimeError) as error:  # the latter: the system has no thread left
                _log.error("the store of MTA-STS policies cannot be read: %s", error)
            await self.refresh_due(self._clock())

    async def refresh_due(self, now: float) -> int:
        """Refresh what is due at `now`, the longest due first; how many were fetched."""
        entries = self._policies.store.entries()
        plan = {entry.domain: self._planned(entry, now) for entry in entries if _worth_it(entry, now)}
        self._due = plan
        due = sorted((entry for entry in entries if entry.domain in plan), key=lambda e: plan[e.domain][1])
        batch = [entry for entry in due if plan[entry.domain][1] <= now][:MAX_BATCH]
        turns = asyncio.Semaphore(MAX_AT_ONCE)

        async def one(entry: Entry) -> bool:
            async with turns:
                try:
                    return await self._refresh(entry)
                except Exception:  # noqa: BLE001 - one domain must not end the refresh of all others
                    _log.exception("the refresh of the MTA-STS policy of %s broke off", entry.domain)
                    return False

        return sum(await asyncio.gather(*(one(entry) for entry in batch)))

    async def _refresh(self, entry: Entry) -> bool:
        match await self._policies.fetch_again(entry.domain, entry):
            case NotRefreshed(failure=failure):
                wait = max(MIN_RETRY, _interval(entry) * RETRY) * (1 - JITTER * self._random.random())
                self._due[entry.domain] = (entry.fetched_at, self._clock() + wait)
                if failure is not None and entry.policy.mode is not Mode.NONE:
                    _log.warning(
                        "the MTA-STS policy of %s cannot be refreshed and holds until %s: %s",
                        entry.domain,
                        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry.expires_at)),
                        failure.words,
                    )
                return False
            case _:
                return True

    def _planned(self, entry: Entry, now: float) -> tuple[int, float]:
        known = self._due.get(entry.domain)
        if known is not None and known[0] == entry.fetched_at:
            return known
        if entry.fetched_at > now:  # made under a clock that was wrong: the lifetime must be counted anew
            return entry.fetched_at, now
        return entry.fetched_at, entry.fetched_at + _interval(entry) * (1 - JITTER * self._random.random())


def _interval(entry: Entry) -> float:
    return min(INTERVAL, entry.policy.max_age / 2)


def _worth_it(entry: Entry, now: float) -> bool:
    return not entry.expired(now) and _interval(entry) >= MIN_INTERVAL and now - entry.last_used < UNUSED
