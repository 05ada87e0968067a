"""`judge`: what a chain amounts to under a plan."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tlswitness.datapoint.failure import Failure, by_severity
from tlswitness.delivery.verdict.certificate import Certificate
from tlswitness.delivery.verdict.chain import Chain
from tlswitness.delivery.verdict.dane import dane_opinion
from tlswitness.delivery.verdict.demand import Demand, demand_of
from tlswitness.delivery.verdict.opinion import Opinion
from tlswitness.delivery.verdict.presented import Presented
from tlswitness.delivery.verdict.trust import TrustStore
from tlswitness.delivery.verdict.webpki import webpki_opinion
from tlswitness.policy.plan import Plan


@dataclass(frozen=True, slots=True)
class Verdict:
    """The failures under each policy of the plan; an empty tuple is a pass. Policies the plan lacks have None."""

    sts: tuple[Failure, ...] | None
    tlsa: tuple[Failure, ...] | None
    local: tuple[Failure, ...] | None
    """Under WebPKI where the operator's `tls_verify` or the message itself demands it."""
    valid_from: float
    valid_until: float
    """Seconds since 1970: as long as `now` is between them, the same chain and plan give the same verdict."""


def judge(chain: Chain, plan: Plan, trust: TrustStore, now: float) -> Verdict:
    """All that is wrong with the chain, each policy by itself, gravest first. Pure: no clock, no network, no file.

    What was wrong before the session (`plan.sts.standing`, `plan.dane.standing`) is not part of it: the caller adds it.
    A TLSA RRset without a usable record demands no certificate, so nothing fails it here.
    """
    return judge_demand(chain, demand_of(plan), trust, now)


def judge_demand(chain: Chain, demand: Demand, trust: TrustStore, now: float) -> Verdict:
    """As `judge`, by what the verdict really depends on."""
    presented = Presented(chain, now)
    webpki = dane = None
    if demand.webpki_host is not None:
        webpki = webpki_opinion(presented, demand.webpki_host, trust)
    if demand.dane:
        dane = dane_opinion(presented, demand.records, demand.references) if demand.records else Opinion(())
    dated = (certificate for opinion in (webpki, dane) if opinion for certificate in opinion.certificates)
    valid_from, valid_until = _interval(dated, now)
    by_webpki = by_severity(webpki.failures) if webpki else None
    return Verdict(
        sts=by_webpki if demand.sts else None,
        tlsa=by_severity(dane.failures) if dane else None,
        local=by_webpki if demand.local else None,
        valid_from=valid_from,
        valid_until=valid_until,
    )


def _interval(certificates: Iterable[Certificate], now: float) -> tuple[float, float]:
    """The span around `now` in which none of the certificates begins or ceases to be valid."""
    begin, end = -math.inf, math.inf
    for certificate in certificates:
        # The moments at which a state begins: that of the first date is the date, that of the end comes right after it.
        for moment in (certificate.not_before, math.nextafter(certificate.not_after, math.inf)):
            if moment <= now:
                begin = max(begin, moment)
            else:
                end = min(end, math.nextafter(moment, -math.inf))
    return begin, end
