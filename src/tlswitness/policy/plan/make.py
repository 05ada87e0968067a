"""The plan, made from what was found out."""

from __future__ import annotations

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.datapoint.outcome import PolicyFailed
from tlswitness.names import BadName, Domain, HostName
from tlswitness.policy.dane.model import (
    Dane,
    DaneLookupFailed,
    DaneRecords,
    HostFinding,
    HostFound,
    HostUnreachable,
    NoDane,
    WhyNoDane,
)
from tlswitness.policy.plan.events import host_failed, lookup_reported
from tlswitness.policy.plan.model import (
    DaneAndSts,
    DaneDemand,
    LocalRules,
    Plan,
    Refusal,
    StsDemand,
    TlsWanted,
)
from tlswitness.policy.plan.reasons import dane_reasons, local_reasons, optional_reasons, sts_reasons
from tlswitness.policy.plan.required import required
from tlswitness.policy.plan.tag import Named, Tag
from tlswitness.policy.sts.model import Mode, StsAnswer, StsApplies

# RFC 3463: cryptographic failure, and a system that is configured wrongly.
_POLICY = "4.7.5"
_MISCONFIGURED = "4.3.5"
MAX_TOLD = 3
"""Unusable records that one reason names: the domain chooses how many there are."""


def make_plan(
    domain: Domain,
    finding: HostFinding,
    sts: StsAnswer,
    local: LocalRules,
    *,
    port: int = 25,
    tag: Tag = Tag.NORMAL,
    named: Named = Named.NO,
) -> Plan | Refusal:
    """The plan for the MX host of `finding` when mail for `domain` is to be delivered, for messages with this `tag`.

    In the order of a delivery: the MX's name, its addresses, its TLSA records; the first refusal stands. `named` counts
    for messages that require TLS alone.
    """
    plan = _plan(domain, finding, sts, local, port, tag)
    return required(plan, sts, named) if tag is Tag.REQUIRE and isinstance(plan, Plan) else plan


def _plan(
    domain: Domain, finding: HostFinding, sts: StsAnswer, local: LocalRules, port: int, tag: Tag
) -> Plan | Refusal:
    if local.tls is TlsWanted.NO:
        return _without_tls(domain, finding, sts, local, port, tag)
    refusal = refuse_mx_name(domain, finding.host, sts, local, tag)
    if refusal is not None:
        return refusal
    match finding:
        case HostUnreachable():
            return _unreachable(domain, finding)
        case HostFound():
            return _found(domain, finding, sts, local, port, tag)


def refuse_mx_name(
    domain: Domain, host: HostName | BadName, sts: StsAnswer, local: LocalRules, tag: Tag = Tag.NORMAL
) -> Refusal | None:
    """The refusal of an MX that a policy in mode enforce does not name (RFC 8461 sections 4.1 and 5).

    A route that asks this before it walks spares the lookups; `make_plan` asks it all the same.
    """
    if (
        tag is Tag.OPTIONAL
        or not isinstance(sts, StsApplies)
        or sts.policy.mode is not Mode.ENFORCE
        or local.tls is TlsWanted.NO
    ):
        return None
    # A bad name cannot be connected to anyway, and says so itself.
    if isinstance(host, BadName) or sts.policy.allows(host):
        return None
    failure = Failure(Cause.STS_MX_MISMATCH)
    return Refusal(
        domain,
        host,
        f"{host} is not among the MXs that the MTA-STS policy of {sts.domain} names (mode enforce)",
        _POLICY,
        failure,
        (PolicyFailed(domain, sts.policy.facts(sts.domain), failure, host.text),),
    )


def _without_tls(
    domain: Domain, finding: HostFinding, sts: StsAnswer, local: LocalRules, port: int, tag: Tag
) -> Plan | Refusal:
    if local.tls_verify or local.dane_required:
        demanded = "tls_verify" if local.tls_verify else "dane_required"
        reason = f'the local rules for {domain} contradict each other: tls = "no" and {demanded}'
        return Refusal(domain, finding.host, reason, _MISCONFIGURED)
    if isinstance(finding, HostUnreachable):
        return Refusal(domain, finding.host, finding.reason, finding.status)
    overridden = []
    if isinstance(sts, StsApplies):
        overridden.append(f"it overrides the MTA-STS policy of {sts.domain} (mode {sts.policy.mode})")
    if not isinstance(finding.dane, NoDane):
        overridden.append(f"it overrides DANE of {finding.host}")
    reasons = (f'TLS is switched off for {domain} by the local rule tls = "no"', *overridden)
    return Plan(domain, finding.host, finding.addresses, port, local, None, None, reasons, tag)


