"""Deciding what a destination demands, everything warm: MX, MTA-STS, the DANE walk, the plan.

The peer only looks up, from its own cache, the five names that the decision is made of: dnspython's resolver. A policy
server for Postfix decides about MTA-STS alone, and none is at hand.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import dns.asyncresolver
import dns.resolver

from bench import child
from bench.child import Child
from bench.clients import ours
from bench.measure import Comparison, Contender, Pace, Sample, race
from bench.outside import MANY, MX
from tlswitness.delivery.course import Course, find_course
from tlswitness.names import Domain
from tlswitness.policy.dane import WalkRules, run, walk
from tlswitness.policy.plan import Plan, make_plan

Decision = Callable[[], Awaitable[object]]

NAMES = ((MANY, "MX"), (f"_mta-sts.{MANY}", "TXT"), (MX, "A"), (MX, "AAAA"), (f"_25._tcp.{MX}", "TLSA"))


def bench(pace: Pace) -> Iterator[Comparison]:
    with Child("bench.outside") as outside, child.pinned(child.CLIENTS), asyncio.Runner() as runner:
        stack = AsyncExitStack()
        decide = runner.run(_ours(outside, stack))
        lookups = _lookups(outside)
        contenders = [_contender(runner, "decision", decide, pace), _contender(runner, "dnspython", lookups, pace)]
        yield race("decisions", "/s", contenders, [("decision", "dnspython", None)], pace.rounds)
        runner.run(stack.aclose())


async def _ours(outside: Child, stack: AsyncExitStack) -> Decision:
    client = await ours(outside.facts, stack)
    await client.deliver(MANY)
    engine = client.engine
    domain = Domain(MANY)
    rng = random.Random(1)

    async def decide() -> Plan:
        destination = engine.destination(domain)
        course = await find_course(None, destination, engine.resolver, rng)
        assert isinstance(course, Course)
        sts = await engine.policies.find(domain)
        finding = await run(walk(course.hosts[0], course.next_hop, WalkRules()), engine.resolver)
        plan = make_plan(domain, finding, sts, destination.local)
        assert isinstance(plan, Plan)
        assert plan.authentication_demanded
        return plan

    return decide


def _lookups(outside: Child) -> Decision:
    resolver = dns.asyncresolver.Resolver(configure=False)
    address, port = outside.facts["resolver"]
    resolver.nameservers, resolver.port = [address], port
    resolver.cache = dns.resolver.LRUCache()

    async def lookups() -> None:
        for name, kind in NAMES:
            await resolver.resolve(name, kind, raise_on_no_answer=False, search=False)

    return lookups


def _contender(runner: asyncio.Runner, name: str, work: Decision, pace: Pace) -> Contender:
    async def measure() -> Sample:
        count, start, cpu = 0, time.perf_counter(), time.process_time()
        while (elapsed := time.perf_counter() - start) < pace.seconds / 2:
            await work()
            count += 1
        return Sample(count / elapsed, (time.process_time() - cpu) / count)

    return Contender(name, lambda: runner.run(measure()))
