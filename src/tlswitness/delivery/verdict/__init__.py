"""The verdict on a presented certificate chain: one pure function for WebPKI and DANE alike.

Separate because the truth about a chain must be told in testing mode, under DANE and without any policy, and wholly:
with every failure, not the first one. RFC 5280, 6125, 8461 section 4.2, 7671, 7672 section 3.
"""

from tlswitness.delivery.verdict.chain import Chain
from tlswitness.delivery.verdict.judge import Verdict, judge
from tlswitness.delivery.verdict.memo import Memo
from tlswitness.delivery.verdict.trust import TrustStore

__all__ = ["Chain", "Memo", "TrustStore", "Verdict", "judge"]
