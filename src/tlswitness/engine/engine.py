"""The engine: give it a message, it delivers under each destination's policies and tells every hook what happened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from tlswitness.config import Config, DomainConfig
from tlswitness.delivery.attempt import Opener
from tlswitness.delivery.outcome import DeliveryOutcome, Envelope, Failed, RecipientOutcome
from tlswitness.delivery.places import Places
from tlswitness.delivery.pool import Pool
from tlswitness.delivery.route import Router
from tlswitness.delivery.settings import Destination, Hop
from tlswitness.delivery.smtp.message import Content, prepare
from tlswitness.delivery.tag import tag_of
from tlswitness.delivery.tls import TlsContexts
from tlswitness.delivery.verdict import Chain, Verdict
from tlswitness.dns.resolver import DnsResolver
from tlswitness.engine import translate
from tlswitness.engine.background import background, cancel
from tlswitness.engine.check import Check, Looker
from tlswitness.engine.recipients import ToDomain, ToLiteral, sort_out
from tlswitness.engine.reporter import Reporter
from tlswitness.engine.surroundings import Surroundings
from tlswitness.engine.trust import TrustStores
from tlswitness.engine.turns import Turns
from tlswitness.hooks import HookCounters, HookFunction, HookModule, HookSet
from tlswitness.journal import JournalSink, SinkCounters, Writer, new_chain, tidy
from tlswitness.names import BadName, Domain, parse_domain, parse_host
from tlswitness.net import AddressGuard
from tlswitness.policy.plan import Plan
from tlswitness.policy.sts.fetch import FetchLimits, PolicyFetcher, policy_context
from tlswitness.policy.sts.refresh import Refresher
from tlswitness.policy.sts.service import StsPolicies
from tlswitness.policy.sts.store import PolicyStore

MAX_DESTINATIONS = 10_000
"""Settings of destinations that are kept; mail to ever new domains must not fill the memory."""
CHAIN = "engine"
"""What chains of engines in the journal are called; a random number makes each one's."""
SWEEP = 1.0
"""Seconds between looks at idle connections."""

T = TypeVar("T")


@dataclass(slots=True)
class _Group:
    """The recipients of a message that go to one destination."""

    destination: Destination
    addresses: dict[str, list[str]] = field(default_factory=dict)
    """By what RCPT says: what the caller wrote, more than once where that differs in form only."""


