"""MTA-STS: what TLS a domain asks for over the web, and how that is remembered (RFC 8461).

Separate from DANE, which is learnt from DNS at each delivery: a policy is fetched over HTTPS, holds for its
`max_age`, and resists those who block its discovery only because it is kept. The record, the policy file, the HTTP
exchange and the file format are pure; `StsPolicies` answers deliveries, `Refresher` keeps what is cached alive.
"""

from tlswitness.policy.sts.entry import Entry
from tlswitness.policy.sts.fetch import Fetched, FetchFailed, FetchLimits, FetchOutcome, PolicyFetcher, policy_context
from tlswitness.policy.sts.grammar import parse_policy
from tlswitness.policy.sts.model import MAX_AGE, BadPolicy, Mode, StsAbsent, StsAnswer, StsApplies, StsPolicy
from tlswitness.policy.sts.record import BadRecord, NoRecord, RecordAnswer, StsRecord, parse_record
from tlswitness.policy.sts.refresh import Refresher
from tlswitness.policy.sts.service import NotRefreshed, Refreshed, RefreshOutcome, StsPolicies
from tlswitness.policy.sts.store import Garbage, PolicyStore, Purged

__all__ = [
    "MAX_AGE",
    "BadPolicy",
    "BadRecord",
    "Entry",
    "FetchFailed",
    "FetchLimits",
    "FetchOutcome",
    "Fetched",
    "Garbage",
    "Mode",
    "NoRecord",
    "NotRefreshed",
    "PolicyFetcher",
    "PolicyStore",
    "Purged",
    "RecordAnswer",
    "RefreshOutcome",
    "Refreshed",
    "Refresher",
    "StsAbsent",
    "StsAnswer",
    "StsApplies",
    "StsPolicies",
    "StsPolicy",
    "StsRecord",
    "parse_policy",
    "parse_record",
    "policy_context",
]
