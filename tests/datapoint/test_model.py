"""A data point that breaks its own rules cannot be made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tlswitness.datapoint import DataPoint, FurtherFailure, Member, Policy, PolicyType
from tlswitness.datapoint.limits import MAX_EPOCH
from tlswitness.datapoint.model import TEXT_MEMBERS

U = Member("u", 1)


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": -1},
        {"epoch": MAX_EPOCH + 1},
        {"type": 2},
        {"type": 1},
        {"type": 1, "result_type": None},
        {"result_type": None},
        *({attribute: ""} for attribute in TEXT_MEMBERS.values()),
        {"unknown": (U, U)},
        {"unknown": (Member("policy", 1),)},
        {"unknown": (Member("receiving-ip", None),)},
    ],
)
def test_broken_point_is_a_bug(point: DataPoint, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        replace(point, **change)


def test_success_has_neither_result_type_nor_reason(point: DataPoint) -> None:
    success = replace(point, type=1, result_type=None, failure_reason_code=None)
    assert not success.failed
    assert point.failed


@pytest.mark.parametrize("change", [{"policy_domain": ""}, {"unknown": (U, U)}, {"unknown": (Member("mx-host", 1),)}])
def test_broken_policy_is_a_bug(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        replace(Policy(policy_type=PolicyType.STS, policy_domain="example.org"), **change)


@pytest.mark.parametrize("change", [{"result_type": ""}, {"failure_reason_code": ""}, {"unknown": (U, U)}])
def test_broken_further_failure_is_a_bug(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        replace(FurtherFailure("certificate-expired"), **change)


def test_points_can_be_kept_in_sets(point: DataPoint) -> None:
    assert len({point, replace(point)}) == 1
