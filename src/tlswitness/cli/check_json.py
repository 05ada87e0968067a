"""A check as JSON, for programs. Pure. Names are in the style of data points; what is unknown is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tlswitness.cli.plain import iso
from tlswitness.datapoint import to_dict
from tlswitness.delivery.course import Course
from tlswitness.delivery.outcome import TlsFacts
from tlswitness.dns.answer import LookupFailed
from tlswitness.dns.trust import TrustReport
from tlswitness.engine.check import CertificateFacts, Check, Finding, MxLook, StsLook, Try, Way, require_tls
from tlswitness.policy.dane import DaneLookupFailed, DaneRecords, HostFound, NoDane
from tlswitness.policy.plan import Plan
from tlswitness.policy.sts import BadRecord, Fetched, FetchFailed, StsApplies, StsPolicy, StsRecord
from tlswitness.tlsrpt import InvalidRecord, RecordAnswer, RecordLookupFailed, SeveralRecords, TlsrptRecord


def as_json(check: Check) -> dict[str, Any]:
    """One domain."""
    prospect = check.prospect
    return {
        "domain": check.domain,
        "time": iso(check.at),
        "ok": not check.problems and not check.undecided,
        "delivery": _filled(
            {
                "fate": str(prospect.fate),
                "status": prospect.status,
                "text": prospect.text,
                "relay": str(prospect.relay or ""),
                "tls": _tls(prospect.tls) if prospect.relay else None,
                "protected-by": list(prospect.protected_by),
                "tls-demanded": prospect.tls_demanded if prospect.relay else None,
            }
        ),
        "findings": [_finding(finding) for finding in check.findings],
        "reported": [to_dict(point) for point in prospect.points],
        "resolver": _resolver(check.trust),
        "ways": [_way(way) for way in check.ways],
    }


def _resolver(trust: TrustReport) -> dict[str, Any]:
    servers = [{"server": str(each.server), "state": str(each.trust), "reason": each.reason} for each in trust.servers]
    return {"state": str(trust.state), "alarm": trust.alarm, "text": trust.words, "servers": servers}


def _finding(finding: Finding) -> dict[str, Any]:
    return _filled(
        {
            "severity": str(finding.severity),
            "code": finding.code,
            "mx": finding.mx,
            "text": finding.text,
            "advice": finding.advice,
            "temporary": finding.temporary or None,
        }
    )


def _way(way: Way) -> dict[str, Any]:
    course = way.course
    return _filled(
        {
            "domain": course.next_hop.domain if isinstance(course, Course) else None,
            "mx-secure": course.next_hop.secure if isinstance(course, Course) else None,
            "tlsrpt": _tlsrpt(way.tlsrpt) if way.tlsrpt is not None else None,
            "mta-sts": _sts(way.sts) if way.sts is not None else None,
            "mx": [_host(host) for host in way.hosts],
        }
    )


def _tlsrpt(answer: RecordAnswer) -> dict[str, Any]:
    match answer:
        case TlsrptRecord(text=text, rua=rua):
            return {"state": "found", "record": text, "rua": [each.uri for each in rua]}
        case InvalidRecord(text=text, reason=reason):
            return {"state": "invalid", "record": text, "reason": reason}
        case SeveralRecords(texts=texts):
            return {"state": "several", "records": list(texts)}
        case RecordLookupFailed(answer=failed):
            return {"state": "lookup-failed", "reason": failed.code}
        case _:
            return {"state": "none"}


def _sts(look: StsLook) -> dict[str, Any]:
    stored = look.stored
    cached = None
    if stored is not None:
        times = {"fetched": iso(stored.fetched_at), "expires": iso(stored.expires_at)}
        cached = {"id": stored.id, **times, **_policy(stored.policy)}
    applies = look.answer if isinstance(look.answer, StsApplies) else None
    return _filled(
        {
            "record": _record(look),
            "served": _served(look),
            "cached": cached,
            "applied": ("cached" if applies.cached else "served") if applies else "none",
        }
    )


def _record(look: StsLook) -> dict[str, Any]:
    match look.record:
        case StsRecord(id=number):
            return {"state": "found", "id": number}
        case BadRecord(failure=failure):
            return {"state": "invalid", "reason": failure.words}
        case LookupFailed(code=code):
            return {"state": "lookup-failed", "reason": code}
        case None:
            return {"state": "not-asked"}
        case _:
            return {"state": "none"}


def _served(look: StsLook) -> dict[str, Any] | None:
    match look.served:
        case Fetched(policy=policy):
            return {"state": "valid", **_policy(policy)}
        case FetchFailed(failure=failure):
            return {"state": "failed", "result-type": str(failure.result_type), "reason": failure.words}
        case None:
            return None


def _policy(policy: StsPolicy) -> dict[str, Any]:
    return {
        "mode": str(policy.mode),
        "max-age": policy.max_age,
        "mx": [str(pattern) for pattern in policy.mx],
        "policy-string": list(policy.lines),
    }


def _host(look: MxLook) -> dict[str, Any]:
    plan, found = look.plan, look.finding
    return _filled(
        {
            "host": look.host.text,
            "addresses": list(found.addresses) if isinstance(found, HostFound) else None,
            "dane": _dane(found) if isinstance(found, HostFound) else None,
            "usable": isinstance(plan, Plan),
            "reasons": list(plan.reasons) if isinstance(plan, Plan) else [plan.reason],
            "reported": [] if isinstance(plan, Plan) else [str(event.failure.result_type) for event in plan.events],
            "tries": [_try(tried) for tried in look.tries],
            "requiretls": _require_tls(look),
        }
    )


def _require_tls(look: MxLook) -> dict[str, Any]:
    """Whether mail that requires TLS could be delivered (RFC 8689)."""
    answer = require_tls(look)
    return {"possible": answer.possible, "text": answer.text}


def _dane(found: HostFound) -> dict[str, Any]:
    match found.dane:
        case DaneRecords() as records:
            return {
                "state": "usable" if records.usable else "unusable",
                "base-domain": str(records.base),
                "records": [record.text() for record in records.records],
                "usable": [record.text() for record in records.usable],
                "rejected": list(records.rejected),
            }
        case DaneLookupFailed(reason=reason):
            return {"state": "lookup-failed", "reason": reason}
        case NoDane(reason=reason, why=why):
            return {"state": "none", "why": str(why), "reason": reason}


def _try(tried: Try) -> dict[str, Any]:
    broken = tried.broken
    return _filled(
        {
            "address": tried.relay.address,
            "port": tried.relay.port,
            "ready": broken is None,
            "status": broken.status if broken else None,
            "text": broken.text if broken else None,
            "tls": _tls(tried.tls) if broken is None or tried.tls.protocol else None,
            "certificate": _certificate(tried.certificate) if tried.certificate else None,
            "webpki": [failure.words for failure in tried.webpki] if tried.webpki is not None else None,
            "reported": [to_dict(point) for point in tried.points],
        }
    )


def _tls(tls: TlsFacts) -> dict[str, Any]:
    if not tls.protocol:
        return {"protocol": "none"}
    return {"protocol": tls.protocol, "cipher": tls.cipher, "verified-by": list(tls.verified_by)}


def _certificate(facts: CertificateFacts) -> dict[str, Any]:
    return {
        "names": list(facts.names),
        "issuer": facts.issuer,
        "not-before": iso(facts.not_before),
        "not-after": iso(facts.not_after),
        "tlsa": facts.tlsa,
    }


def _filled(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None and value != ""}
