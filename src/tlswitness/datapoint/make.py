"""The one constructor: an outcome becomes its data points, or a named "not reportable".

RFC 8460 sections 4.2 (counting), 4.3 (result types), 4.4 (members), 4.5 (policy strings). No other place builds a point
of ours. Whatever an outcome holds, the points are bounded, writable as I-JSON, and equal in text for equal outcomes.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from tlswitness.datapoint.clean import canonical_address, clean_line, clean_text
from tlswitness.datapoint.failure import Failure, by_severity
from tlswitness.datapoint.limits import MAX_EPOCH, MAX_FURTHER, MAX_HELO, MAX_HOST, MAX_POLICY_STRING
from tlswitness.datapoint.model import FAILURE, SUCCESS, DataPoint, FurtherFailure, Policy
from tlswitness.datapoint.outcome import (
    Judged,
    NotReportable,
    Outcome,
    PolicyFacts,
    PolicyFailed,
    SessionEnded,
)
from tlswitness.datapoint.results import PolicyType

MAX_SHARED = 64
"""Policies whose strings are kept to be shared by points; each takes up to about 600 KiB, and nearly all take one."""

_UNNAMED = "invalid"
"""A policy domain of which nothing could be kept (RFC 6761: never a real name)."""


def points_of(outcome: Outcome, epoch: int) -> tuple[DataPoint, ...] | NotReportable:
    """The data points of `outcome`, known at `epoch` (seconds since 1970): exactly one for each policy of a session."""
    known_at = max(0, min(int(epoch), MAX_EPOCH))  # a machine without a clock must still deliver mail
    match outcome:
        case SessionEnded(judged=()):
            return NotReportable("no policy was looked at")
        case SessionEnded():
            return _session_points(outcome, known_at)
        case PolicyFailed():
            return (_policy_point(outcome, known_at),)
        case NotReportable():
            return outcome


@lru_cache(MAX_SHARED)
def _session_points(session: SessionEnded, epoch: int) -> tuple[DataPoint, ...]:
    """Sessions that come out alike within one second have the same points: equal values, so one object serves."""
    return tuple(_session_point(session, judged, epoch) for judged in _once_each(session.judged))


def _once_each(judged: tuple[Judged, ...]) -> tuple[Judged, ...]:
    """One for each policy: failures named apart under the same policy belong to the same point."""
    failures: dict[PolicyFacts, tuple[Failure, ...]] = {}
    for each in judged:
        failures[each.policy] = failures.get(each.policy, ()) + each.failures
    return tuple(Judged(policy, found) for policy, found in failures.items())


def _session_point(session: SessionEnded, judged: Judged, epoch: int) -> DataPoint:
    failures = by_severity(judged.failures)
    first = failures[0] if failures else None
    return DataPoint(
        epoch=epoch,
        type=FAILURE if first else SUCCESS,
        policy=_policy(judged.policy),
        result_type=first.result_type if first else None,
        failure_reason_code=first.reason if first else None,
        sending_mta_ip=_address(session.sending_ip),
        receiving_mx_hostname=_line(session.mx, MAX_HOST),
        receiving_ip=_address(session.receiving_ip),
        receiving_mx_helo=_line(session.helo, MAX_HELO),
        recipient_domain=_recipient_domain(judged.policy, session.recipient_domain),
        further_failures=tuple(_further(failure) for failure in failures[1 : 1 + MAX_FURTHER]),
    )


def _policy_point(failed: PolicyFailed, epoch: int) -> DataPoint:
    return DataPoint(
        epoch=epoch,
        type=FAILURE,
        policy=_policy(failed.policy),
        result_type=failed.failure.result_type,
        failure_reason_code=failed.failure.reason,
        receiving_mx_hostname=_line(failed.mx, MAX_HOST),
        recipient_domain=_recipient_domain(failed.policy, failed.recipient_domain),
    )


def _further(failure: Failure) -> FurtherFailure:
    return FurtherFailure(failure.result_type, failure.reason)


def _recipient_domain(policy: PolicyFacts, recipient_domain: str) -> str | None:
    """Elsewhere the policy domain already is the domain whose TLSRPT record applies."""
    return _line(recipient_domain, MAX_HOST) if policy.policy_type is PolicyType.TLSA else None


def _policy(facts: PolicyFacts) -> Policy:
    """Without a policy there are no policy strings; MX patterns are those of MTA-STS alone (RFC 8460 section 4.4)."""
    kind = facts.policy_type
    return Policy(
        policy_type=kind,
        policy_domain=_line(facts.domain, MAX_HOST) or _UNNAMED,
        policy_string=() if kind is PolicyType.NONE else _bounded(facts.strings),
        mx_host=_bounded(facts.mx_patterns) if kind is PolicyType.STS else (),
    )


def _line(text: str | None, limit: int) -> str | None:
    return (clean_line(text, limit) or None) if text else None


def _address(text: str) -> str | None:
    return canonical_address(text) or _line(text, MAX_HOST)


@lru_cache(MAX_SHARED)
def _bounded(strings: tuple[str, ...]) -> tuple[str, ...]:
    """As many of the first strings as fit when written: a point must stay bounded whatever a domain publishes.

    Points of one policy share the result: thousands of them may wait for a slow hook.
    """
    room = MAX_POLICY_STRING
    kept = []
    for served in strings:
        text = clean_text(served)
        room -= len(msgspec.json.encode(text)) + 1
        if room < 0:
            break
        kept.append(text)
    return tuple(kept)
