"""A CA at a fixed time, and plans that demand one thing each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tlswitness.delivery.verdict import Chain, TrustStore, Verdict, judge
from tlswitness.dns.answer import TlsaRecord
from tlswitness.lab.authority import Authority, Issued
from tlswitness.names import Domain, HostName, MxPattern
from tlswitness.policy.dane.model import DaneRecords
from tlswitness.policy.plan import DaneDemand, LocalRules, Plan, StsDemand
from tlswitness.policy.sts.model import Mode, StsPolicy

NOW = 1_750_000_000.0
DOMAIN = Domain("example.com")
MX = "mx.example.com"


def host(name: str) -> HostName:
    return HostName(name, name.lower())


@pytest.fixture(scope="session")
def now() -> float:
    return NOW


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority(NOW)


@pytest.fixture(scope="session")
def trust(authority: Authority) -> TrustStore:
    return TrustStore.from_pem(authority.trust_pem)


@pytest.fixture(scope="session")
def plan_for() -> Callable[..., Plan]:
    def build(
        *,
        sts: bool = False,
        tlsa: Sequence[TlsaRecord] | None = None,
        verify: bool = False,
        mode: Mode = Mode.ENFORCE,
        mx: str = MX,
        references: Sequence[str] = (MX, "example.com"),
    ) -> Plan:
        name = host(mx)
        policy = StsPolicy(mode, 86_400, (MxPattern(name),), ("version: STSv1",))
        names = tuple(map(host, references))
        return Plan(
            domain=DOMAIN,
            host=name,
            addresses=("192.0.2.1",),
            port=25,
            local=LocalRules(tls_verify=verify),
            sts=StsDemand(DOMAIN, policy, binding=mode is Mode.ENFORCE) if sts else None,
            dane=None if tlsa is None else DaneDemand(DaneRecords(names[0], tuple(tlsa), tuple(tlsa), names)),
        )

    return build


@pytest.fixture(scope="session")
def verdict_on(trust: TrustStore, plan_for: Callable[..., Plan]) -> Callable[..., Verdict]:
    """The verdict on a certificate, a chain, or DER certificates, under a plan made of the keywords."""

    def run(subject: Issued | Chain | tuple[bytes, ...], *, now: float = NOW, **demands: object) -> Verdict:
        match subject:
            case Issued():
                chain = Chain(subject.chain)
            case Chain():
                chain = subject
            case _:
                chain = Chain(subject)
        return judge(chain, plan_for(**demands), trust, now)

    return run


@pytest.fixture(scope="session")
def under_sts(verdict_on: Callable[..., Verdict]) -> Callable[..., set[str]]:
    """The failures under MTA-STS, as `CAUSE` or `CAUSE code`."""

    def run(subject: object, **demands: object) -> set[str]:
        found = verdict_on(subject, sts=True, **demands).sts
        assert found is not None
        return {f"{failure.cause.name} {failure.code}".strip() for failure in found}

    return run


@pytest.fixture(scope="session")
def under_tlsa(verdict_on: Callable[..., Verdict]) -> Callable[..., set[str]]:
    """The failures under these TLSA records."""

    def run(subject: object, *records: TlsaRecord, **demands: object) -> set[str]:
        found = verdict_on(subject, tlsa=records, **demands).tlsa
        assert found is not None
        return {f"{failure.cause.name} {failure.code}".strip() for failure in found}

    return run
