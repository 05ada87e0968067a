"""Points to be told of, and a clock that tests move."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tlswitness.datapoint import DataPoint, Policy, PolicyType


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def point_of() -> Callable[..., DataPoint]:
    """A success of the given epoch and policy type."""

    def make(epoch: int, kind: PolicyType = PolicyType.STS) -> DataPoint:
        policy = Policy(policy_type=kind, policy_domain="example.org", mx_host=("mx.example.org",))
        return DataPoint(epoch=epoch, type=1, policy=policy)

    return make
