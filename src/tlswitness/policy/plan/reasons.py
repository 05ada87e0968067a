"""Why a plan demands what it demands, in words for a mail admin."""

from __future__ import annotations

from tlswitness.names import HostName
from tlswitness.policy.dane.model import Dane, DaneLookupFailed, DaneRecords, NoDane
from tlswitness.policy.plan.model import DaneDemand, LocalRules, StsDemand, TlsWanted
from tlswitness.policy.plan.tag import Tag
from tlswitness.policy.sts.model import Mode, StsAbsent, StsAnswer, StsApplies


def dane_reasons(dane: Dane, tag: Tag = Tag.NORMAL) -> tuple[str, ...]:
    match dane:
        case NoDane(reason=reason):
            return (f"DANE does not apply: {reason}",)
        case DaneLookupFailed(reason=reason) if tag is Tag.OPTIONAL:
            return (f"DANE cannot be looked at: {reason}",)
        case DaneLookupFailed(reason=reason):
            return (f"DANE: no connection, for {reason}",)
        case DaneRecords():
            return _records(dane)


def sts_reasons(
    host: HostName, answer: StsAnswer, demand: StsDemand | None, dane: DaneDemand | None
) -> tuple[str, ...]:
    match answer:
        case StsAbsent(reason=reason):
            return (f"MTA-STS does not apply: {reason}",)
        case StsApplies(policy=policy) if demand is None:
            return (f"MTA-STS does not apply: the policy of {answer.domain} is in mode {policy.mode}",)
        case StsApplies(policy=policy):
            stored = ", from the store" if answer.cached else ""
            whose = f"MTA-STS policy of {answer.domain} (mode {policy.mode}{stored})"
            return _applied(whose, policy.mode, host, demand, dane)


def local_reasons(host: HostName, local: LocalRules) -> tuple[str, ...]:
    reasons = []
    if local.dane_required:
        reasons.append("local rule: DANE is required")
    if local.tls is TlsWanted.REQUIRED:
        reasons.append("local rule: TLS is required")
    if local.tls_verify:
        reasons.append(f"local rule: TLS is required, with a certificate that is valid for {host}")
    return tuple(reasons)


def optional_reasons(tag: Tag) -> tuple[str, ...]:
    if tag is not Tag.OPTIONAL:
        return ()
    return ("the message says TLS-Required: No, so no policy of the domain forbids its delivery",)


def _records(dane: DaneRecords) -> tuple[str, ...]:
    if dane.usable:
        words = f"DANE: TLS is demanded, with a certificate that a TLSA record of {dane.base} matches"
    else:
        words = f"DANE: TLS is demanded; the certificate cannot be checked, for no TLSA record of {dane.base} is usable"
    left_out = (f"a TLSA record does not count: {reason}" for reason in dane.rejected)
    unsure = () if dane.mx_secure else ("this shows that the host is who it says, not that the domain named it",)
    return (words, *left_out, *unsure)


def _applied(whose: str, mode: Mode, host: HostName, demand: StsDemand, dane: DaneDemand | None) -> tuple[str, ...]:
    if demand.binding:
        return (f"{whose}: TLS is demanded, with a certificate that is valid for {host}",)
    if mode is Mode.ENFORCE and dane is not None and dane.binding:
        return (f"{whose}: judged and reported, but DANE decides alone by the local rule dane_and_sts",)
    unnamed = (f"{host} is not among the MXs that the policy names",) if demand.standing else ()
    return (f"{whose}: failures are reported and forbid nothing", *unnamed)
