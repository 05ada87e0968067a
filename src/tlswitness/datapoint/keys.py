"""Keys for counting: points with equal keys are one line of a report.

Separate because counting compares what a reader calls the same, and points keep what DNS, peers and foreign sources
wrote: names in any case and as U-labels, addresses in any spelling, record sets in any order.
RFC 8460 section 4 (what is aggregated), 4.4 (A-labels; addresses as RFC 5952 writes them), 4.5 (policy strings).
"""

from __future__ import annotations

from dataclasses import dataclass

from tlswitness.datapoint.clean import canonical_address
from tlswitness.datapoint.model import DataPoint
from tlswitness.datapoint.results import PolicyType
from tlswitness.names import BadName, parse_domain

MAX_NAME = 1024
"""Characters of a name that is turned into A-labels: that costs more than comparing, and a source chooses the name."""
_STAR = "*."


@dataclass(frozen=True, slots=True)
class PolicyKey:
    """One entry of a day's report for a recipient domain."""

    recipient_domain: str
    """The domain whose TLSRPT record says where the report goes."""
    policy_type: PolicyType
    policy_domain: str
    policy_string: tuple[str, ...]
    """Sorted: not the order in which a report shows it."""
    mx_host: tuple[str, ...]
    """Sorted."""


@dataclass(frozen=True, slots=True)
class DetailKey:
    """One entry of `failure-details`: all of its members but the count."""

    result_type: str
    failure_reason_code: str | None = None
    sending_mta_ip: str | None = None
    receiving_mx_hostname: str | None = None
    receiving_mx_helo: str | None = None
    receiving_ip: str | None = None
    additional_information: str | None = None


def policy_key(point: DataPoint) -> PolicyKey:
    """Under which entry `point` counts; a tlsa point that names no recipient domain under its policy domain."""
    policy = point.policy
    strings = policy.policy_string
    if policy.policy_type is PolicyType.TLSA:
        strings = tuple(map(_tlsa, strings))
    return PolicyKey(
        recipient_domain=name_key(point.recipient_domain or policy.policy_domain),
        policy_type=policy.policy_type,
        policy_domain=name_key(policy.policy_domain),
        policy_string=tuple(sorted(strings)),
        mx_host=tuple(sorted(map(name_key, policy.mx_host))),
    )


def detail_keys(point: DataPoint) -> tuple[DetailKey, ...]:
    """The details to which `point` adds one failed session each: the first failure, then the further ones, none twice.

    Counts of details overlap (RFC 8460 section 4.4), so their sum may exceed that of failed sessions; a success may
    have details too, where a source told of failures on the way to it.
    """
    failures = [(further.result_type, further.failure_reason_code) for further in point.further_failures]
    if point.result_type is not None:
        failures.insert(0, (point.result_type, point.failure_reason_code))
    sending, receiving = _ip(point.sending_mta_ip), _ip(point.receiving_ip)
    host, helo = _name(point.receiving_mx_hostname), _name(point.receiving_mx_helo)
    keys = (
        DetailKey(str(kind), reason, sending, host, helo, receiving, point.additional_information)
        for kind, reason in failures
    )
    return tuple(dict.fromkeys(keys))


def name_key(text: str) -> str:
    """A name in A-labels, lower case, without a trailing dot; a leading `*.` stays. What is no name is but lowered."""
    star = _STAR if text.startswith(_STAR) else ""
    if len(text) <= MAX_NAME:
        domain = parse_domain(text.removeprefix(star))
        if not isinstance(domain, BadName):
            return star + domain
    return text.lower()


def _name(text: str | None) -> str | None:
    return None if text is None else name_key(text)


def _ip(text: str | None) -> str | None:
    return None if text is None else canonical_address(text) or text.lower()


def _tlsa(text: str) -> str:
    """`usage selector type hex` with single spaces and lower-case hex in one piece; sources differ in both."""
    parts = text.lower().split()
    return " ".join([*parts[:3], "".join(parts[3:])]) if len(parts) > 3 else text
