"""A chain under WebPKI, as MTA-STS and `tls_verify` demand it. RFC 8461 section 4.2, RFC 5280 section 6, RFC 6125."""

from __future__ import annotations

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.delivery.verdict import checks
from tlswitness.delivery.verdict.opinion import Opinion
from tlswitness.delivery.verdict.path import trusted_path
from tlswitness.delivery.verdict.presented import Presented
from tlswitness.delivery.verdict.trust import TrustStore
from tlswitness.names import HostName


def webpki_opinion(presented: Presented, host: HostName, trust: TrustStore) -> Opinion:
    """Whether the chain makes the server `host`. Names are DNS-IDs alone: the CN never counts."""
    if presented.anonymous:
        return Opinion(presented.session)
    leaf = presented.leaf
    if leaf is None:
        return Opinion((*presented.session, Failure(Cause.CERT_UNREADABLE)))
    path = trusted_path(leaf, presented.others, trust)
    certificates = path.certificates
    # The operator chose the anchor, weak or not: only its dates count. A leaf that he pinned is judged all the same.
    below = certificates[:-1] if path.anchored and len(certificates) > 1 else certificates
    # Where the path has a gap, what could not be read may have been the missing piece.
    gap = (Failure(Cause.CERT_UNREADABLE),) if presented.unreadable and not path.anchored else ()
    failures = (
        *presented.session,
        *path.failures,
        *gap,
        *checks.purposes(below),
        *checks.dates(certificates, presented.now),
        *checks.keys(below),
        *checks.signatures(certificates, anchored=path.anchored),
        *checks.names(leaf, (host,), common_name=False),
    )
    return Opinion(failures, (*presented.certificates, *certificates))
