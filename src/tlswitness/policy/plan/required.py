"""What REQUIRETLS makes of a plan: more is demanded, or the host is not connected to at all (RFC 8689 section 4.2.1).

Separate because it is a demand of the message's, on top of a plan that was made for everybody's mail. Two things are
needed of a host, whoever gives them: that it is one of the domain's (an MTA-STS policy in mode enforce, or DNSSEC), and
a certificate that proves it to be that host (MTA-STS, DANE, or WebPKI by itself). Whether it offers the extension only
a session shows.
"""

from __future__ import annotations

from dataclasses import replace

from tlswitness.policy.plan.model import Plan, Refusal
from tlswitness.policy.plan.tag import Named, Tag
from tlswitness.policy.sts.model import Mode, StsAnswer

NOT_SUPPORTED = "5.7.30"
"""RFC 8689 section 7: REQUIRETLS support required."""
NO_TLS = "5.7.10"
"""RFC 8689 section 4.2.1: encryption needed."""
DEMANDED = "the message requires TLS (REQUIRETLS), and "
"""How all reasons begin that say why such mail does not go."""


def required(plan: Plan, sts: StsAnswer, named: Named) -> Plan | Refusal:
    """`plan` for a message that requires TLS. Of class 5 is a refusal that stands until somebody changes something."""
    host = plan.host
    if not plan.tls_tried:
        return _refused(plan, f'the local rule tls = "no" switches it off for {plan.domain}', NO_TLS)
    by = _authenticated_by(plan, named)
    if by is not None:
        reason = f"the message requires TLS (REQUIRETLS): {by}, and {host} must offer REQUIRETLS after STARTTLS"
        return replace(plan, tag=Tag.REQUIRE, reasons=(*plan.reasons, reason))
    words, passing = _missing(plan, sts, named)
    return _refused(plan, words, f"4{NOT_SUPPORTED[1:]}" if passing else NOT_SUPPORTED)


def _authenticated_by(plan: Plan, named: Named) -> str | None:
    """Who names the host and whose certificate it must have, in words; None where that cannot be had."""
    dane, sts = plan.dane, plan.sts
    by_dane = dane is not None and dane.authenticated
    # The MXs of a policy in mode enforce are the only ones that come here, also where DANE decides about TLS alone.
    if sts is not None and sts.policy.mode is Mode.ENFORCE:
        return (
            "MTA-STS names and authenticates the host"
            if sts.binding
            else "MTA-STS names the host, and DANE authenticates it"
        )
    if dane is not None:
        # RFC 7672 section 2.2: without a usable record TLS is demanded and nobody is authenticated.
        return "DNSSEC names the host, and DANE authenticates it" if by_dane and dane.records.mx_secure else None
    return f"the certificate must be valid for {plan.host}" if named is Named.YES else None


def _missing(plan: Plan, sts: StsAnswer, named: Named) -> tuple[str, bool]:
    """What cannot be had, in words, and whether that may be otherwise soon."""
    host = plan.host
    if plan.dane is not None and not plan.dane.authenticated:
        words = f"nothing authenticates {host}: no TLSA record of {plan.dane.records.base} is usable"
        return words, sts.unsure
    if plan.sts is not None:
        words = f"the MTA-STS policy of {plan.sts.domain} is in mode {plan.sts.policy.mode}, and that binds nobody"
    else:
        words = f"no MTA-STS policy and no signed DNS record says that {host} is an MX of {plan.domain}"
    if sts.unsure:
        return f"{words}; which policy there is now could not be learnt", True
    if named is Named.UNKNOWN:
        return f"{words}, as far as this machine can see DNSSEC", True
    return words, False


def _refused(plan: Plan, words: str, status: str) -> Refusal:
    return Refusal(plan.domain, plan.host, f"{DEMANDED}{words}", status, by_message=True)
