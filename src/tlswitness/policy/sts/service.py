"""What MTA-STS policy applies to a domain now: discovery, cache, back-off, and looking again before mail fails.

Separate from fetch and store, which know no rules: here are those of RFC 8461 sections 3.3 (what applies when discovery
fails), 5 and 5.1 (look for a new policy before failing), 6 (what is reportable): rows A1 to A17 of the decision table.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.dns.answer import Denied, Found, LookupFailed, RecordType, Resolver, TxtRecord
from tlswitness.memory import Recently
from tlswitness.names import BadName, Domain, parse_host
from tlswitness.policy.sts.entry import Entry
from tlswitness.policy.sts.fetch import Fetched, Fetcher, FetchFailed, FetchOutcome
from tlswitness.policy.sts.model import Mode, StsAbsent, StsAnswer, StsApplies
from tlswitness.policy.sts.record import BadRecord, NoRecord, StsRecord, parse_record
from tlswitness.policy.sts.store import PolicyStore

BACK_OFF = 300.0
"""Seconds between failing fetches of one id (RFC 8461 section 3.3), rechecks of one domain, reports of one kind."""
MAX_FETCHES = 64
"""Fetches at a time: bounds the connections that mail to many domains can cause."""
# SPEC: RFC 8461 section 5.1 lets a first message go before a policy is known; a flood of slow hosts can cause it.
MAX_WAIT = 10.0
"""Seconds that a fetch waits for its turn: hosts that hang must not hold up the mail to all others."""
UNKNOWN_ID = "unknown"
"""Stands for the id of a policy that was fetched while no TXT record named one: the next record is a new one."""

_log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A policy was fetched and is cached now."""

    entry: Entry
    changed: bool
    """It differs from the one that was cached, or none was."""


@dataclass(frozen=True, slots=True)
class NotRefreshed:
    """No policy was fetched."""

    domain: Domain
    failure: Failure | None
    """None where too many fetches were under way, or where the cached policy changed meanwhile."""
    kept: Entry | None
    """The cached policy, which still holds unless it has expired."""
    lines: tuple[str, ...] = ()
    """What an invalid policy said."""


RefreshOutcome = Refreshed | NotRefreshed


@dataclass(frozen=True, slots=True)
class _Finding:
    """What a discovery came to, before it is told to the deliveries that wait for it."""

    entry: Entry | None
    cached: bool
    reason: str = ""
    failure: Failure | None = None
    lines: tuple[str, ...] = ()
    unsure: bool = False
    """Something failed on the way, whether or not that is to be reported."""


