"""All findings of a check, problems first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tlswitness.delivery.course import Course, Literal, NoCourse
from tlswitness.delivery.settings import Destination
from tlswitness.dns.trust import TrustReport, TrustState
from tlswitness.engine.check.findings.advice import LOOKUP
from tlswitness.engine.check.findings.hosts import about_hosts
from tlswitness.engine.check.findings.policy import about_sts
from tlswitness.engine.check.findings.tlsrpt import about_tlsrpt
from tlswitness.engine.check.model import Fate, Finding, Prospect, Severity, Way
from tlswitness.policy.dane import DaneRecords, HostFound
from tlswitness.policy.sts import Mode, StsApplies

MAX_FINDINGS = 200
"""Findings that are told: a domain chooses how many MXs and records it has."""

_GRAVITY = {severity: rank for rank, severity in enumerate(Severity)}


def findings_of(
    destination: Destination, trust: TrustReport, ways: Sequence[Way], prospect: Prospect, at: float
) -> tuple[Finding, ...]:
    """Each finding once, the gravest first, equal ones in the order of a delivery."""
    found = [*_about_ways(ways, prospect, at), *_about_machine(destination, trust, ways)]
    lost = prospect.fate in (Fate.DEFERRED, Fate.BOUNCED)
    if lost and not any(finding.severity is Severity.PROBLEM for finding in found):
        found.append(Finding(Severity.PROBLEM, "undelivered", prospect.text))
    distinct = dict.fromkeys(found)
    return tuple(sorted(distinct, key=lambda finding: _GRAVITY[finding.severity])[:MAX_FINDINGS])


def _about_ways(ways: Iterable[Way], prospect: Prospect, at: float) -> Iterator[Finding]:
    for way in ways:
        match way.course:
            case NoCourse():
                yield _nowhere(way.course)
            case Literal():
                yield from about_hosts(way, prospect, at)
            case Course():
                yield from about_hosts(way, prospect, at)
                yield from _about_domain(way, way.course, at)


def _about_domain(way: Way, course: Course, at: float) -> Iterator[Finding]:
    domain = course.next_hop.domain
    if way.sts is not None:
        yield from about_sts(domain, way.sts, way.hosts, at)
    if way.tlsrpt is not None:
        yield from about_tlsrpt(domain, way.tlsrpt)
    yield from _unprotected(way, domain)
    if course.implicit:
        text = f"{domain} has no MX record: mail goes to its own addresses"
        yield Finding(Severity.NOTE, "implicit-mx", text, "An MX record says where mail is meant to go.")


def _unprotected(way: Way, domain: str) -> Iterator[Finding]:
    hosts = [host.finding for host in way.hosts if isinstance(host.finding, HostFound)]
    dane = [host for host in hosts if isinstance(host.dane, DaneRecords) and host.dane.usable]
    # A policy in mode testing has a finding of its own.
    sts = way.sts is not None and isinstance(way.sts.answer, StsApplies) and way.sts.answer.policy.mode is not Mode.NONE
    if hosts and not dane and not sts:
        yield Finding(
            Severity.WARNING,
            "unprotected",
            f"neither MTA-STS nor DANE protects mail to {domain}: an attacker on the way can strip TLS",
            "Publish an MTA-STS policy (RFC 8461), or sign the zones of domain and MXs and publish TLSA records"
            " (RFC 7672).",
        )


def _nowhere(course: NoCourse) -> Finding:
    code, advice = _NOWHERE.get(course.status, ("no-route", ""))
    temporary = course.status.startswith("4") and not course.events
    return Finding(Severity.PROBLEM, code, course.text, advice, temporary=temporary)


_NOWHERE = {
    "5.1.10": ("null-mx", "If the domain is to receive mail, replace the null MX; else all is as it should be."),
    "5.1.2": ("no-such-domain", "Look for a slip in the name."),
    "5.4.6": ("loop", "This machine is an MX of the domain: local delivery, or a route, belongs before this one."),
    "4.4.3": ("mx-lookup", f"Until the lookup succeeds all mail waits. {LOOKUP}"),
}


def _about_machine(destination: Destination, trust: TrustReport, ways: Sequence[Way]) -> Iterator[Finding]:
    courses = [way.course for way in ways if isinstance(way.course, Course)]
    if destination.hops:
        hops = ", ".join(str(hop.host or hop.address) for hop in destination.hops)
        yield Finding(
            Severity.NOTE,
            "route",
            f"mail for {destination.domain} takes the route of your configuration: {hops}",
            "The policies of the route count, not the domain's.",
        )
    unanswered = any(isinstance(way.course, NoCourse) and way.course.status == "4.4.3" for way in ways)
    if not courses and not unanswered:
        return
    if not destination.dane:
        yield Finding(Severity.NOTE, "dane-off", "your configuration switches DANE off here")
        return
    if trust.alarm or trust.state in _TRUST:
        # One of several that does not validate is a warning, too: DANE hangs on the others.
        severity, temporary = _TRUST.get(trust.state, (Severity.WARNING, False))
        advice = "Run a validating resolver on 127.0.0.1, or name one that you trust in `trusted_resolvers`."
        yield Finding(severity, "resolver", trust.words, advice, temporary=temporary)
    if trust.state not in _BLIND:
        for course in courses:
            yield from _unsigned(course)


_TRUST = {
    TrustState.UNTRUSTED: (Severity.WARNING, False),
    TrustState.NOT_VALIDATING: (Severity.WARNING, False),
    TrustState.UNPROVEN: (Severity.WARNING, True),
    TrustState.LOST: (Severity.PROBLEM, True),
}
_BLIND = frozenset({TrustState.UNTRUSTED, TrustState.NOT_VALIDATING, TrustState.LOST})
"""Where this machine cannot say whether a domain has DANE."""


def _unsigned(course: Course) -> Iterator[Finding]:
    if not course.next_hop.secure:
        text = f"what DNS says about the MXs of {course.next_hop.domain} is not signed with DNSSEC: it cannot have DANE"
        yield Finding(Severity.NOTE, "dnssec-unsigned", text)
