from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_network
from pathlib import Path

import pytest

from tlswitness.dns.answer import RecordType
from tlswitness.lab.authority import Authority, Issued
from tlswitness.lab.fakes import FakeResolver, VirtualClock
from tlswitness.lab.policyhost import Behaviour, PolicyHost, Serve, policy_text
from tlswitness.names import Domain
from tlswitness.net import AddressGuard, MappedDialer
from tlswitness.policy.sts.fetch import FetchLimits, FetchOutcome, PolicyFetcher, policy_context
from tlswitness.policy.sts.service import StsPolicies
from tlswitness.policy.sts.store import PolicyStore


class Certificates:
    """Of one authority, made once: keys cost time."""

    def __init__(self) -> None:
        self.authority = Authority(time.time())
        self.good = cache(lambda name: self.authority.issue([name]))

    def bad(self, kind: str, name: str) -> Issued:
        day = 86_400
        match kind:
            case "expired":
                return self.authority.issue([name], not_before=-90 * day, not_after=-day)
            case "not yet valid":
                return self.authority.issue([name], not_before=day)
            case "wrong name":
                return self.authority.issue(["other.example"])
            case "common name only":
                return self.authority.issue([name], san=False)
            case "self-signed":
                return self.authority.issue([name], issuer=None)
            case "unknown issuer":
                return self.authority.issue([name], issuer=self.authority.unknown)
            case "missing intermediate":
                return self.authority.issue([name]).presenting(intermediates=False)
        raise AssertionError(kind)


@dataclass
class World:
    """A domain with a policy host, and a service that knows nothing yet."""

    host: PolicyHost
    certificates: Certificates
    directory: Path
    domain: Domain
    clock: VirtualClock = field(default_factory=VirtualClock)
    resolver: FakeResolver = field(default_factory=FakeResolver)
    ports: dict[int, int] = field(default_factory=dict)
    allowed: str = "127.0.0.0/8"
    limits: FetchLimits = field(default_factory=lambda: FetchLimits(total=20, connect=10))

    @property
    def name(self) -> str:
        return f"mta-sts.{self.domain}"

    def build(self) -> None:
        self.ports[443] = self.host.port
        self.context = policy_context(ca_data=self.certificates.authority.trust_pem.decode())
        self.resolver.add(self.name, RecordType.A, "127.0.0.1")
        self.txt("v=STSv1; id=1;")
        self.serve(policy_text("mx.example.com"))
        self.restart()

    def restart(self) -> None:
        self.store = PolicyStore(self.directory / "sts")
        self.policies = StsPolicies(self.resolver, self, self.store, clock=self.clock)

    async def fetch(self, domain: Domain) -> FetchOutcome:
        """A fetcher under the limits and the guard of the moment."""
        guard = AddressGuard.allowing([ip_network(self.allowed)])
        dialer = MappedDialer(self.ports)
        return await PolicyFetcher(self.resolver, dialer, guard, self.context, self.limits).fetch(domain)

    def txt(self, *texts: str) -> None:
        self.resolver.add_txt(f"_mta-sts.{self.domain}", *texts)

    def serve(self, body: bytes) -> None:
        self.behave(Serve(body))

    def behave(self, behaviour: Behaviour) -> None:
        self.host.publish(self.name, self.certificates.good(self.name), behaviour)

    def present(self, kind: str) -> None:
        self.host.publish(self.name, self.certificates.bad(kind, self.name), Serve(policy_text("mx.example.com")))

    def impatient(self) -> None:
        self.limits = FetchLimits(total=0.2, connect=0.1)

    @property
    def fetches(self) -> int:
        """Complete requests so far."""
        return self.host.requested(self.name)


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    return Certificates()


@pytest.fixture
async def world(certificates: Certificates, tmp_path: Path) -> AsyncIterator[World]:
    async with PolicyHost() as host:
        made = World(host, certificates, tmp_path, Domain("example.com"))
        made.build()
        yield made
        await made.policies.aclose()
