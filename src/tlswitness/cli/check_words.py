"""A check in words, for a terminal: the verdict, problems first, then what was found. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from tlswitness.cli.plain import moment, plain, span, wrapped
from tlswitness.datapoint import DataPoint
from tlswitness.delivery.course import Course
from tlswitness.delivery.outcome import TlsFacts
from tlswitness.dns.answer import LookupFailed
from tlswitness.engine.check import Check, Fate, Finding, MxLook, Prospect, Severity, StsLook, Try, Way, require_tls
from tlswitness.names import HostName
from tlswitness.policy.dane import HostFound
from tlswitness.policy.plan import Plan
from tlswitness.policy.sts import BadRecord, Fetched, FetchFailed, NoRecord, StsApplies, StsPolicy, StsRecord
from tlswitness.tlsrpt import InvalidRecord, RecordLookupFailed, SeveralRecords, TlsrptRecord
from tlswitness.tlsrpt import RecordAnswer as TlsrptAnswer

_STYLE = {Severity.PROBLEM: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "bold cyan"}
_FATE = {Fate.DELIVERED: "green", Fate.DEFERRED: "red", Fate.BOUNCED: "red", Fate.UNKNOWN: "cyan"}
_BY = {"tlsa": "DANE", "sts": "MTA-STS", "local": "your own `tls_verify`"}
_LABEL = 9
"""Columns of what stands before a fact."""
_MAX_TRIED = 200
"""Characters of what a server said."""


def words(check: Check, *, width: int, first: bool = True) -> Text:
    """All of it, ending in a line end."""
    text = Text() if first else Text("\n")
    text.append(f"{check.domain}\n", style="bold")
    text.append(f"  {wrapped(verdict(check), '  ', width)}\n", style=_FATE[check.prospect.fate])
    if check.findings:
        text.append("\n")
    for finding in check.findings:
        _finding(text, finding, width)
    for way in check.ways:
        if isinstance(way.course, Course) or way.hosts:
            text.append("\n")
        _facts(text, way, width)
        for host in way.hosts:
            _host(text, host, width)
    if any(isinstance(way.course, Course) for way in check.ways):
        _labelled(text, "DNSSEC", check.trust.words, width)
    _reported(text, check, width)
    return text


def verdict(check: Check) -> str:
    """One sentence: what would become of a message."""
    prospect = check.prospect
    match prospect.fate:
        case Fate.DELIVERED:
            return f"Mail would be given to {prospect.relay} {_over(prospect.tls)}{_protected(prospect)}"
        case Fate.DEFERRED:
            return f"Mail would be deferred ({prospect.status}): {prospect.text}"
        case Fate.BOUNCED:
            return f"Mail would bounce ({prospect.status}): {prospect.text}"
        case Fate.UNKNOWN:
            demanded = " and ".join(_BY[name] for name in prospect.protected_by)
            return f"No MX was connected to.{f' {demanded} would decide about each session.' if demanded else ''}"


def _over(tls: TlsFacts) -> str:
    return f"over {tls.protocol}" if tls.protocol else "in clear text"


def _protected(prospect: Prospect) -> str:
    by = prospect.protected_by
    if by:
        return f", as {' and '.join(_BY[name] for name in by)} demand{'s' * (len(by) == 1)}."
    if prospect.tls_demanded:
        return ": clear text is forbidden, but nothing says whom to trust."
    return "; nothing demands TLS, so an attacker on the way could read the mail."


def _finding(text: Text, finding: Finding, width: int) -> None:
    indent = " " * (_LABEL + 2)
    text.append(f"  {finding.severity.upper():{_LABEL}}", style=_STYLE[finding.severity])
    about = f"{finding.mx}: " if finding.mx and not finding.text.startswith(finding.mx) else ""
    text.append(f"{wrapped(about + finding.text, indent, width)}\n")
    if finding.advice:
        text.append(f"{indent}{wrapped(finding.advice, indent, width)}\n", style="dim")


def _facts(text: Text, way: Way, width: int) -> None:
    if way.tlsrpt is not None:
        _labelled(text, "TLSRPT", _tlsrpt(way.tlsrpt), width)
    if way.sts is not None:
        for number, line in enumerate(_sts(way.sts)):
            _labelled(text, "MTA-STS" if number == 0 else "", line, width)


def _tlsrpt(answer: TlsrptAnswer) -> str:
    match answer:
        case TlsrptRecord(text=text) | InvalidRecord(text=text):
            return text
        case SeveralRecords(texts=texts):
            return " | ".join(texts)
        case RecordLookupFailed(answer=failed):
            return f"the lookup failed: {failed.code}"
        case _:
            return "no record"


def _sts(look: StsLook) -> Iterator[str]:
    match look.record:
        case StsRecord(id=number):
            yield f"record: id {number}"
        case BadRecord(failure=failure):
            yield f"record: {failure.words}"
        case LookupFailed(code=code):
            yield f"record: the lookup failed: {code}"
        case NoRecord():
            yield "record: none"
        case None:
            yield "not looked for"
    match look.served:
        case Fetched(policy=policy):
            yield f"served: {_policy(policy)}"
        case FetchFailed(failure=failure) if isinstance(look.record, StsRecord):
            yield f"served: {failure.words}"
        case _:
            pass
    if look.stored is not None:
        stored = look.stored
        yield f"cached: {_policy(stored.policy)}; id {stored.id}, until {moment(stored.expires_at)}"
    if isinstance(look.answer, StsApplies):
        yield f"applied: the policy {'cached' if look.answer.cached else 'served'}, mode {look.answer.policy.mode}"


def _policy(policy: StsPolicy) -> str:
    names = ", ".join(str(pattern) for pattern in policy.mx)
    return f"mode {policy.mode}, kept for {span(policy.max_age)}{f', mx {names}' if names else ''}"


def _host(text: Text, look: MxLook, width: int) -> None:
    text.append(f"  {'MX':{_LABEL}}", style="bold")
    text.append(f"{plain(look.host.text)}\n", style="bold" if isinstance(look.host, HostName) else "bold red")
    indent = " " * (_LABEL + 2)
    reasons = look.plan.reasons if isinstance(look.plan, Plan) else (look.plan.reason,)
    for reason in reasons:
        text.append(f"{indent}{wrapped(reason, indent, width)}\n", style="dim")
    for tried in look.tries:
        text.append(f"{indent}{plain(tried.relay.address)}  ")
        _tried(text, tried, indent, width)
    if not look.tries and isinstance(look.finding, HostFound):
        text.append(f"{indent}{plain(', '.join(look.finding.addresses))}  not connected to\n")
    _require_tls(text, look, indent, width)


def _require_tls(text: Text, look: MxLook, indent: str, width: int) -> None:
    answer = require_tls(look)
    if answer.possible is None:
        return
    said = f"REQUIRETLS: {'yes' if answer.possible else 'no'}: {answer.text}"
    text.append(f"{indent}{wrapped(said, indent, width)}\n", style="green" if answer.possible else "dim")


def _tried(text: Text, tried: Try, indent: str, width: int) -> None:
    if tried.broken is None:
        by = f", verified under {' and '.join(_BY.get(n, n) for n in tried.tls.verified_by)}"
        how = f"{tried.tls.protocol} {tried.tls.cipher}".strip() or "clear text"
        line = f"{how}{by if tried.tls.verified_by else ''}: ready for mail"
        text.append(f"{wrapped(line, f'{indent}    ', width)}\n", style="green")
    else:
        said = tried.broken.text.replace(f"{tried.relay}: ", "").replace(str(tried.relay), "it")[:_MAX_TRIED]
        text.append(f"{wrapped(said, f'{indent}    ', width)}\n", style="red")
    certificate = tried.certificate
    if certificate is not None:
        names = ", ".join(certificate.names) or "no name"
        line = f"certificate for {names}, until {moment(certificate.not_after)}, by {certificate.issuer}"
        text.append(f"{indent}    {wrapped(line, f'{indent}    ', width)}\n", style="dim")


def _reported(text: Text, check: Check, width: int) -> None:
    """What would be reported of a delivery."""
    points = [_point(point) for point in check.prospect.points]
    if check.prospect.fate is Fate.UNKNOWN and not points:
        return
    for number, line in enumerate(points or ["nothing: no event of TLS"]):
        _labelled(text, "REPORTED" if number == 0 else "", line, width)


def _point(point: DataPoint) -> str:
    result = point.result_type or "success"
    further = "".join(f" + {failure.result_type}" for failure in point.further_failures)
    reason = f": {point.failure_reason_code}" if point.failure_reason_code else ""
    return f"{point.policy.policy_type} {result}{further}{reason}"


def _labelled(text: Text, label: str, line: str, width: int) -> None:
    indent = " " * (_LABEL + 2)
    text.append(f"  {label:{_LABEL}}", style="bold")
    text.append(f"{wrapped(line, indent, width)}\n")
