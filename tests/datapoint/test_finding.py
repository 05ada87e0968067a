"""Findings: points without their time, the same to the byte."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.datapoint import (
    SEED_VIEW,
    DataPoint,
    DataPointError,
    Finding,
    Policy,
    PolicyType,
    View,
    compact,
    decode,
    paniclog,
)
from tlswitness.datapoint.limits import MAX_EPOCH

POLICY = Policy(policy_type=PolicyType.STS, policy_domain="é.example", policy_string=("a/b",), mx_host=("*.example",))
POINT = DataPoint(
    epoch=7, type=0, policy=POLICY, result_type="validation-failure", receiving_mx_helo="mx", failure_reason_code='"'
)
epochs = st.integers(0, MAX_EPOCH)


@given(st.lists(epochs, min_size=1, max_size=4))
def test_the_points_and_texts_of_a_finding_are_those_of_its_points(times):
    finding = Finding(POINT)
    for epoch in times:
        point = replace(POINT, epoch=epoch)
        assert finding.at(epoch) == point
        assert finding.compact(epoch) == compact(point)
        assert finding.paniclog(epoch) == paniclog(point)


def test_equal_but_for_the_time_is_equal():
    assert Finding(POINT) == Finding(replace(POINT, epoch=9))
    assert len({Finding(POINT), Finding(replace(POINT, epoch=9))}) == 1
    assert Finding(POINT) != Finding(replace(POINT, receiving_mx_helo=None))
    assert Finding(POINT) != POINT


def test_its_text_is_read_again():
    finding = Finding(POINT)
    assert finding.text.startswith('{"type":0,')
    assert Finding.decode(finding.text) == finding
    assert decode(finding.compact(5)) == replace(POINT, epoch=5)
    assert finding.text in repr(finding)


@pytest.mark.parametrize("text", ["", "{}", "{", "[]", '{"type":1}', '{"epoch":1,"type":1}', '"', "7"])
def test_what_is_no_finding_is_named(text):
    assert isinstance(Finding.decode(text), DataPointError)


def test_a_view_of_it():
    finding = Finding(POINT)
    assert finding.seen(View()) is finding
    shown = finding.seen(SEED_VIEW)
    assert shown is not None
    assert shown.point == SEED_VIEW.of(replace(POINT, epoch=0))
    nothing = replace(POINT, policy=Policy(policy_type=PolicyType.NONE, policy_domain="example"))
    assert Finding(nothing).seen(SEED_VIEW) is None
