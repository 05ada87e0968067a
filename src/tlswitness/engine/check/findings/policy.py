"""The MTA-STS policy of a domain: discovery, the policy as served, and what is cached (RFC 8461 sections 3 and 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tlswitness.datapoint import Cause, Failure
from tlswitness.dns.answer import LookupFailed
from tlswitness.engine.check.findings.advice import advice, code
from tlswitness.engine.check.model import Finding, MxLook, Severity, StsLook
from tlswitness.names import HostName
from tlswitness.policy.sts import (
    BadRecord,
    Entry,
    Fetched,
    FetchFailed,
    Mode,
    NoRecord,
    StsApplies,
    StsPolicy,
    StsRecord,
)

DAY = 86_400
WEEK = 7 * DAY
_FOR_GOOD = frozenset({"NXDOMAIN", "NODATA", "name too long"})
"""What a failed lookup of the policy host says where asking again will not help."""


def about_sts(domain: str, look: StsLook, hosts: Sequence[MxLook], at: float) -> Iterator[Finding]:
    """What a domain should know about its policy; `at` is now."""
    match look.record:
        case None:
            yield Finding(Severity.NOTE, "sts-off", "your configuration does not look for MTA-STS policies here")
        case LookupFailed() as failed:
            failure = Failure(Cause.STS_TXT_LOOKUP, failed.code)
            yield _failed(domain, failure, look, at, temporary=not failed.bogus)
        case BadRecord(failure=failure):
            yield _failed(domain, failure, look, at)
        case NoRecord():
            yield from _without_record(domain, look, at)
        case StsRecord() as record:
            yield from _with_record(domain, record, look, hosts, at)
    if isinstance(look.answer, StsApplies) and look.answer.policy.mode is Mode.TESTING:
        yield Finding(
            Severity.WARNING,
            "sts-testing",
            "the MTA-STS policy is in mode testing: failures are reported, and the mail goes on all the same",
            "When the reports are clean, set `mode: enforce` and give the TXT record a new id.",
        )


def _without_record(domain: str, look: StsLook, at: float) -> Iterator[Finding]:
    if _cached(look, at) is not None:
        yield _failed(domain, Failure(Cause.STS_TXT_NONE), look, at)
    elif isinstance(look.served, Fetched):
        yield Finding(
            Severity.WARNING,
            "sts-no-record",
            f"mta-sts.{domain} serves a policy, but without a TXT record at _mta-sts.{domain} no sender looks for it",
            advice(Cause.STS_TXT_MULTIPLE, domain),
        )


def _with_record(
    domain: str, record: StsRecord, look: StsLook, hosts: Sequence[MxLook], at: float
) -> Iterator[Finding]:
    match look.served:
        case FetchFailed(failure=failure):
            again = failure.cause is Cause.STS_HOST_LOOKUP and failure.code not in _FOR_GOOD
            yield _failed(domain, failure, look, at, temporary=again and "EDE" not in failure.code)
        case Fetched(policy=policy):
            yield from _about_policy(domain, policy, hosts)
            yield from _stale(record, policy, _cached(look, at))
        case None:
            pass


def _about_policy(domain: str, policy: StsPolicy, hosts: Sequence[MxLook]) -> Iterator[Finding]:
    if policy.mode is Mode.NONE:
        yield Finding(Severity.NOTE, "sts-mode-none", f"{domain} says that it has no MTA-STS policy (mode none)")
        return
    if policy.max_age < WEEK:
        yield Finding(
            Severity.WARNING if policy.max_age < DAY else Severity.NOTE,
            "sts-max-age",
            f"the MTA-STS policy is kept for {policy.max_age} seconds only: who blocks the policy host for that long"
            " makes senders forget it",
            "Weeks are usual, such as `max_age: 2592000`.",
        )
    names = [host.host for host in hosts if isinstance(host.host, HostName)]
    for pattern in policy.mx:
        if not any(pattern.matches(name) for name in names):
            text = f"`mx: {pattern}` of the MTA-STS policy names none of the MXs"
            yield Finding(Severity.NOTE, "sts-unused-mx", text, "Remove it, unless such an MX is to come.")


def _stale(record: StsRecord, policy: StsPolicy, cached: Entry | None) -> Iterator[Finding]:
    if cached is not None and cached.id == record.id and cached.policy != policy:
        yield Finding(
            Severity.WARNING,
            "sts-same-id",
            "the MTA-STS policy has changed, and the id of the TXT record has not: senders keep the old one",
            "Give the TXT record a new id whenever the policy changes.",
        )


def _failed(domain: str, failure: Failure, look: StsLook, at: float, *, temporary: bool = False) -> Finding:
    cached = _cached(look, at)
    goes_on = (
        f"; the policy cached here (mode {cached.policy.mode}) is applied" if cached else "; no MTA-STS policy applies"
    )
    return Finding(
        Severity.PROBLEM,
        code(failure.cause),
        f"MTA-STS: {failure.words}{goes_on}",
        advice(failure.cause, domain),
        temporary=temporary,
    )


def _cached(look: StsLook, at: float) -> Entry | None:
    """The stored policy, where it still says something."""
    stored = look.stored
    return None if stored is None or stored.expired(at) or stored.policy.mode is Mode.NONE else stored
