"""DANE for SMTP: usable records, and the walk from an MX host to its TLSA records.

Separate because who may be believed at which hop is one chain of reasoning that has to be read in one place. Pure but
for `run`: the walk asks, and is told, so that every state of DNS can be shown to it without a network.
RFC 7672 sections 2.1 and 2.2, RFC 7671 sections 8 to 10, RFC 6698 sections 2.1 and 4.1. What a certificate amounts to
under the records is the verdict's business; what a session must do is the plan's (`policy.plan`).
"""

from tlswitness.policy.dane.model import (
    Dane,
    DaneLookupFailed,
    DaneRecords,
    HostFinding,
    HostFound,
    HostUnreachable,
    NextHop,
    NoDane,
    WhyNoDane,
)
from tlswitness.policy.dane.records import DIGESTS, Matching, Selector, TlsaSet, Usage, sift, unusable
from tlswitness.policy.dane.walk import HostWalk, Question, WalkRules, run, walk

__all__ = [
    "DIGESTS",
    "Dane",
    "DaneLookupFailed",
    "DaneRecords",
    "HostFinding",
    "HostFound",
    "HostUnreachable",
    "HostWalk",
    "Matching",
    "NextHop",
    "NoDane",
    "Question",
    "Selector",
    "TlsaSet",
    "Usage",
    "WalkRules",
    "WhyNoDane",
    "run",
    "sift",
    "unusable",
    "walk",
]
