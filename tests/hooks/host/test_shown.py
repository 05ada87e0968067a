"""Findings under a view: the same object each time, and bounded."""

from __future__ import annotations

from tlswitness.datapoint.finding import Finding
from tlswitness.datapoint.model import DataPoint, Policy
from tlswitness.datapoint.results import PolicyType
from tlswitness.datapoint.views import SEED_VIEW, View
from tlswitness.hooks.host.shown import Shown


def finding(number: int, kind: PolicyType = PolicyType.STS, helo: str | None = None) -> Finding:
    policy = Policy(policy_type=kind, policy_domain=f"d{number}.example", mx_host=("mx.example",))
    return Finding(DataPoint(epoch=0, type=1, policy=policy, receiving_mx_helo=helo))


def test_one_object_for_all_that_look_the_same() -> None:
    shown = Shown(SEED_VIEW)
    first, second = finding(1, helo="a.example"), finding(1, helo="b.example")
    seen = shown.of(first)
    assert seen is not None
    assert "mx-host" not in seen.text
    assert shown.of(first) is seen
    assert shown.of(second) is seen, "they differ in what it is not shown"
    assert shown.of(finding(2)) is not seen


def test_what_is_not_shown() -> None:
    none = finding(1, PolicyType.NONE)
    shown = Shown(SEED_VIEW)
    assert shown.of(none) is None
    assert shown.of(none) is None
    assert not shown.everything


def test_full_view_is_the_finding_itself() -> None:
    shown, one = Shown(View()), finding(1)
    assert shown.everything
    assert shown.of(one) is one


def test_bounded_in_number_and_octets() -> None:
    shown = Shown(SEED_VIEW, most=10)
    findings = [finding(number) for number in range(25)]
    for one in findings:
        shown.of(one)
    assert len(shown._kept) <= 10
    assert len(shown._by_text) <= 10
    small = Shown(SEED_VIEW, most_octets=4 * len(findings[0].tail))
    for one in findings:
        assert small.of(one) is small.of(one)
        assert len(small._kept) <= 4
