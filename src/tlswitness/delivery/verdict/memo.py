"""Verdicts remembered: a busy sender meets the same chain again and again."""

from __future__ import annotations

from collections import OrderedDict

from tlswitness.delivery.verdict.chain import Chain
from tlswitness.delivery.verdict.demand import Demand, demand_of
from tlswitness.delivery.verdict.judge import Verdict, judge_demand
from tlswitness.delivery.verdict.trust import TrustStore
from tlswitness.policy.plan import Plan

MAX_VERDICTS = 4_096
"""Remembered at most, the least lately used goes first: peers choose how many chains there are. About 1 KiB each."""
MAX_RECORD_OCTETS = 8 * 1024
"""Of the TLSA records that a remembered verdict was made with: an RRset may hold 64 KiB of whole certificates."""


class Memo:
    """`judge` against one trust store, which answers at once what it has answered before."""

    def __init__(self, trust: TrustStore, *, size: int = MAX_VERDICTS) -> None:
        self.trust = trust
        self._size = size
        self._verdicts: OrderedDict[tuple[bytes, Demand], Verdict] = OrderedDict()

    def judge(self, chain: Chain, plan: Plan, now: float) -> Verdict:
        """What `judge` says of it at `now` (seconds since 1970)."""
        demand = demand_of(plan)
        key = (chain.fingerprint, demand)
        verdict = self._verdicts.get(key)
        if verdict is not None and verdict.valid_from <= now <= verdict.valid_until:
            self._verdicts.move_to_end(key)
            return verdict
        verdict = judge_demand(chain, demand, self.trust, now)
        if sum(len(record.data) for record in demand.records) > MAX_RECORD_OCTETS:
            return verdict
        self._verdicts[key] = verdict
        self._verdicts.move_to_end(key)
        if len(self._verdicts) > self._size:
            self._verdicts.popitem(last=False)
        return verdict

    def __len__(self) -> int:
        return len(self._verdicts)
