"""A look at the MTA-STS of a domain that leaves no trace.

Separate because a delivery stores what it fetches, backs off from what fails and reports a failure once in five
minutes, and a check must do none of it. It asks the policy host once, whatever is cached, and lets a service of its own
decide what a delivery would apply: with a copy of the stored policy, and with that one fetch (RFC 8461 section 3.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tlswitness.dns.answer import Denied, Found, LookupFailed, RecordType, Resolver, TxtRecord
from tlswitness.engine.check.model import StsLook
from tlswitness.names import BadName, Domain, parse_host
from tlswitness.policy.sts import (
    FetchOutcome,
    NoRecord,
    PolicyStore,
    RecordAnswer,
    StsPolicies,
    parse_record,
)
from tlswitness.policy.sts.fetch import Fetcher


@dataclass(frozen=True, slots=True)
class StsAsker:
    """Looks, with what it needs to do so."""

    resolver: Resolver
    fetcher: Fetcher
    store: PolicyStore
    clock: Callable[[], float]

    async def look(self, domain: Domain, *, use: bool, enable: bool) -> tuple[StsLook, StsPolicies]:
        """What is published and what it comes to; the service answers `recheck`, and is the caller's to close."""
        stored = self.store.get(domain)
        copy = PolicyStore(None)
        if stored is not None:
            copy.put(stored)
        once = _Once(self.fetcher)
        record = await self._record(domain) if use else None
        served = await once.fetch(domain) if use else None
        service = StsPolicies(self.resolver, once, copy, clock=self.clock)
        answer = await service.find(domain, use=use, enable=enable)
        return StsLook(record, served, stored, answer), service

    async def _record(self, domain: Domain) -> RecordAnswer | LookupFailed:
        name = parse_host(f"_mta-sts.{domain}")
        if isinstance(name, BadName):
            return NoRecord()
        match await self.resolver.lookup(name.key, RecordType.TXT):
            case Found(records=records):
                return parse_record([record.joined() for record in records if isinstance(record, TxtRecord)])
            case Denied():
                return NoRecord()
            case LookupFailed() as failed:
                return failed


@dataclass(slots=True)
class _Once:
    """Fetches once; whoever asks again is told the same."""

    inner: Fetcher
    outcome: FetchOutcome | None = None

    async def fetch(self, domain: Domain) -> FetchOutcome:
        if self.outcome is None:
            self.outcome = await self.inner.fetch(domain)
        return self.outcome
