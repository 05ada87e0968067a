"""What is a data point, what is none, and what is said about the latter."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.datapoint import DataPoint, DataPointError, Member, PolicyType, ResultType, compact, decode, to_dict
from tlswitness.datapoint.limits import MAX_DEPTH, MAX_EPOCH, MAX_FURTHER, MAX_MEMBER, MAX_TEXT

GOOD: dict[str, Any] = {
    "epoch": 7,
    "type": 0,
    "policy": {"policy-type": "sts", "policy-domain": "example.org"},
    "result-type": "certificate-expired",
}
OPTIONAL = [
    "failure-reason-code",
    "sending-mta-ip",
    "receiving-mx-hostname",
    "receiving-ip",
    "receiving-mx-helo",
    "additional-information",
    "recipient-domain",
    "tlsrpt-record",
    "further-failures",
]


def with_policy(**members: object) -> dict[str, object]:
    return {"policy": {**GOOD["policy"], **{name.replace("_", "-"): value for name, value in members.items()}}}


def decoded(**members: object) -> DataPoint | DataPointError:
    changed = {name.replace("_", "-"): value for name, value in members.items()}
    as_object = decode({**GOOD, **changed})
    assert decode(json.dumps({**GOOD, **changed})) == as_object
    return as_object


def refused(source: Any) -> DataPointError:
    error = decode(source)
    assert isinstance(error, DataPointError)
    assert error.allowed
    assert error.found
    return error


@pytest.mark.parametrize("empty", [None, "", []], ids=["null", "string", "array"])
@pytest.mark.parametrize("name", OPTIONAL)
def test_empty_optional_member_is_absent(name: str, empty: object) -> None:
    assert decode({**GOOD, name: empty}) == decode(GOOD)


@pytest.mark.parametrize("empty", [None, "", []], ids=["null", "string", "array"])
@pytest.mark.parametrize("name", ["policy_string", "mx_host"])
def test_empty_optional_member_of_a_policy_is_absent(name: str, empty: object) -> None:
    assert decoded(**with_policy(**{name: empty})) == decode(GOOD)


@pytest.mark.parametrize("empty", [None, "", []], ids=["null", "string", "array"])
def test_empty_result_type_of_a_success_is_absent(empty: object) -> None:
    point = decoded(type=1, result_type=empty, failure_reason_code=empty)
    assert isinstance(point, DataPoint)
    assert point.result_type is None


@pytest.mark.rfc(8460, "4.4")
def test_mx_host_may_be_a_string() -> None:
    point = decoded(**with_policy(mx_host="*.example.org"))
    assert isinstance(point, DataPoint)
    assert point.policy.mx_host == ("*.example.org",)
    assert '"mx-host":["*.example.org"]' in compact(point)


@pytest.mark.rfc(8460, "6.6")
def test_result_type_of_tomorrow_is_kept() -> None:
    point = decoded(result_type="quantum-broken")
    assert isinstance(point, DataPoint)
    assert point.result_type == "quantum-broken"


def test_known_types_are_of_their_enumerations() -> None:
    point = decoded()
    assert isinstance(point, DataPoint)
    assert point.policy.policy_type is PolicyType.STS
    assert point.result_type is ResultType.CERTIFICATE_EXPIRED


@pytest.mark.rfc(7493, "4.2")
def test_unknown_members_come_after_ours_in_their_order() -> None:
    policy = '"policy":{"m":"","policy-domain":"d","policy-type":"sts"}'
    source = '{"z":1,"type":1,"a":{"y":[],"b":null},' + policy + ',"epoch":7,"0":1.0}'
    point = decode(source)
    assert isinstance(point, DataPoint)
    assert point.unknown[0] == Member("z", 1)
    assert compact(point) == (
        '{"epoch":7,"type":1,"policy":{"policy-type":"sts","policy-domain":"d","m":""},"z":1,"a":{"y":[],"b":null},"0":1.0}'
    )


def test_success_may_have_failures_on_its_way() -> None:
    further = [{"result-type": "certificate-expired", "extra": 1}]
    point = decode({"epoch": 7, "type": 1, "policy": GOOD["policy"], "further-failures": further})
    assert isinstance(point, DataPoint)
    assert not point.failed
    assert to_dict(point)["further-failures"] == further


@pytest.mark.parametrize(
    ("change", "member", "allowed", "found"),
    [
        ({"epoch": -1}, "epoch", f"0 to {MAX_EPOCH}", "-1"),
        ({"epoch": MAX_EPOCH + 1}, "epoch", "integer", str(MAX_EPOCH + 1)),
        ({"epoch": 7.0}, "epoch", "integer", "7.0"),
        ({"epoch": "7"}, "epoch", "integer", "'7'"),
        ({"epoch": True}, "epoch", "integer", "true"),
        ({"epoch": None}, "epoch", "integer", "null"),
        ({"epoch": 10**30}, "epoch", "integer", ""),
        ({"type": 2}, "type", "0 to 1", "2"),
        ({"type": False}, "type", "0 to 1", "false"),
        ({"policy": None}, "policy", "an object", "null"),
        ({"policy": []}, "policy", "an object", "an array"),
        ({"policy": "sts"}, "policy", "an object", "'sts'"),
        (with_policy(policy_type="STS"), "policy.policy-type", "tlsa, sts, no-policy-found", "'STS'"),
        (with_policy(policy_type=["sts"]), "policy.policy-type", "sts", "an array"),
        (with_policy(policy_type=""), "policy.policy-type", "sts", "''"),
        (with_policy(policy_domain=None), "policy.policy-domain", "a domain", "null"),
        (with_policy(policy_domain=3), "policy.policy-domain", "string", "3"),
        (with_policy(policy_string="version: STSv1"), "policy.policy-string", "array", "'version: STSv1'"),
        (with_policy(policy_string=["a", 1]), "policy.policy-string[1]", "string", "1"),
        (with_policy(policy_string=["a", None]), "policy.policy-string[1]", "string", "null"),
        (with_policy(mx_host={"a": 1}), "policy.mx-host", "array", "an object"),
        ({"result-type": "Not A Token"}, "result-type", "letters", "'Not A Token'"),
        ({"result-type": "x" * 65}, "result-type", "64", "'xxx"),
        ({"result-type": "-"}, "result-type", "letters", "'-'"),
        ({"result-type": 5}, "result-type", "string", "5"),
        ({"result-type": None}, "result-type", "where type is 0", "missing"),
        ({"type": 1}, "result-type", "where type is 1", "certificate-expired"),
        ({"type": 1, "result-type": None, "failure-reason-code": "x"}, "failure-reason-code", "type is 1", "'x'"),
        ({"receiving-ip": 1}, "receiving-ip", "string", "1"),
        ({"receiving-ip": {}}, "receiving-ip", "string", "an object"),
        ({"receiving-mx-helo": "x" * (MAX_MEMBER + 1)}, "receiving-mx-helo", "8192", "8193"),
        ({"further-failures": {}}, "further-failures", "array", "an object"),
        ({"further-failures": ["x"]}, "further-failures[0]", "object", "'x'"),
        ({"further-failures": [{}]}, "further-failures[0].result-type", "result type", "missing"),
        (
            {"further-failures": [{"result-type": "a"}, {"result-type": "a", "failure-reason-code": 1}]},
            "further-failures[1].failure-reason-code",
            "string",
            "1",
        ),
        ({"further-failures": [{"result-type": "a"}] * (MAX_FURTHER + 1)}, "further-failures", "32", "33"),
        ({"x": 2**64}, "x", "18446744073709551615", "18446744073709551616"),
        ({"x": {"y": [1, float("nan")]}}, "x.y[1]", "finite", ""),
        ({"x": float("-inf")}, "x", "finite", ""),
        ({"x" * 257: 1}, "", "256", "'xxx"),
        ({"a\nb": 1}, "", "without control characters", "'a\\nb'"),
        ({"x": "\ud800"}, "x", "Unicode", "surrogate"),
        ({"\udc00": 1}, "", "Unicode", "surrogate"),
    ],
)
def test_bad_member_is_named(change: dict[str, object], member: str, allowed: str, found: str) -> None:
    changed = {**GOOD, **change}
    for error in (refused(changed), refused(json.dumps(changed))):
        assert error.member == member
        assert allowed in error.allowed
        assert found in error.found
        assert member in str(error)
        assert str(error).isprintable()


@pytest.mark.parametrize("name", ["epoch", "type", "policy"])
def test_missing_member_is_named(name: str) -> None:
    error = refused({other: value for other, value in GOOD.items() if other != name})
    assert (error.member, error.found) == (name, "it is missing")


@pytest.mark.parametrize(
    ("text", "member", "allowed", "found"),
    [
        (b"\xff{}", "", "UTF-8", "0xff at 0"),
        ("", "", "JSON", "character 0"),
        ("{", "", "JSON", "character"),
        ("{} {}", "", "JSON", "character"),
        ("{'a':1}", "", "JSON", "character"),
        ('"text"', "", "object", "'text'"),
        ("[]", "", "object", "array"),
        ("NaN", "", "object", "NaN"),
        ('{"epoch":1,"epoch":1}', "epoch", "once", "twice"),
        ('{"policy":{"m":1,"m":2},"epoch":1,"type":1}', "policy.m", "once", "twice"),
        (
            '{"epoch":1,"type":1,"policy":{"policy-type":"sts","policy-domain":"d"},"x":[{"a":1,"\\u0061":2}]}',
            "x[0].a",
            "once",
            "twice",
        ),
        ('{"epoch":NaN}', "epoch", "integer", "NaN"),
        ('{"epoch":1,"type":1,"policy":{"policy-type":"sts","policy-domain":"d"},"x":1e999}', "x", "finite", "inf"),
        (
            '{"epoch":1,"type":1,"policy":{"policy-type":"sts","policy-domain":"d"},"x":-Infinity}',
            "x",
            "finite",
            "-Infinity",
        ),
        ('{"epoch":' + "9" * 10_000 + "}", "epoch", "integer", "999"),
        (" " * (MAX_TEXT + 1), "", f"{MAX_TEXT} octets", str(MAX_TEXT + 1)),
        (b" " * (MAX_TEXT + 1), "", f"{MAX_TEXT} octets", str(MAX_TEXT + 1)),
        ("[" * 100_000, "", "16 levels", "character 16"),
        ('{"a":' * 17 + "1" + "}" * 17, "", "16 levels", "deeper"),
        ('{"a' + '\\"' * 1000 + "[" * 100, "", "JSON", "character"),
    ],
)
@pytest.mark.rfc(7493, "2.3")
def test_bad_text_is_refused(text: str | bytes, member: str, allowed: str, found: str) -> None:
    error = refused(text)
    assert error.member == member
    assert allowed in error.allowed
    assert found in error.found


@pytest.mark.parametrize("source", [None, 5, object(), ["x"]])
def test_other_sources_are_refused(source: object) -> None:
    assert refused(source).allowed == "JSON text or an object"


def test_values_that_no_json_has_are_refused() -> None:
    assert refused({**GOOD, "x": {1, 2}}).found == "a set"
    assert refused({**GOOD, 5: 1}).found == "5"


def test_a_point_may_not_grow_when_written() -> None:
    # 1e15 is four octets here and nineteen when written.
    error = refused({**GOOD, "x": [1e15] * 20_000})
    assert error.allowed == f"at most {MAX_TEXT} octets"


def test_shared_parts_do_not_explode() -> None:
    shared: list[object] = []
    for _ in range(MAX_DEPTH - 2):
        shared = [shared] * 10
    assert "65536 values" in refused({**GOOD, "x": shared}).allowed


@pytest.mark.parametrize("levels", [MAX_DEPTH - 1, MAX_DEPTH])
@pytest.mark.parametrize("empty", [[], {}], ids=["array", "object"])
def test_depth_is_the_same_for_text_and_object(levels: int, empty: object) -> None:
    value = empty
    for _ in range(levels - 1):
        value = [value]
    ours = {**GOOD, "x": value}
    fits = levels < MAX_DEPTH
    assert isinstance(decode(ours), DataPoint) is fits
    assert isinstance(decode(json.dumps(ours)), DataPoint) is fits


@given(st.text() | st.binary())
def test_anything_is_a_point_or_refused_with_a_reason(source: str | bytes) -> None:
    assert isinstance(decode(source), DataPoint) or refused(source)


@given(data=st.data())
def test_a_point_with_one_thing_changed(
    data: st.DataObject, any_point: st.SearchStrategy[DataPoint], any_json: st.SearchStrategy[object]
) -> None:
    source: Any = to_dict(data.draw(any_point))
    place = source["policy"] if data.draw(st.booleans()) else source
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(any_json)
    point = decode(source)
    if isinstance(point, DataPoint):
        assert decode(compact(point)) == point
    else:
        assert point.allowed
        assert str(point).isprintable()


@given(data=st.data())
def test_damaged_text_never_raises(data: st.DataObject, any_point: st.SearchStrategy[DataPoint]) -> None:
    text = compact(data.draw(any_point)).encode()
    at = data.draw(st.integers(0, len(text)))
    until = data.draw(st.integers(at, len(text)))
    decode(text[:at] + data.draw(st.binary(max_size=4)) + text[until:])