class Engine:
    """Outbound mail under MTA-STS and DANE.

        async with Engine(config, hooks=[told]) as engine:
            outcome = await engine.deliver(message, Envelope("me@example.org", ("you@example.com",)))

    Data points go to the journal, from which `tlswitness serve` tells the modules that the configuration names.
    `hooks` are callables of this program: each is told on a thread of its own, best effort. To be opened once; closing
    it ends what is under way, and what is open then is deferred. Raises OSError where the policy store or the trust
    anchors cannot be used. A journal that cannot be written is logged and counted, and no more: the mail goes on.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        hooks: Iterable[HookFunction | HookModule] = (),
        surroundings: Surroundings | None = None,
    ) -> None:
        self.config = Config() if config is None else config
        if not isinstance(self.config, Config):
            raise TypeError(f"an Engine takes a Config, such as load_config().config, not {type(config).__name__}")
        around = surroundings or Surroundings()
        self._around = around
        given = [hook if isinstance(hook, HookModule) else HookModule.of(hook) for hook in hooks]
        self._hooks = HookSet(given)
        self._journal = _journal(self.config)
        self._reporter = Reporter([*filter(None, [self._journal]), self._hooks], around.clock)
        self._stores = TrustStores(translate.trust_anchors(self.config))
        self._destinations: dict[Domain, tuple[DomainConfig, Destination]] = {}
        self.resolver = DnsResolver(translate.resolver_settings(self.config), clock=around.monotonic)
        self._fetcher = self._policy_fetcher(self.config)
        store = _policy_store(self.config.mta_sts_policy_store)
        self.policies = StsPolicies(self.resolver, self._fetcher, store, clock=around.clock)
        places = Places(self.config.connections_at_once)
        self._pool = Pool(around.monotonic, places)
        self._opener = opener = Opener(around.dialer, TlsContexts.make(), self._judge, self._reporter.report, places)
        self._turns = Turns(self.config.destinations_at_once)
        self._router = Router(
            self.resolver,
            self.policies,
            opener,
            self._pool,
            around.monotonic,
            around.rng,
            dnssec_seen=lambda: self.resolver.trust.seen,
        )
        self._stack = AsyncExitStack()
        self._open: bool | None = None
        """None: not yet."""

    async def __aenter__(self) -> Self:
        if self._open is not None:
            raise RuntimeError("an engine is opened once: make another one")
        self._open = True
        self._hooks.start()
        self._stack.push_async_callback(self._hooks.aclose)
        if self._journal is not None:
            self._stack.push_async_callback(asyncio.to_thread, self._journal.close)
        self._stack.push_async_callback(self.resolver.aclose)
        self._stack.push_async_callback(self.policies.aclose)
        self._stack.push_async_callback(self._pool.close)
        self._stack.push_async_callback(self._router.close)
        refresher = Refresher(self.policies, clock=self._around.clock, random=self._around.rng)
        for loop in (refresher.run(), self._sweep()):
            self._stack.push_async_callback(partial(cancel, background(loop)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        await self._stack.aclose()

    async def deliver(self, message: bytes, envelope: Envelope) -> DeliveryOutcome:
        """Try once to deliver `message` (header and body) to every recipient; what became of each, in their order.

        Recipients of one domain share a transaction, different domains are delivered to at the same time, as many as
        `destinations_at_once` lets. What is deferred is the caller's to try again, and a bounce is his to make: the
        outcome's `tag` says how.
        """
        if not self._open:
            raise RuntimeError("the engine is not open: deliver within `async with Engine(...)`")
        if not isinstance(message, bytes):
            raise TypeError(f"a message is bytes, not {type(message).__name__}")
        content = prepare(message)
        settled: dict[str, RecipientOutcome] = {}
        groups: dict[Domain, _Group] = {}
        for given in dict.fromkeys(envelope.recipients):
            recipient = sort_out(given)
            if isinstance(recipient, Failed):
                settled[given] = recipient
                continue
            destination = self._destination(recipient)
            group = groups.setdefault(destination.domain, _Group(destination))
            group.addresses.setdefault(recipient.address, []).append(given)
        for outcomes in await self._deliver_all(list(groups.values()), envelope, content):
            settled |= outcomes
        return DeliveryOutcome(tuple([settled[given] for given in envelope.recipients]), tag_of(envelope, content))

    async def check(self, domain: str, *, mx: str | None = None, connect: bool = True) -> Check:
        """What a delivery to `domain` would do and report, each MX tried up to where it would be given the mail.

        `mx` is tried in place of the domain's MXs; without `connect` none is. Makes no data points and stores nothing.
        Raises ValueError where `domain` or `mx` is no name.
        """
        around, store = self._around, self.policies.store
        looker = Looker(self.resolver, self._fetcher, store, self._opener, around.clock, around.rng)
        host = None if mx is None else _valid(parse_host(mx))
        return await looker.check(self.destination(_valid(parse_domain(domain))), mx=host, connect=connect)

    def destination(self, domain: Domain) -> Destination:
        """How mail for `domain` travels."""
        own = self.config.for_domain(domain)  # a scope may expire at any time
        known = self._destinations.get(domain)
        if known is None or known[0] is not own:
            if len(self._destinations) >= MAX_DESTINATIONS:
                self._destinations.clear()
            known = self._destinations[domain] = own, translate.destination(self.config, domain)
        return known[1]

    def hook_counters(self) -> Sequence[HookCounters]:
        """What each callable was told, and what went wrong with it."""
        return self._hooks.counters()

    def journal_counters(self) -> SinkCounters | None:
        """What was written to the journal, waits and was lost; None where there is no journal."""
        return None if self._journal is None else self._journal.counters()

    async def _deliver_all(
        self, groups: list[_Group], envelope: Envelope, content: Content
    ) -> list[dict[str, RecipientOutcome]]:
        if len(groups) == 1:
            return [await self._deliver(groups[0], envelope, content)]
        abreast = asyncio.Semaphore(self._turns.of_one_message)

        async def one(group: _Group) -> dict[str, RecipientOutcome]:
            async with abreast:
                return await self._deliver(group, envelope, content)

        return await asyncio.gather(*map(one, groups))

    async def _deliver(self, group: _Group, envelope: Envelope, content: Content) -> dict[str, RecipientOutcome]:
        addresses = tuple(group.addresses)
        part = envelope if addresses == envelope.recipients else replace(envelope, recipients=addresses)
        domain = group.destination.domain
        turn = await self._turns.enter(domain)
        try:
            outcomes = await self._router.deliver(group.destination, part, content)
        finally:
            self._turns.leave(domain, turn)
        return {
            given: outcome if given == outcome.recipient else replace(outcome, recipient=given)
            for outcome in outcomes
            for given in group.addresses[outcome.recipient]
        }

    def _destination(self, recipient: ToDomain | ToLiteral) -> Destination:
        match recipient:
            case ToDomain(domain=domain):
                return self.destination(domain)
            case ToLiteral(ip=ip):
                template = self.destination(Domain(f"[{ip}]"))
                return template if template.hops else replace(template, hops=(Hop(None, ip),))

    def _judge(self, chain: Chain, plan: Plan, trust: str | None) -> Verdict:
        return self._stores.memo(trust).judge(chain, plan, self._around.clock())

    def _policy_fetcher(self, config: Config) -> PolicyFetcher:
        times = config.timeouts
        return PolicyFetcher(
            self.resolver,
            self._around.dialer,
            AddressGuard.allowing(config.policy_fetch_allow),
            policy_context(ca_data=self._stores.pem(str(config.tls_ca) if config.tls_ca else None)),
            FetchLimits(total=times.policy_fetch, connect=min(times.connect, times.policy_fetch)),
        )

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            self._pool.sweep()


def _valid(name: T | BadName) -> T:
    if isinstance(name, BadName):
        raise ValueError(str(name))  # noqa: TRY004 - the type is our way to say that the value is wrong
    return name


def _journal(config: Config) -> JournalSink | None:
    """A chain of the journal for this engine alone; nothing is opened before the first point."""
    if not config.journal.enabled:
        return None
    settings = translate.journal_settings(config)
    return JournalSink(Writer(settings, new_chain(CHAIN)), tidy=lambda: tidy(settings, time.time()))


def _policy_store(directory: Path) -> PolicyStore:
    try:
        return PolicyStore(directory)
    except OSError as error:
        raise OSError(f"mta_sts_policy_store: {directory} cannot be used: {error.strerror or error}") from error
