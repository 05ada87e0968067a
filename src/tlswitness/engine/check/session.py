"""One address tried as a delivery would, up to the verdict; what it would report is kept and told to nobody.

Separate because this is the only part of a check that talks to an MX. It uses the opener of deliveries, so that the two
cannot differ, and says QUIT where a delivery would say MAIL.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tlswitness.datapoint import DataPoint, Failure, NotReportable, Outcome, points_of
from tlswitness.delivery.attempt import Broken, Judge, Opener, Session
from tlswitness.delivery.outcome import Relay
from tlswitness.delivery.settings import Destination
from tlswitness.delivery.verdict import Chain, Verdict
from tlswitness.delivery.verdict.certificate import Certificate, read_certificate
from tlswitness.engine.check.model import CertificateFacts, Try
from tlswitness.policy.plan import Plan

PATIENCE = 60.0
"""Seconds for one session: a person waits for the answer. A delivery would wait longer."""
FAREWELL = 5.0
"""Seconds for the reply to QUIT."""
MAX_NAMES = 20
"""Names of a certificate that are kept: a shared one has thousands."""
MAX_ISSUER = 200
"""Characters of an issuer's name."""
MAX_CHAIN = 8
"""Certificates of a chain whose dates are looked at."""


async def try_address(
    opener: Opener, plan: Plan, address: str, destination: Destination, now: float, patience: float = PATIENCE
) -> Try:
    """What happens at `address` under `plan`, at `now` (seconds since 1970)."""
    seen = _Seen(opener.judge)
    recording = replace(opener, judge=seen.judge, report=seen.outcomes.append)
    opened: Session | Broken
    try:
        async with asyncio.timeout(patience):
            opened = await recording.open(plan, address, destination)
    except TimeoutError:
        relay = Relay(plan.host.text, address, plan.port)
        opened = Broken(relay, "4.4.2", f"{relay} took longer than {patience:g} seconds", "too slow")
    offered = isinstance(opened, Session) and bool(opened.tls.protocol) and opened.capabilities.require_tls
    if isinstance(opened, Session):
        await _leave(opened)
    outcomes = tuple(seen.outcomes)
    return Try(
        relay=opened.relay,
        broken=opened if isinstance(opened, Broken) else None,
        tls=opened.tls,
        outcomes=outcomes,
        points=tuple(_points(outcomes, now)),
        certificate=_facts(seen.chain, now) if seen.chain is not None else None,
        webpki=seen.webpki,
        require_tls=offered,
    )


@dataclass(slots=True)
class _Seen:
    """Listens to an opener."""

    inner: Judge
    outcomes: list[Outcome] = field(default_factory=list)
    chain: Chain | None = None
    webpki: tuple[Failure, ...] | None = None

    def judge(self, chain: Chain, plan: Plan, trust: str | None) -> Verdict:
        self.chain = chain
        strict = replace(plan, local=replace(plan.local, tls_verify=True))
        self.webpki = self.inner(chain, strict, trust).local
        return self.inner(chain, plan, trust)


async def _leave(session: Session) -> None:
    try:
        async with asyncio.timeout(FAREWELL):
            await session.connection.quit()
    except TimeoutError:
        session.connection.abort()


def _points(outcomes: tuple[Outcome, ...], now: float) -> Iterator[DataPoint]:
    for outcome in outcomes:
        points = points_of(outcome, int(now))
        if not isinstance(points, NotReportable):
            yield from points


def _facts(chain: Chain, now: float) -> CertificateFacts | None:
    read = [read_certificate(der) for der in chain.certificates[:MAX_CHAIN]]
    leaf = read[0] if read else None
    if leaf is None:
        return None
    ends = [certificate.not_after for certificate in read if certificate is not None and certificate.not_after >= now]
    return CertificateFacts(
        names=leaf.dns_ids[:MAX_NAMES],
        issuer=_issuer(leaf),
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        chain_ends=min(ends, default=leaf.not_after),
        tlsa=f"3 1 1 {hashlib.sha256(leaf.spki).hexdigest()}",
    )


def _issuer(leaf: Certificate) -> str:
    try:
        return leaf.parsed.issuer.rfc4514_string()[:MAX_ISSUER]
    except ValueError:  # an attribute that does not fit its own type
        return "unreadable"
