"""An MTA-STS policy and what can be learnt about a domain's (RFC 8461 sections 3 and 5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tlswitness.datapoint.failure import Failure
from tlswitness.datapoint.outcome import PolicyFacts, PolicyFailed
from tlswitness.datapoint.results import PolicyType
from tlswitness.names import Domain, HostName, MxPattern

MAX_AGE = 31_557_600
"""Seconds; a greater `max_age` is cut to this (RFC 8461 section 3.2, erratum 7282)."""


class Mode(StrEnum):
    """RFC 8461 section 5."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """A valid policy."""

    mode: Mode
    max_age: int
    """Seconds from the fetch, at most MAX_AGE."""
    mx: tuple[MxPattern, ...]
    lines: tuple[str, ...]
    """The lines as served, in their order, unknown keys included, without terminators (RFC 8460 section 4.5)."""

    def allows(self, host: HostName) -> bool:
        """Whether a pattern names this MX (RFC 8461 section 4.1)."""
        return any(pattern.matches(host) for pattern in self.mx)

    def facts(self, domain: Domain) -> PolicyFacts:
        """The policy as reports show it."""
        return PolicyFacts(PolicyType.STS, domain, self.lines, tuple(str(pattern) for pattern in self.mx))


@dataclass(frozen=True, slots=True)
class BadPolicy:
    """A body that is no policy; its lines still go into the report (RFC 8460 section 4.5)."""

    reason: str
    """A stable token without the policy's own text, such as `no mode` or `line 3 is blank`."""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StsApplies:
    """A policy in mode enforce or testing is to be applied."""

    domain: Domain
    policy: StsPolicy
    cached: bool
    """Taken from the store, not fetched for this delivery."""
    failure: Failure | None = None
    """What went wrong on the way although a cached policy could be applied: to be reported, see `StsAbsent.failure`."""
    lines: tuple[str, ...] = ()
    """What an invalid policy said, instead of which the cached one is applied."""
    unsure: bool = False
    """What the domain says now could not be learnt: the next delivery may find another policy."""

    def event(self) -> PolicyFailed | None:
        """The failure as it is reported: under the invalid policy's own lines, or under the cached policy."""
        facts = PolicyFacts(PolicyType.STS, self.domain, self.lines) if self.lines else self.policy.facts(self.domain)
        return PolicyFailed(self.domain, facts, self.failure) if self.failure else None


@dataclass(frozen=True, slots=True)
class StsAbsent:
    """No policy is to be applied."""

    domain: Domain
    reason: str
    """In words: no record, mode none, not fetchable, switched off."""
    failure: Failure | None = None
    """A reportable failure: at most one for a domain and kind in 5 minutes; None when that one was told already."""
    lines: tuple[str, ...] = ()
    """What an invalid policy said."""
    unsure: bool = False
    """The domain may have one all the same: a lookup or a fetch failed, or had no turn. Where it has no record, or mode
    none, that is its word."""

    def event(self) -> PolicyFailed | None:
        """The failure as it is reported (RFC 8460 section 4.5)."""
        facts = PolicyFacts(PolicyType.STS, self.domain, self.lines)
        return PolicyFailed(self.domain, facts, self.failure) if self.failure else None


StsAnswer = StsApplies | StsAbsent
