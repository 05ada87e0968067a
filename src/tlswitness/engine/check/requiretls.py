"""Whether a host would be given mail that requires TLS. Pure (RFC 8689 section 4.2.1).

Separate because it is answered beside the check of ordinary mail, from the same sessions: what such mail demands on top
is its own plan, and that REQUIRETLS is offered within TLS.
"""

from __future__ import annotations

from dataclasses import dataclass

from tlswitness.engine.check.model import MxLook, Try
from tlswitness.policy.plan import Plan, Refusal
from tlswitness.policy.plan.required import DEMANDED


@dataclass(frozen=True, slots=True)
class RequireTls:
    """The answer for one host."""

    possible: bool | None
    """None: that was not to be found out, for nobody was connected to."""
    text: str
    """Why, or why not."""


def require_tls(look: MxLook) -> RequireTls:
    """One good address is enough."""
    plan = look.required
    if isinstance(plan, Refusal):
        return RequireTls(False, plan.reason.removeprefix(DEMANDED))
    if not look.tries:
        return RequireTls(None, f"{look.host} was not connected to")
    obstacle = ""
    for tried in look.tries:
        obstacle = _obstacle(plan, tried)
        if not obstacle:
            return RequireTls(True, f"{look.host} is authenticated, and offers REQUIRETLS after STARTTLS")
    return RequireTls(False, obstacle)


def _obstacle(plan: Plan, tried: Try) -> str:
    """What stands in the way at one address; "" where nothing does."""
    if tried.broken is not None:
        return tried.broken.text
    if not tried.tls.protocol:
        return f"{tried.relay} is not spoken to over TLS"
    if plan.webpki_demanded and tried.webpki:
        return f"{tried.relay}: {tried.webpki[0].words}"
    return "" if tried.require_tls else f"{tried.relay} does not offer REQUIRETLS after STARTTLS"
