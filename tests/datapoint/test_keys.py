"""What is counted together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.datapoint import (
    DataPoint,
    DetailKey,
    FurtherFailure,
    Policy,
    PolicyKey,
    PolicyType,
    detail_keys,
    policy_key,
)
from tlswitness.datapoint.keys import name_key


def under(kind: PolicyType, **members: Any) -> DataPoint:
    return DataPoint(epoch=1, type=1, policy=Policy(policy_type=kind, **{"policy_domain": "example.org", **members}))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Example.ORG.", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER。example", "xn--bcher-kva.example"),
        ("*.Example.org", "*.example.org"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("Not A Name", "not a name"),
        ("", ""),
        ("A" * 5000, "a" * 5000),
    ],
)
@pytest.mark.rfc(8460, "4.4")
def test_names(text: str, key: str) -> None:
    assert name_key(text) == key


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=30))
def test_the_key_of_an_ascii_key_is_itself(text: str) -> None:
    key = name_key(text)
    if key.isascii():
        assert name_key(key) == key


def test_policy_key() -> None:
    point = under(
        PolicyType.STS, policy_domain="Example.ORG", policy_string=("b", "a"), mx_host=("*.B.example.", "A.example")
    )
    assert policy_key(point) == PolicyKey(
        recipient_domain="example.org",
        policy_type=PolicyType.STS,
        policy_domain="example.org",
        policy_string=("a", "b"),
        mx_host=("*.b.example", "a.example"),
    )


@pytest.mark.rfc(8460, "4.5")
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("3 1 1 ABCD", "2 0 1 ef"), ("2  0 1 EF", "3 1 1 ab cd"), True),
        (("3 1 1 ab",), ("3 1 2 ab",), False),
        (("3 1 1 ab",), ("3 1 1 ab", "3 1 1 ac"), False),
        (("nonsense",), ("Nonsense",), False),
    ],
)
def test_tlsa_record_sets_compare_whatever_their_spelling(
    one: tuple[str, ...], other: tuple[str, ...], same: bool
) -> None:
    keys = {policy_key(under(PolicyType.TLSA, policy_string=strings)) for strings in (one, other)}
    assert (len(keys) == 1) is same


@pytest.mark.rfc(8460, "4.5")
def test_lines_of_an_sts_policy_compare_as_served() -> None:
    keys = {policy_key(under(PolicyType.STS, policy_string=(line,))) for line in ("mode: enforce", "mode:  enforce")}
    assert len(keys) == 2


@pytest.mark.rfc(8460, "1.1")
def test_tlsa_counts_under_its_recipient_domain() -> None:
    point = under(PolicyType.TLSA, policy_domain="mx.example.net")
    assert policy_key(point).recipient_domain == "mx.example.net"
    assert policy_key(replace(point, recipient_domain="Example.org")).recipient_domain == "example.org"


def test_detail_keys(point: DataPoint) -> None:
    where = {
        "sending_mta_ip": "192.0.2.1",
        "receiving_mx_hostname": "mx.example.org",
        "receiving_ip": "192.0.2.2",
        "receiving_mx_helo": "helo.example.org",
        "additional_information": "https://example.org/",
    }
    assert detail_keys(point) == (
        DetailKey("validation-failure", "reason", **where),
        DetailKey("certificate-expired", "old", **where),
    )


def test_details_have_one_spelling_of_names_and_addresses(point: DataPoint) -> None:
    other = replace(
        point,
        epoch=2,
        sending_mta_ip="::ffff:192.0.2.1",
        receiving_mx_hostname="mx.EXAMPLE.org.",
        receiving_mx_helo="HELO.example.org",
        receiving_ip="192.0.2.2",
    )
    assert detail_keys(other) == detail_keys(point)
    assert detail_keys(replace(point, receiving_ip="unknown"))[0].receiving_ip == "unknown"


def test_a_session_counts_once_in_each_detail(point: DataPoint) -> None:
    further = FurtherFailure("validation-failure", "reason")
    assert len(detail_keys(replace(point, further_failures=(further, further)))) == 1


def test_success_has_the_details_of_its_way() -> None:
    point = under(PolicyType.STS)
    assert detail_keys(point) == ()
    assert detail_keys(replace(point, further_failures=(FurtherFailure("certificate-expired"),))) == (
        DetailKey("certificate-expired"),
    )


@given(data=st.data())
def test_any_point_has_keys(data: st.DataObject, any_point: st.SearchStrategy[DataPoint]) -> None:
    point = data.draw(any_point)
    assert policy_key(point) == policy_key(replace(point, epoch=0))
    assert len(detail_keys(point)) <= point.failed + len(point.further_failures)
