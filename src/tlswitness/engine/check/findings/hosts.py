"""Each MX: its name, its addresses, its TLSA records, and what its sessions came to (RFC 7672, RFC 8461 section 4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

from tlswitness.datapoint import Cause, Failure, PolicyType
from tlswitness.datapoint.failure import by_severity
from tlswitness.delivery.course import Course
from tlswitness.engine.check.findings.advice import LOOKUP, advice, code
from tlswitness.engine.check.model import Fate, Finding, MxLook, Prospect, Severity, Try, Way
from tlswitness.names import BadName
from tlswitness.policy.dane import DaneLookupFailed, DaneRecords, HostFound, HostUnreachable, NoDane, WhyNoDane
from tlswitness.policy.plan import Plan, Refusal

DAY = 86_400
SOON = 14 * DAY
"""Seconds before its end at which a certificate is worth a warning: automatic renewal has happened by then."""
_DATES = frozenset({Cause.CERT_EXPIRED, Cause.CERT_ISSUER_EXPIRED})


def about_hosts(way: Way, prospect: Prospect, at: float) -> Iterator[Finding]:
    """What to tell about the hosts of one way."""
    domain = way.course.next_hop.domain if isinstance(way.course, Course) else ""
    if way.passes and way.passes[1:]:
        text = "the cached MTA-STS policy stood in the way of the mail; a newer one was fetched and let it through"
        yield Finding(Severity.NOTE, "sts-rechecked", text, "It needed a new id to be noticed earlier.")
    with_dane = any(_has_dane(host) for host in way.hosts)
    for host in way.hosts:
        teller = _Teller(host, domain, at, elsewhere=prospect.fate in (Fate.DELIVERED, Fate.UNKNOWN))
        yield from teller.findings(with_dane)


class _Teller:
    """About one host."""

    def __init__(self, host: MxLook, domain: str, at: float, *, elsewhere: bool) -> None:
        self.host = host
        self.mx = host.host.text
        self.domain = domain
        self.at = at
        self.elsewhere = elsewhere
        """Some host takes the mail: what is wrong with this one keeps nothing from being delivered."""

    def findings(self, others_have_dane: bool) -> Iterator[Finding]:
        match self.host.plan:
            case Refusal() as refusal:
                yield self._refused(refusal)
            case Plan() as plan:
                yield from self._failures(plan)
                yield from self._broken()
                yield from self._certificates(plan)
        yield from self._dane(others_have_dane)

    def _tell(self, severity: Severity, code: str, text: str, advice: str = "", *, temporary: bool = False) -> Finding:
        return Finding(severity, code, text, advice, self.mx, temporary)

    def _refused(self, refusal: Refusal) -> Finding:
        failure, finding = refusal.failure, self.host.finding
        if failure is not None:
            temporary = isinstance(finding, HostFound) and _is_temporary(finding) and failure.cause is Cause.TLSA_LOOKUP
            words = advice(failure.cause, self.domain, self.mx)
            return self._tell(Severity.PROBLEM, code(failure.cause), refusal.reason, words, temporary=temporary)
        if refusal.status == "4.3.5":
            words = "Correct the configuration of this machine."
            return self._tell(Severity.PROBLEM, "local-rules", refusal.reason, words)
        severity = Severity.WARNING if self.elsewhere else Severity.PROBLEM
        if isinstance(self.host.host, BadName):
            return self._tell(severity, "mx-name", refusal.reason, "An MX record names a host, not an address.")
        failed = isinstance(finding, HostUnreachable) and finding.status == "4.4.3"
        words = LOOKUP if failed else f"Give {self.mx} an address, or take it out of the MX records."
        return self._tell(severity, "mx-no-address", refusal.reason, words, temporary=failed)

    def _failures(self, plan: Plan) -> Iterator[Finding]:
        """What is reported of this host: each failure once, with the policies and addresses that it concerns."""
        seen: dict[Failure, tuple[dict[str, None], dict[str, None]]] = defaultdict(lambda: ({}, {}))
        for demand, policy in ((plan.dane, PolicyType.TLSA), (plan.sts, PolicyType.STS)):
            for failure in demand.standing if demand is not None else ():
                seen[failure][0][policy] = None
        for tried in self.host.tries:
            for session in tried.sessions():
                for judged in session.judged:
                    for failure in judged.failures:
                        seen[failure][0][judged.policy.policy_type] = None
                        seen[failure][1][tried.relay.address] = None
        for failure in by_severity(tuple(seen)):
            policies, addresses = seen[failure]
            partly = 0 < len(addresses) < len(self.host.tries)
            where = f" at {', '.join(addresses)}" if partly else ""
            text = f"{failure.words}{where}{_consequence(plan, failure, tuple(policies))}"
            yield self._tell(Severity.PROBLEM, code(failure.cause), text, self._advice(failure))

    def _advice(self, failure: Failure) -> str:
        words = advice(failure.cause, self.domain, self.mx)
        shown = next((tried.certificate for tried in self.host.tries if tried.certificate is not None), None)
        if failure.cause in (Cause.DANE_NO_MATCH, Cause.TLSA_ALL_UNUSABLE) and shown is not None:
            return f"{words} For the present certificate it would be: {shown.tlsa}"
        return words

    def _broken(self) -> Iterator[Finding]:
        """Sessions that ended for other reasons than TLS."""
        severity = Severity.WARNING if self.elsewhere else Severity.PROBLEM
        for tried in self.host.tries:
            if tried.broken is None or any(j.failures for session in tried.sessions() for j in session.judged):
                continue
            kind = tried.broken.verdict
            if kind == "not connected":
                words = "Is the host down, or does a firewall keep us out? Many networks block port 25 on the way out."
                yield self._tell(severity, "mx-not-connected", tried.broken.text, words)
            else:
                words = "See in the log of the MX what it has against us."
                yield self._tell(severity, "mx-refuses", tried.broken.text, words)

    def _certificates(self, plan: Plan) -> Iterator[Finding]:
        judged_by_dates = plan.sts is not None or plan.local.tls_verify or _by_anchor(plan)
        for tried in self.host.tries:
            if tried.certificate is None or not tried.webpki:
                continue
            if plan.sts is None and not plan.local.tls_verify and not _authenticated(plan):
                words = "; ".join(failure.words for failure in tried.webpki)
                text = f"nothing checks the certificate now; MTA-STS would refuse it: {words}"
                yield self._tell(
                    Severity.NOTE, "certificate", text, advice(tried.webpki[0].cause, self.domain, self.mx)
                )
                break
        if judged_by_dates:
            yield from self._ends()

    def _ends(self) -> Iterator[Finding]:
        tries = [tried for tried in self.host.tries if _ends_soon(tried, self.at)]
        for tried in tries[:1]:
            assert tried.certificate is not None
            ends = tried.certificate.chain_ends
            days = int((ends - self.at) // DAY)
            whose = "the certificate" if ends == tried.certificate.not_after else "an issuer's certificate"
            text = f"{whose} expires in {days} day{'s' * (days != 1)}, on {datetime.fromtimestamp(ends, UTC):%Y-%m-%d}"
            yield self._tell(
                Severity.WARNING, "certificate-ends", text, "Renew it, and see why that has not happened by itself."
            )

    def _dane(self, others_have_dane: bool) -> Iterator[Finding]:
        if self.host.idle_tlsa:
            text = "it has TLSA records that do nothing: not every step on the way to them is signed with DNSSEC"
            words = "Sign the zone of the domain and that of the MX, and see that this machine's resolver validates."
            yield self._tell(Severity.WARNING, "tlsa-idle", text, words)
        match self.host.finding:
            case HostFound(dane=DaneRecords(rejected=rejected)):
                for reason in rejected:
                    yield self._tell(Severity.NOTE, "tlsa-unused", f"a TLSA record does not count: {reason}")
            case HostFound(dane=NoDane(why=WhyNoDane.NO_TLSA)) if others_have_dane:
                text = "it has no TLSA records while another MX has: an attacker sends the mail here"
                yield self._tell(Severity.WARNING, "tlsa-missing", text, "Publish TLSA records for every MX.")
            case _:
                pass


def _consequence(plan: Plan, failure: Failure, policies: tuple[str, ...]) -> str:
    """What follows from a failure, in words."""
    names = {str(PolicyType.TLSA): "DANE", str(PolicyType.STS): "MTA-STS"}
    under = " and ".join(names[policy] for policy in policies if policy in names)
    if failure.cause is Cause.TLSA_ALL_UNUSABLE:
        return f" (under {under}): TLS is demanded, and nobody is authenticated"
    forbidden = _forbidden(plan, policies)
    if not under:
        return ": no mail is sent there" if forbidden else ": the mail is sent there without it"
    return f" (under {under}): {'no mail is sent there' if forbidden else 'it is reported, and the mail goes on'}"


def _forbidden(plan: Plan, policies: tuple[str, ...]) -> bool:
    by_sts = PolicyType.STS in policies and plan.sts is not None and plan.sts.binding
    by_dane = PolicyType.TLSA in policies and plan.dane is not None
    # Where TLS itself failed, whatever demands TLS forbids the session.
    return by_sts or by_dane or (plan.tls_demanded and PolicyType.NONE in policies)


def _has_dane(host: MxLook) -> bool:
    return isinstance(host.finding, HostFound) and isinstance(host.finding.dane, DaneRecords)


def _is_temporary(finding: HostFound) -> bool:
    return isinstance(finding.dane, DaneLookupFailed) and not finding.dane.answer.bogus


def _authenticated(plan: Plan) -> bool:
    return plan.dane is not None and plan.dane.authenticated


def _by_anchor(plan: Plan) -> bool:
    """Whether DANE-TA, whose chains end like others, authenticates the host: under DANE-EE no date counts."""
    return plan.dane is not None and any(record.usage == 2 for record in plan.dane.records.usable)


def _ends_soon(tried: Try, at: float) -> bool:
    certificate = tried.certificate
    if certificate is None or certificate.chain_ends - at >= SOON or certificate.chain_ends < at:
        return False
    return not any(failure.cause in _DATES for failure in tried.webpki or ())
