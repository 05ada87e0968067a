"""What a verdict depends on besides the chain: the part of a plan that two plans may share."""

from __future__ import annotations

from dataclasses import dataclass

from tlswitness.dns.answer import TlsaRecord
from tlswitness.names import HostName
from tlswitness.policy.plan import Plan


@dataclass(frozen=True, slots=True)
class Demand:
    """Equal demands give equal verdicts on a chain."""

    webpki_host: HostName | None
    """None where nothing asks for a certificate that is valid under WebPKI."""
    sts: bool
    local: bool
    """Something other than a policy asks for it: `tls_verify`, or a message that requires TLS."""
    dane: bool
    """There is a TLSA RRset."""
    records: tuple[TlsaRecord, ...] = ()
    """The usable ones; none: TLS without authentication (RFC 7672 section 2.2)."""
    references: tuple[HostName, ...] = ()


def demand_of(plan: Plan) -> Demand:
    sts, local, dane = plan.sts is not None, plan.webpki_demanded, plan.dane
    return Demand(
        plan.host if sts or local else None,
        sts,
        local,
        dane is not None,
        dane.records.usable if dane else (),
        dane.records.references if dane else (),
    )