def _unreachable(domain: Domain, finding: HostUnreachable) -> Refusal:
    failure = finding.failure
    events: tuple[PolicyFailed, ...] = ()
    if failure is not None and isinstance(finding.host, HostName):
        events = (host_failed(domain, finding.host, failure),)
    return Refusal(domain, finding.host, finding.reason, finding.status, failure, events)


def _found(
    domain: Domain, finding: HostFound, sts: StsAnswer, local: LocalRules, port: int, tag: Tag
) -> Plan | Refusal:
    dane = _dane_demand(domain, finding.host, finding.dane, local, tag)
    if isinstance(dane, Refusal):
        return dane
    demand = _sts_demand(finding.host, sts, dane, local, tag)
    reasons = (
        *dane_reasons(finding.dane, tag),
        *sts_reasons(finding.host, sts, demand, dane),
        *local_reasons(finding.host, local),
        *optional_reasons(tag),
    )
    events: tuple[PolicyFailed, ...] = ()
    if isinstance(finding.dane, DaneLookupFailed):  # only where TLS is optional does a plan come of that
        events = _lookup_events(domain, finding.host, finding.dane, local)
    return Plan(domain, finding.host, finding.addresses, port, local, demand, dane, reasons, tag, events)


def _dane_demand(
    domain: Domain, host: HostName, dane: Dane, local: LocalRules, tag: Tag
) -> DaneDemand | Refusal | None:
    """RFC 7672 sections 2.2 and 6 (mandatory DANE). MTA-STS has no say in it (RFC 8461 section 2), and a message to
    which TLS is optional is held up by the operator's rules alone (RFC 8689 section 3).
    """
    optional = tag is Tag.OPTIONAL and not local.dane_required
    match dane:
        case DaneLookupFailed() if optional:
            return None
        case DaneLookupFailed(failure=failure):
            events = _lookup_events(domain, host, dane, local)
            return Refusal(domain, host, f"{host} cannot be used: {dane.reason}", _POLICY, failure, events)
        case NoDane(why=why, reason=reason):
            return _dane_missing(domain, host, why, reason) if local.dane_required else None
        case DaneRecords(mx_secure=False) if local.dane_required:
            reason = f"nothing signed says that {host} is an MX of {domain}"
            return _dane_missing(domain, host, WhyNoDane.MX_INSECURE, reason)
        case DaneRecords():
            return _records_demand(domain, host, dane, local, binding=not optional)


def _lookup_events(
    domain: Domain, host: HostName, failed: DaneLookupFailed, local: LocalRules
) -> tuple[PolicyFailed, ...]:
    reported = lookup_reported(failed.answer, local)
    return (host_failed(domain, host, failed.failure, failed.candidate),) if reported else ()


def _dane_missing(domain: Domain, host: HostName, why: WhyNoDane, reason: str) -> Refusal:
    words = f"DANE is required for {domain}, but {reason}"
    if why is WhyNoDane.OFF:
        # Our own contradiction: the domain must not be told that it failed.
        return Refusal(domain, host, words, _MISCONFIGURED)
    failure = Failure(Cause.DANE_REQUIRED, why)
    return Refusal(domain, host, words, _POLICY, failure, (host_failed(domain, host, failure),))


def _records_demand(
    domain: Domain, host: HostName, dane: DaneRecords, local: LocalRules, *, binding: bool
) -> DaneDemand | Refusal:
    if dane.usable:
        return DaneDemand(dane, binding=binding)
    failure = Failure(Cause.TLSA_ALL_UNUSABLE)
    if local.dane_required:
        why = "; ".join(dane.rejected[:MAX_TOLD])
        words = f"DANE is required for {domain}, but no TLSA record of {dane.base} is usable: {why}"
        event = PolicyFailed(domain, dane.facts(), failure, host.text)
        return Refusal(domain, host, words, _POLICY, failure, (event,))
    return DaneDemand(dane, (failure,), binding)


def _sts_demand(
    host: HostName, sts: StsAnswer, dane: DaneDemand | None, local: LocalRules, tag: Tag
) -> StsDemand | None:
    """RFC 8461 section 5. An MX that the policy does not name stands against the session where that may go on."""
    if not isinstance(sts, StsApplies) or sts.policy.mode is Mode.NONE:
        return None
    dane_decides = local.dane_and_sts is DaneAndSts.DANE and dane is not None and dane.authenticated
    standing = () if sts.policy.allows(host) else (Failure(Cause.STS_MX_MISMATCH),)
    binding = sts.policy.mode is Mode.ENFORCE and not dane_decides and tag is not Tag.OPTIONAL
    return StsDemand(sts.domain, sts.policy, binding, standing)
