"""The engine: give it a message, it delivers under each destination's policies and tells every hook what happened."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

from tlswitness.config import Config
from tlswitness.delivery.attempt import Opener
from tlswitness.delivery.outcome import Deferred, DeliveryOutcome, Envelope, Failed, RecipientOutcome
from tlswitness.delivery.pool import Pool
from tlswitness.delivery.route import Router
from tlswitness.delivery.settings import Destination, Hop
from tlswitness.delivery.smtp.message import Content, prepare
from tlswitness.delivery.tls import TlsContexts
from tlswitness.delivery.verdict import Chain, Verdict
from tlswitness.dns.resolver import DnsResolver
from tlswitness.engine import translate
from tlswitness.engine.recipients import ToDomain, ToLiteral, sort_out
from tlswitness.engine.reporter import Reporter
from tlswitness.engine.surroundings import Surroundings
from tlswitness.engine.trust import TrustStores
from tlswitness.hooks import HookCounters, HookFunction, HookModule, HookSet
from tlswitness.names import Domain
from tlswitness.net import AddressGuard
from tlswitness.policy.plan import Plan
from tlswitness.policy.sts.fetch import FetchLimits, PolicyFetcher, policy_context
from tlswitness.policy.sts.refresh import Refresher
from tlswitness.policy.sts.service import StsPolicies
from tlswitness.policy.sts.store import PolicyStore

MAX_DESTINATIONS = 10_000
"""Settings of destinations that are kept; mail to ever new domains must not fill the memory."""
SWEEP = 1.0
"""Seconds between looks at idle connections."""

_log = logging.getLogger(__name__)


class Engine:
    """Outbound mail under MTA-STS and DANE.

        async with Engine(config, hooks=[told]) as engine:
            outcome = await engine.deliver(message, Envelope("me@example.org", ("you@example.com",)))

    `hooks` are callables that are told each data point on a thread of their own, beside the modules that the
    configuration names. Raises OSError where the state directory or the trust anchors cannot be used.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        hooks: Iterable[HookFunction | HookModule] = (),
        surroundings: Surroundings | None = None,
    ) -> None:
        self.config = config or Config()
        around = surroundings or Surroundings()
        self._around = around
        given = [hook if isinstance(hook, HookModule) else HookModule.of(hook) for hook in hooks]
        self._hooks = HookSet([*given, *translate.hook_modules(self.config)])
        self._reporter = Reporter(self._hooks, around.clock)
        self._stores = TrustStores()
        self._destinations: dict[Domain, Destination] = {}
        self.resolver = DnsResolver(translate.resolver_settings(self.config), clock=around.clock)
        self.policies = self._policies(self.config)
        self._pool = Pool(around.clock)
        opener = Opener(around.dialer, TlsContexts.make(), self._judge, self._reporter.report)
        self._router = Router(self.resolver, self.policies, opener, self._pool, around.clock, around.rng)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._stores.load(str(self.config.tls_ca) if self.config.tls_ca else None)
        self._hooks.start()
        self._stack.push_async_callback(self._hooks.aclose)
        self._stack.push_async_callback(self.resolver.aclose)
        self._stack.push_async_callback(self.policies.aclose)
        self._stack.push_async_callback(self._pool.close)
        refresher = Refresher(self.policies, clock=self._around.clock, random=self._around.rng)
        for loop in (refresher.run(), self._sweep()):
            self._stack.push_async_callback(partial(_cancel, asyncio.create_task(loop)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def deliver(self, message: bytes, envelope: Envelope) -> DeliveryOutcome:
        """Try once to deliver `message` (header and body) to every recipient; what became of each, in their order.

        Recipients of one domain share a transaction, different domains are delivered to at the same time. What is
        deferred is the caller's to try again.
        """
        content = prepare(message)
        settled: dict[str, RecipientOutcome] = {}
        groups: dict[Destination, dict[str, str]] = defaultdict(dict)
        for given in envelope.recipients:
            match sort_out(given):
                case ToDomain(address=address, domain=domain):
                    groups[self.destination(domain)][address] = given
                case ToLiteral(address=address):
                    groups[self._literal(address)][given] = given
                case Failed() as failed:
                    settled[given] = failed
        results = await asyncio.gather(
            *(self._deliver(destination, envelope, content, group) for destination, group in groups.items())
        )
        for result in results:
            settled |= result
        return DeliveryOutcome(tuple(settled[given] for given in envelope.recipients))

    def destination(self, domain: Domain) -> Destination:
        """How mail for `domain` travels."""
        known = self._destinations.get(domain)
        if known is None:
            if len(self._destinations) >= MAX_DESTINATIONS:
                self._destinations.clear()
            known = self._destinations[domain] = translate.destination(self.config, domain)
        return known

    def hook_counters(self) -> Sequence[HookCounters]:
        """What each hook was told, and what went wrong with it."""
        return self._hooks.counters()

    async def _deliver(
        self, destination: Destination, envelope: Envelope, content: Content, group: dict[str, str]
    ) -> dict[str, RecipientOutcome]:
        part = replace(envelope, recipients=tuple(group))
        try:
            outcomes = await self._router.deliver(destination, part, content)
        except Exception:  # noqa: BLE001 - the last resort, and it is logged
            # A bug of ours must not take the other destinations' outcomes with it, nor pretend to know this one's.
            _log.exception("delivery to %s broke off", destination.domain)
            text = "internal error, see the log"
            outcomes = tuple(Deferred(recipient, "4.3.0", text, uncertain=True) for recipient in group)
        return {group[o.recipient]: replace(o, recipient=group[o.recipient]) for o in outcomes}

    def _literal(self, address: str) -> Destination:
        template = self.destination(Domain(f"[{address}]"))
        return template if template.hops else replace(template, hops=(Hop(None, address),))

    def _judge(self, chain: Chain, plan: Plan, trust: str | None) -> Verdict:
        return self._stores.memo(trust).judge(chain, plan, self._around.clock())

    def _policies(self, config: Config) -> StsPolicies:
        times = config.timeouts
        fetcher = PolicyFetcher(
            self.resolver,
            self._around.dialer,
            AddressGuard.allowing(config.policy_fetch_allow),
            policy_context(ca_file=str(config.tls_ca) if config.tls_ca else None),
            FetchLimits(total=times.policy_fetch, connect=min(times.connect, times.policy_fetch)),
        )
        store = PolicyStore(config.mta_sts_policy_store)
        return StsPolicies(self.resolver, fetcher, store, clock=self._around.clock)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            self._pool.sweep()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
