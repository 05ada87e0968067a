"""What producers know when they ask for data points: a closed union of outcomes.

A producer names what happened; `tlswitness.datapoint.make` decides which points that is (RFC 8460 sections 4.2 to 4.4).
"""

from __future__ import annotations

from dataclasses import dataclass

from tlswitness.datapoint.failure import Failure
from tlswitness.datapoint.results import PolicyType


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """A policy as reports show it."""

    policy_type: PolicyType
    domain: str
    strings: tuple[str, ...] = ()
    mx_patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """One policy and everything that the session failed under it; nothing failed means success."""

    policy: PolicyFacts
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """A TLS session, or the attempt at one, has come to its outcome: one data point for each policy."""

    recipient_domain: str
    judged: tuple[Judged, ...]
    sending_ip: str
    mx: str
    """The MX host name in the case that DNS gave it."""
    receiving_ip: str
    helo: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyFailed:
    """A policy failed before there was any session: fetch, TLSA lookup, MX not in policy, DANE required."""

    recipient_domain: str
    policy: PolicyFacts
    failure: Failure
    mx: str | None = None
    """The host, for failures at one MX host; none for those of the whole domain."""


@dataclass(frozen=True, slots=True)
class NotReportable:
    """Nothing to report, on purpose: connection refused, a local fault, a reused connection."""

    reason: str


Outcome = SessionEnded | PolicyFailed | NotReportable