class StsPolicies:
    """Answers deliveries. One discovery at a time for each domain; all who ask meanwhile share it."""

    def __init__(
        self,
        resolver: Resolver,
        fetcher: Fetcher,
        store: PolicyStore,
        *,
        clock: Callable[[], float] = time.time,
        max_fetches: int = MAX_FETCHES,
    ) -> None:
        """`clock` tells seconds since 1970."""
        self.store = store
        self._resolver = resolver
        self._fetcher = fetcher
        self._clock = clock
        self._slots = asyncio.Semaphore(max_fetches)
        self._flights: dict[tuple[str, Domain], asyncio.Task[_Finding]] = {}
        self._backing_off: Recently[tuple[Domain, str]] = Recently(clock, BACK_OFF)
        self._rechecked: Recently[Domain] = Recently(clock, BACK_OFF)
        self._reported: Recently[tuple[Domain, Cause]] = Recently(clock, BACK_OFF)

    async def find(self, domain: Domain, *, use: bool = True, enable: bool = True) -> StsAnswer:
        """The policy for a delivery to `domain`, an original recipient domain or a smarthost's name, never an address.

        `use` looks the TXT record up and fetches; without it only what is cached counts. `enable` applies: without it
        the answer is always `StsAbsent`, though the cache is kept warm.
        """
        if not use:
            finding = await self._cached_only(domain) if enable else _absent("MTA-STS is switched off")
        else:
            finding = await self._shared("find", domain, lambda: self._discover(domain))
        if not enable:
            return StsAbsent(domain, "MTA-STS is not applied here" if use else finding.reason)
        return self._answer(domain, finding)

    async def recheck(self, applied: StsApplies) -> StsAnswer:
        """Look for a newer policy before mail may fail under `applied` (RFC 8461 sections 5 and 5.1).

        Looks the id up and fetches once, at most once in 5 minutes for a domain. Where nothing newer can be learnt
        the answer is `applied` again, with the failure of this attempt, if any: looking again never lowers what is
        demanded by itself.
        """
        if not applied.cached:
            return replace(applied, failure=None, lines=())
        domain = applied.domain
        known = self.store.get(domain)
        newer = known is not None and not known.expired(self._clock()) and known.policy != applied.policy
        if newer or (("recheck", domain) not in self._flights and not self._rechecked.admit(domain)):
            finding = _Finding(known if newer else None, cached=True)
        else:
            finding = await self._shared("recheck", domain, lambda: self._look_again(domain))
        if finding.entry is not None:
            return self._answer(domain, finding)
        failure = self._to_report(domain, finding.failure)
        return replace(applied, failure=failure, lines=finding.lines if failure else ())

    async def refresh(self, domain: Domain) -> RefreshOutcome:
        """Fetch now, whatever is cached, whatever the TXT record says and whoever backs off: for the operator."""
        before = self.store.get(domain)
        record = await self._record(domain)
        if not isinstance(record, StsRecord) and before is None:
            return NotRefreshed(domain, record, None)
        return await self.fetch_again(domain, before, record.id if isinstance(record, StsRecord) else None)

    async def fetch_again(self, domain: Domain, before: Entry | None, new_id: str | None = None) -> RefreshOutcome:
        """Fetch the body and count the lifetime from now (RFC 8461 sections 3.3 and 10.2).

        `before` is what the store held when this was decided: if that has changed meanwhile, the other fetch knew more.
        """
        record_id = new_id or (before.id if before else UNKNOWN_ID)
        outcome = await self._fetch(domain, record_id)
        current = self.store.get(domain)
        match outcome:
            case None:
                return NotRefreshed(domain, None, current)
            case FetchFailed(failure=failure, lines=lines):
                return NotRefreshed(domain, failure, current, lines)
            case Fetched():
                if current is not None and (before is None or current.fetched_at != before.fetched_at):
                    return NotRefreshed(domain, None, current)
                entry = await self._keep(domain, record_id, outcome, before.last_used if before else None)
                return Refreshed(entry, before is None or before.policy != entry.policy)

    async def aclose(self) -> None:
        """End what is under way; those who wait for it are cancelled."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def _discover(self, domain: Domain) -> _Finding:
        cached = self._unexpired(domain)
        record = await self._record(domain)
        if not isinstance(record, StsRecord):
            if cached is None:  # no valid TXT record: not reportable (RFC 8461 section 6)
                unsure = record.cause is not Cause.STS_TXT_NONE
                return _absent(f"no MTA-STS record: {record.words}", unsure=unsure)
            return await self._use(cached, record, unsure=True)
        if cached is not None and cached.id == record.id:
            return await self._use(cached)
        if (domain, record.id) in self._backing_off:
            return await self._fall_back(cached, "the last fetch of the MTA-STS policy failed")
        match await self._fetch(domain, record.id):
            case Fetched() as fetched:
                return _Finding(await self._keep(domain, record.id, fetched), cached=False)
            case FetchFailed(failure=failure, lines=lines):
                return await self._fall_back(cached, f"no MTA-STS policy: {failure.words}", failure, lines)
            case None:
                return await self._fall_back(cached, "too many MTA-STS policies are being fetched")

    async def _fall_back(
        self, cached: Entry | None, reason: str, failure: Failure | None = None, lines: tuple[str, ...] = ()
    ) -> _Finding:
        """Where a new policy could not be had: the cached one, else none, for this reason."""
        if cached is not None:
            return await self._use(cached, failure, lines, unsure=True)
        return _absent(reason, failure, lines, unsure=True)

    async def _look_again(self, domain: Domain) -> _Finding:
        """A finding without an entry: nothing newer."""
        before = self.store.get(domain)
        record = await self._record(domain)
        new_id = record.id if isinstance(record, StsRecord) else None
        if (domain, new_id or (before.id if before else UNKNOWN_ID)) in self._backing_off:
            return _absent("the last fetch of the MTA-STS policy failed")
        match await self.fetch_again(domain, before, new_id):
            case Refreshed(entry=entry):
                return _Finding(entry, cached=False)
            case NotRefreshed(failure=failure, lines=lines, kept=kept):
                other = kept if kept != before and kept is not None and not kept.expired(self._clock()) else None
                return _Finding(other, cached=True, failure=failure, lines=lines)

    async def _cached_only(self, domain: Domain) -> _Finding:
        cached = self._unexpired(domain)
        return await self._use(cached) if cached else _absent("no MTA-STS policy is cached, and none is fetched")

    async def _record(self, domain: Domain) -> StsRecord | Failure:
        """The TXT record, or why there is none to go by."""
        name = parse_host(f"_mta-sts.{domain}")
        if isinstance(name, BadName):
            return Failure(Cause.STS_TXT_NONE)
        match await self._resolver.lookup(name.key, RecordType.TXT):
            case Found(records=records):
                return _parsed([record.joined() for record in records if isinstance(record, TxtRecord)])
            case Denied():
                return Failure(Cause.STS_TXT_NONE)
            case LookupFailed(code=code):
                return Failure(Cause.STS_TXT_LOOKUP, code)

    async def _fetch(self, domain: Domain, record_id: str) -> FetchOutcome | None:
        """None where no turn came."""
        try:
            async with asyncio.timeout(MAX_WAIT):
                await self._slots.acquire()
        except TimeoutError:
            _log.warning("MTA-STS policy of %s: not fetched, too many fetches are under way", domain)
            return None
        try:
            outcome = await self._fetcher.fetch(domain)
        finally:
            self._slots.release()
        if isinstance(outcome, FetchFailed):
            self._backing_off.mark((domain, record_id))
        else:
            self._backing_off.forget((domain, record_id))
        return outcome

    async def _keep(self, domain: Domain, record_id: str, fetched: Fetched, last_used: int | None = None) -> Entry:
        now = int(self._clock())
        entry = Entry(domain, record_id, fetched.policy, fetched.body, now, now if last_used is None else last_used)
        await _in_a_thread(domain, self.store.put, entry)
        return entry

    async def _use(
        self, cached: Entry, failure: Failure | None = None, lines: tuple[str, ...] = (), *, unsure: bool = False
    ) -> _Finding:
        now = self._clock()
        if self.store.forgets_use(cached, now):
            await _in_a_thread(cached.domain, self.store.used, cached.domain, now)
        return _Finding(cached, cached=True, failure=failure, lines=lines, unsure=unsure)

    def _unexpired(self, domain: Domain) -> Entry | None:
        entry = self.store.get(domain)
        return None if entry is None or entry.expired(self._clock()) else entry

    async def _shared(self, kind: str, domain: Domain, work: Callable[[], Coroutine[Any, Any, _Finding]]) -> _Finding:
        """One task for all who ask: it goes on when one of them is cancelled."""
        key = (kind, domain)
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(work())
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        return await asyncio.shield(flight)

    def _answer(self, domain: Domain, finding: _Finding) -> StsAnswer:
        entry, unsure = finding.entry, finding.unsure
        if entry is not None and entry.policy.mode is Mode.NONE:
            # Nor is its failure anything to tell (RFC 8461 section 6).
            return StsAbsent(domain, "the MTA-STS policy has mode none", unsure=unsure)
        failure = self._to_report(domain, finding.failure)
        lines = finding.lines if failure else ()
        if entry is None:
            return StsAbsent(domain, finding.reason, failure, lines, unsure)
        if failure is not None:  # someone may be blocking discovery (RFC 8461 section 10.2)
            _log.warning("MTA-STS of %s: %s; the cached policy is applied", domain, failure.words)
        return StsApplies(domain, entry.policy, finding.cached, failure, lines, unsure)

    def _to_report(self, domain: Domain, failure: Failure | None) -> Failure | None:
        return failure if failure and self._reported.admit((domain, failure.cause)) else None


async def _in_a_thread(domain: Domain, write: Callable[..., None], *args: object) -> None:
    """Write to the store, which may wait for a disk. Mail does not hang on it."""
    try:
        await asyncio.to_thread(write, *args)
    except RuntimeError as error:  # the system has no thread left
        _log.error("the MTA-STS policy of %s is not kept: %s", domain, error)


def _absent(
    reason: str, failure: Failure | None = None, lines: tuple[str, ...] = (), *, unsure: bool = False
) -> _Finding:
    return _Finding(None, False, reason, failure, lines, unsure)


def _parsed(texts: list[str]) -> StsRecord | Failure:
    match parse_record(texts):
        case StsRecord() as record:
            return record
        case NoRecord():
            return Failure(Cause.STS_TXT_NONE)
        case BadRecord(failure=failure):
            return failure
