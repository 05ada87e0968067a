"""The plan for one MX: what is demanded of a session with it, by which policy, and whether clear text may follow.

Separate because delivery, `check` and reports must agree on it. Pure: findings and policies in, a plan or a refusal
out. RFC 7672 sections 2.1.2, 2.2 and 6, RFC 8461 sections 2, 4.1 and 5, RFC 7435, RFC 8689 section 4.2. It asks nobody
(`policy.dane` and `policy.sts` do), and it judges no session (`delivery` does).
"""

from tlswitness.policy.plan.events import mx_lookup_refusal, sts_failed
from tlswitness.policy.plan.make import make_plan, refuse_mx_name
from tlswitness.policy.plan.model import (
    DaneAndSts,
    DaneDemand,
    LocalRules,
    Plan,
    Refusal,
    StsDemand,
    TlsWanted,
)
from tlswitness.policy.plan.tag import Named, Tag

__all__ = [
    "DaneAndSts",
    "DaneDemand",
    "LocalRules",
    "Named",
    "Plan",
    "Refusal",
    "StsDemand",
    "Tag",
    "TlsWanted",
    "make_plan",
    "mx_lookup_refusal",
    "refuse_mx_name",
    "sts_failed",
]
