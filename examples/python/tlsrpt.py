"""Prints each data point whole, and then its policy and what came of it: what the MTA's example script in Lua does.

Configured with `members = "seed"` and `sessions = "policy"` it writes the same text.
"""

from tlswitness import DataPoint, paniclog


def core_smtp_tls_reporting(point: DataPoint) -> None:
    policy = point.policy
    print(f"tls report:   {paniclog(point)}")
    print(f"TLSRPT: {policy.policy_domain}@{policy.policy_type}@{point.result_type or 'OK'}")
