"""The memo answers as `judge` does, and is bounded."""

from __future__ import annotations

import math

import pytest

from tlswitness.delivery.verdict import Chain, Memo, judge
from tlswitness.delivery.verdict import memo as module
from tlswitness.lab.authority import DAY

MX = ("mx.example.com",)


@pytest.fixture
def judged(monkeypatch):
    """How often a verdict was really worked out."""
    calls = []

    def counting(*arguments):
        calls.append(arguments)
        return real(*arguments)

    real = module.judge_demand
    monkeypatch.setattr(module, "judge_demand", counting)
    return calls


def test_equal_chains_and_demands_are_judged_once(judged, authority, plan_for, trust, now):
    memo = Memo(trust)
    issued = authority.issue(MX)
    for _ in range(3):
        verdict = memo.judge(Chain(issued.chain), plan_for(sts=True), now)
        assert verdict == judge(Chain(issued.chain), plan_for(sts=True), trust, now)
    assert len(judged) == 1
    # the mode, the addresses and the domain are nothing to a certificate
    assert memo.judge(Chain(issued.chain), plan_for(sts=True, mode="testing"), now) == verdict
    assert len(judged) == 1


def test_whatever_a_verdict_depends_on_makes_another(judged, authority, plan_for, trust, now):
    memo = Memo(trust)
    issued = authority.issue(MX)
    chain = Chain(issued.chain)
    plans = [
        plan_for(sts=True),
        plan_for(verify=True),
        plan_for(sts=True, verify=True),
        plan_for(sts=True, mx="other.example.com"),
        plan_for(tlsa=[]),
        plan_for(tlsa=[issued.tlsa(2, 0, 0)]),
        plan_for(tlsa=[issued.tlsa(2, 0, 0)], references=["other.example.com"]),
        plan_for(tlsa=[issued.tlsa(3, 1, 1)]),
        plan_for(),
    ]
    for plan in plans:
        assert memo.judge(chain, plan, now) == judge(chain, plan, trust, now)
    for other in (Chain(issued.chain[:1]), Chain(issued.chain, "TLSv1"), Chain(issued.chain, cipher="RC4-MD5")):
        assert memo.judge(other, plans[0], now) == judge(other, plans[0], trust, now)
    assert len(judged) == len(plans) + 3 == len(memo)


def test_a_verdict_is_forgotten_when_a_date_passes(judged, authority, plan_for, trust, now):
    memo = Memo(trust)
    issued = authority.issue(MX, not_after=3 * DAY)
    chain, plan = Chain(issued.chain), plan_for(sts=True)
    moments = [now, now + 3 * DAY, math.nextafter(now + 3 * DAY, math.inf), now + 4 * DAY, now]
    assert [bool(memo.judge(chain, plan, moment).sts) for moment in moments] == [False, False, True, True, False]
    assert (len(judged), len(memo)) == (3, 1)


def test_the_least_lately_used_goes_first(judged, authority, plan_for, trust, now):
    memo = Memo(trust, size=2)
    plan = plan_for(sts=True)
    one, two, three = (Chain(authority.issue(MX).chain) for _ in range(3))
    for chain in (one, two, one, three, one):
        memo.judge(chain, plan, now)
    assert (len(judged), len(memo)) == (3, 2)
    memo.judge(two, plan, now)
    assert len(judged) == 4


def test_verdicts_on_large_rrsets_are_not_kept(judged, authority, plan_for, trust, now):
    memo = Memo(trust)
    issued = authority.issue(MX)
    many = [authority.issue([f"mx{number}.example.com"]).tlsa(3, 0, 0) for number in range(20)]
    plan = plan_for(tlsa=[issued.tlsa(3, 1, 1), *many])
    assert memo.judge(Chain(issued.chain), plan, now).tlsa == ()
    assert memo.judge(Chain(issued.chain), plan, now).tlsa == ()
    assert (len(judged), len(memo)) == (2, 0)
