"""What hooks are shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tlswitness.datapoint import SEED_VIEW, DataPoint, Members, PolicyType, Sessions, View, decode, to_dict

SEED = [
    "epoch",
    "type",
    "policy",
    "result-type",
    "failure-reason-code",
    "sending-mta-ip",
    "receiving-mx-hostname",
    "receiving-ip",
]


def test_seed_members_are_the_seeds_in_its_order(point: DataPoint) -> None:
    shown = to_dict(View(Members.SEED).of(point))
    assert list(shown) == SEED
    assert list(shown["policy"]) == ["policy-type", "policy-domain", "policy-string"]  # type: ignore[arg-type]
    assert {name: value for name, value in to_dict(point).items() if name in SEED and name != "policy"} == {
        name: value for name, value in shown.items() if name != "policy"
    }


@pytest.mark.parametrize("index", [0, 1])
def test_what_the_seed_shows_is_unchanged(momentum_lines: tuple[str, str], index: int) -> None:
    point = decode(momentum_lines[index])
    assert isinstance(point, DataPoint)
    assert SEED_VIEW.of(point) == point
    assert SEED_VIEW.shows(point)


def test_full_is_everything(point: DataPoint) -> None:
    assert View().of(point) is point


@pytest.mark.parametrize(
    ("sessions", "kind", "shown"),
    [
        (Sessions.ALL, PolicyType.NONE, True),
        (Sessions.ALL, PolicyType.STS, True),
        (Sessions.POLICY, PolicyType.STS, True),
        (Sessions.POLICY, PolicyType.TLSA, True),
        (Sessions.POLICY, PolicyType.NONE, False),
    ],
)
def test_sessions(point: DataPoint, sessions: Sessions, kind: PolicyType, shown: bool) -> None:
    under = replace(point, policy=replace(point.policy, policy_type=kind))
    assert View(sessions=sessions).shows(under) is shown
