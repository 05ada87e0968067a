from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from tlswitness.dns import DnsResolver, ResolverSettings, Server, TrustReport
from tlswitness.lab.fakes import VirtualClock
from tlswitness.lab.nameserver import NameServer

PATIENT = 5.0
"""Seconds for an answer that is to come: the machine may be busy."""


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def lab() -> AsyncIterator[NameServer]:
    async with NameServer() as server:
        yield server


@pytest.fixture
async def resolver_for(clock: VirtualClock) -> AsyncIterator[Callable[..., DnsResolver]]:
    made: list[DnsResolver] = []

    def make(*servers: Server, on_trust: Callable[[TrustReport], None] | None = None, **options: object) -> DnsResolver:
        quick = {"timeout": PATIENT, "tcp_timeout": PATIENT, "rounds": 1, "self_test": False}
        settings = ResolverSettings(servers=servers, **(quick | options))
        made.append(DnsResolver(settings, clock=clock, on_trust=on_trust))
        return made[-1]

    yield make
    for resolver in made:
        await resolver.aclose()
