"""Messages that require TLS, where their delivery differs: who names a host, and which failures stand for good.

Separate because a failing policy is always a delay and never a bounce, and this is the one demand that bounces: it is
the sender's own, and he is to be told (RFC 8689 section 4.2.1). Pure.
"""

from __future__ import annotations

from dataclasses import replace

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.delivery.course import Course
from tlswitness.policy.plan import Named, Plan, Tag
from tlswitness.policy.plan.required import NO_TLS

_MAY_PASS = frozenset(
    {
        Cause.STARTTLS_NO_REPLY,
        Cause.STARTTLS_INJECTION,
        Cause.TLS_CLOSED,
        Cause.TLS_TIMEOUT,
        Cause.TLS_AFTER_HANDSHAKE,
        Cause.CERT_EXPIRED,
        Cause.CERT_ISSUER_EXPIRED,
        Cause.CERT_NOT_YET_VALID,
        Cause.CERT_ISSUER_NOT_YET_VALID,
    }
)
"""Failures that time, or another path through the network, may cure."""


def named(course: Course, *, dnssec_seen: bool) -> Named:
    """Whether the hosts of `course` are those of its domain. Without `dnssec_seen` this machine cannot tell what is
    signed. A domain without MX is its own host, and its certificate is for itself.
    """
    if course.next_hop.secure or course.implicit:
        return Named.YES
    return Named.NO if dnssec_seen else Named.UNKNOWN


def refused_for_good(plan: Plan, failure: Failure) -> str | None:
    """The status of the bounce where `failure` stands in the way of a message that requires TLS and there is nothing to
    wait for; None where it is a delay: what a policy, or the operator, demands may be so again tomorrow.
    """
    if plan.tag is not Tag.REQUIRE or replace(plan, tag=Tag.NORMAL).tls_demanded:
        return None
    later = failure.cause in _MAY_PASS or (failure.cause is Cause.STARTTLS_REFUSED and failure.code.startswith("4"))
    return None if later else NO_TLS
