"""What failed before any session, as it will be reported (RFC 8460 sections 4.3.2 and 4.3.4)."""

from __future__ import annotations

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.datapoint.outcome import PolicyFacts, PolicyFailed
from tlswitness.datapoint.results import PolicyType
from tlswitness.dns.answer import LookupFailed, RecordType
from tlswitness.names import Domain, HostName
from tlswitness.policy.dane.words import lookup_words
from tlswitness.policy.plan.model import LocalRules, Refusal
from tlswitness.policy.sts.model import StsAnswer

OUR_FAULTS = frozenset({"network", "dnssec-lost", "not-recursive"})
"""Codes of a failed lookup that speak of our own resolver: the domain can do nothing about them."""
TIMEOUT = "timeout"


def sts_failed(answer: StsAnswer) -> PolicyFailed | None:
    """The failure of a domain's MTA-STS policy: once for each `answer`, whatever the number of MXs."""
    return answer.event()


def mx_lookup_refusal(domain: Domain, failed: LookupFailed, *, use_dane: bool = True) -> Refusal:
    """For a failed MX lookup: no host is known, and A records are no way out (RFC 7672 section 2.1.2).

    Reported as a failure of DANE only where DANE is in use and the resolver says that DNSSEC is why.
    """
    failure = Failure(Cause.MX_LOOKUP, failed.code)
    facts = PolicyFacts(PolicyType.TLSA, domain)
    events = (PolicyFailed(domain, facts, failure),) if failed.bogus and use_dane else ()
    return Refusal(domain, None, lookup_words(domain, RecordType.MX, failed), "4.4.3", failure, events)


def host_failed(domain: Domain, host: HostName, failure: Failure, base: HostName | None = None) -> PolicyFailed:
    """A failure of DANE at one MX without a TLSA record to show; `base` is the name asked for if not the host's."""
    facts = PolicyFacts(PolicyType.TLSA, (base or host).key)
    return PolicyFailed(domain, facts, failure, host.text)


def lookup_reported(failed: LookupFailed, local: LocalRules) -> bool:
    """Whether a failed TLSA lookup is to be told (RFC 8460 section 4.3.4: transients may be left out)."""
    if failed.code in OUR_FAULTS:
        return False
    return failed.bogus or failed.code != TIMEOUT or local.report_lookup_timeouts
