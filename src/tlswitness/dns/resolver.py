"""The resolver: cache, one query for equal questions, and trust in what comes back.

Separate from the asking (`asker.py`) because this is where security is decided: an answer is SECURE only if a trusted
resolver that has not been proven otherwise set its AD bit, and a known-secure name never comes back as insecure
without proof. RFC 7672 section 2.1.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tlswitness.dns import cache as cache_limits
from tlswitness.dns.answer import Answer, Found, LookupFailed, RecordType, Security
from tlswitness.dns.asker import Asker
from tlswitness.dns.cache import AnswerCache, Key
from tlswitness.dns.known import ADDRESS_TYPES, KnownSecure
from tlswitness.dns.servers import Server, system_servers
from tlswitness.dns.trust import (
    DOUBT_INTERVAL,
    SIGNED_NAME,
    TEST_INTERVAL,
    UNSIGNED_NAME,
    Probe,
    Trust,
    TrustReport,
    TrustState,
    judge_probe,
)

LOOKS = 5
"""Tests in a row, the name asked anew after each, before a known name counts as unprotected. Behind one address there
may be several resolvers, of which one does not validate: by chance they pass one test, and not all of these."""

_STILL_SIGNED = "{} {}: the answer is not signed, and {} is: the resolver lets through what fails validation"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ResolverSettings:
    """How to ask. Times are in seconds."""

    servers: tuple[Server, ...] = ()
    """Empty: those of /etc/resolv.conf."""
    trusted: frozenset[str] = frozenset()
    """Addresses whose AD bit is believed besides 127.0.0.1 and ::1: nobody may be on the way to them."""
    timeout: float = 3.0
    """For one UDP reply; doubled in each further round."""
    tcp_timeout: float = 6.0
    rounds: int = 2
    """Times that each silent server is asked."""
    deadline: float = 20.0
    """For a whole lookup, aliases included."""
    cache_entries: int = cache_limits.MAX_ENTRIES
    max_ttl: int = cache_limits.MAX_TTL
    failure_ttl: float = cache_limits.FAILURE_TTL
    self_test: bool = True
    """Test trusted resolvers before the first lookup and from time to time; False: believe their AD bit untested."""
    test_interval: float = TEST_INTERVAL
    doubt_interval: float = DOUBT_INTERVAL


class DnsResolver:
    """The `Resolver` that asks real servers. It belongs to the event loop in which it is first used."""

    def __init__(
        self,
        settings: ResolverSettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_trust: Callable[[TrustReport], None] | None = None,
    ) -> None:
        """`on_trust` is called with each change of a server's standing, after it is logged."""
        settings = settings or ResolverSettings()
        self._self_test = settings.self_test
        self._on_trust = on_trust
        self._asker = Asker(
            timeout=settings.timeout,
            tcp_timeout=settings.tcp_timeout,
            rounds=settings.rounds,
            deadline=settings.deadline,
        )
        self._cache = AnswerCache(
            clock,
            max_entries=settings.cache_entries,
            max_ttl=settings.max_ttl,
            failure_ttl=settings.failure_ttl,
        )
        self._trust = Trust(
            dict.fromkeys(settings.servers or system_servers()),
            settings.trusted,
            clock,
            interval=settings.test_interval,
            doubt_interval=settings.doubt_interval,
        )
        self._known = KnownSecure()
        self._flights: dict[Key, asyncio.Task[Answer]] = {}
        self._test: asyncio.Task[None] | None = None
        self._generation = 0

    @property
    def generation(self) -> int:
        """As `Resolver.generation`: a server's standing changed, or a flush."""
        return self._generation

    @property
    def trust(self) -> TrustReport:
        """What is believed of whom, and why, now."""
        return self._trust.report

    async def lookup(self, name: str, rtype: RecordType) -> Answer:
        """As `Resolver.lookup`. A cached answer costs no task and no query."""
        key = (name.lower().removesuffix("."), rtype)
        cached = self._cache.get(key)
        if cached is not None:
            return cached
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._resolve(key))
            self._flights[key] = flight
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        # One waiter that is cancelled must not take the answer from the others.
        return await asyncio.shield(flight)

    async def test_trust(self) -> TrustReport:
        """Test the trusted resolvers now; the result holds at once. Callers at the same time share one test."""
        if self._test is None:
            self._test = asyncio.create_task(self._probe_all())
            self._test.add_done_callback(self._test_done)
        await asyncio.shield(self._test)
        return self._trust.report

    def flush(self) -> None:
        """Forget all cached answers, not what is known to be secure."""
        self._generation += 1
        self._cache.clear()

    async def aclose(self) -> None:
        """Give up what is under way."""
        tasks: list[asyncio.Task[Answer] | asyncio.Task[None]] = [*self._flights.values()]
        if self._test is not None:
            tasks.append(self._test)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _resolve(self, key: Key) -> Answer:
        name, rtype = key
        waits = self._trust.state is TrustState.UNTESTED or (self._trust.lost and self._known.protects(name, rtype))
        await self._test_if_due(wait=waits)
        if self._trust.lost and self._known.protects(name, rtype):
            return self._refuse(key)
        generation = self._generation
        answer = await self._ask(key, self._trust.usable())
        if self._downgrades(key, answer):
            answer = await self._second_look(key, answer)
            generation = self._generation
        # The standing may have changed while the query was under way: what was believed then may not count now.
        if answer.secure and self._trust.lost:
            return self._refuse(key)
        if answer.secure:
            self._learn(key, answer)
        if generation == self._generation:
            self._cache.put(key, answer)
        return answer

    async def _ask(self, key: Key, servers: Sequence[Server]) -> Answer:
        name, rtype = key
        return await self._asker.ask(name, rtype, servers, self._trust.believes)

    def _downgrades(self, key: Key, answer: Answer) -> bool:
        """Whether to believe this answer would open a way around TLSA records that are known."""
        if isinstance(answer, LookupFailed) or not self._self_test:
            return False
        return self._known.gives_up(*key, answer) if answer.secure else self._known.protects(*key)

    async def _second_look(self, key: Key, answer: Answer) -> Answer:
        """A known name came back as insecure, or without what protects it: DNS has changed, or a resolver lies.

        Only tests that begin now tell, and only what the resolvers that pass them say counts; a test that shows
        nothing is no proof. One test serves all who ask meanwhile.
        """
        for looks in range(1, LOOKS + 1):
            if self._test is not None:  # it may have been answered before the name was
                await asyncio.wait([self._test])
            await self.test_trust()
            if answer.secure and self._trust.state is TrustState.UNPROVEN:
                return await self._ask(key, self._trust.usable())  # its AD bit was never more than believed
            for _ in range(looks):  # ever more, so that no fixed order of minds keeps in step
                answer = await self._ask(key, self._trust.proven())
                if not self._trust.proven():
                    return self._refuse(key)
                if not self._downgrades(key, answer):
                    return answer
        if await self._is_bogus(key, answer):
            detail = _STILL_SIGNED.format(*key, self._known.zone(key[0]))
            _log.error("%s", detail)
            return LookupFailed(Security.BOGUS, "bogus", detail)
        self._known.unlearn(*key, answer)
        return answer

    async def _is_bogus(self, key: Key, answer: Answer) -> bool:
        """Whether the zone that signed this name is still to be signed, as its parent says and a resolver validates.

        Some let through what is bogus, without AD, and pass every test (unbound's val-permissive-mode).
        """
        name, _ = key
        zone = self._known.zone(name)
        if not zone or isinstance(answer, LookupFailed) or answer.secure:
            return False
        if answer.chain and (await self._ask((name, RecordType.CNAME), self._trust.proven())).secure:
            return False  # the zone has signed an alias that leads out of it
        delegation = await self._ask((zone, RecordType.DS), self._trust.proven())
        return isinstance(delegation, LookupFailed) or (isinstance(delegation, Found) and delegation.secure)

    def _learn(self, key: Key, answer: Answer) -> None:
        name, rtype = key
        self._known.learn(name, rtype, answer)
        if rtype in ADDRESS_TYPES:
            # What another type of the name was said to be before must not speak for it when this one is kept from us.
            self._cache.forget_unproven((name, other) for other in ADDRESS_TYPES)

    def _refuse(self, key: Key) -> LookupFailed:
        name, rtype = key
        detail = f"{name} {rtype}: {self._trust.report.words}"
        return LookupFailed(Security.FAILED, "dnssec-lost", detail)

    async def _test_if_due(self, *, wait: bool) -> None:
        """Who would be refused, or believed untested, waits for the test; it runs beside all others."""
        if not self._self_test or not self._trust.due():
            return
        if wait:
            await self.test_trust()
        elif self._test is None:
            self._test = asyncio.create_task(self._probe_all())
            self._test.add_done_callback(self._test_done)

    async def _probe_all(self) -> None:
        servers = self._trust.to_test()
        probes = await asyncio.gather(*(self._probe(server) for server in servers))
        if self._trust.record(dict(zip(servers, probes, strict=True))):
            # What was learnt under the old standing as insecure may be secure under the new one.
            self._generation += 1
            self._cache.forget_unproven()
            self._tell(self._trust.report)

    async def _probe(self, server: Server) -> Probe:
        signed, unsigned = await asyncio.gather(
            self._asker.message(SIGNED_NAME, RecordType.SOA, server),
            self._asker.message(UNSIGNED_NAME, RecordType.SOA, server),
        )
        return judge_probe(signed, unsigned)

    def _test_done(self, task: asyncio.Task[None]) -> None:
        self._test = None
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the test of the resolver failed: %r", error)

    def _tell(self, report: TrustReport) -> None:
        _log.log(logging.ERROR if report.alarm else logging.INFO, "%s", report.words)
        if self._on_trust is not None:
            self._on_trust(report)
