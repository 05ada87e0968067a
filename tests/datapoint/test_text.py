"""Both text forms, to the byte."""

from __future__ import annotations

import ctypes
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.datapoint import DataPoint, JsonObject, Member, Policy, PolicyType, compact, decode, paniclog, to_dict

JSON_C = "libjson-c.so.5"
SPACED = 1


@pytest.mark.parametrize("index", [0, 1], ids=["success", "failure"])
def test_momentum_paniclog_lines_come_out_byte_for_byte(momentum_lines: tuple[str, str], index: int) -> None:
    line = momentum_lines[index]
    point = decode(line)
    assert isinstance(point, DataPoint)
    assert paniclog(point) == line


@pytest.mark.parametrize("index", [0, 1], ids=["success", "failure"])
def test_momentum_examples_keep_values_and_member_order(momentum_examples: tuple[str, str], index: int) -> None:
    text = momentum_examples[index]
    point = decode(text)
    assert isinstance(point, DataPoint)
    assert json.dumps(to_dict(point)) == json.dumps(json.loads(text))
    assert compact(point) == json.dumps(json.loads(text), separators=(",", ":"))


def test_compact_has_every_member_in_order(point: DataPoint) -> None:
    assert compact(point) == (
        '{"epoch":1,"type":0,"policy":{"policy-type":"tlsa","policy-domain":"mx.example.org",'
        '"policy-string":["3 1 1 ab"],"mx-host":["mx.example.org"],"p":1.0},'
        '"result-type":"validation-failure","failure-reason-code":"reason","sending-mta-ip":"192.0.2.1",'
        '"receiving-mx-hostname":"MX.example.org","receiving-ip":"192.0.2.2","receiving-mx-helo":"helo.example.org",'
        '"additional-information":"https://example.org/","recipient-domain":"example.org",'
        '"tlsrpt-record":"v=TLSRPTv1; rua=mailto:r@example.org",'
        '"further-failures":[{"result-type":"certificate-expired","failure-reason-code":"old","f":null}],'
        '"u":{"a/b":[],"c":{}}}'
    )


def test_absent_members_are_not_written() -> None:
    point = DataPoint(epoch=5, type=1, policy=Policy(policy_type=PolicyType.NONE, policy_domain="a.example"))
    assert (
        compact(point) == '{"epoch":5,"type":1,"policy":{"policy-type":"no-policy-found","policy-domain":"a.example"}}'
    )
    assert paniclog(point) == (
        '{ "epoch": 5, "type": 1, "policy": { "policy-type": "no-policy-found", "policy-domain": "a.example" } }'
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ((), "[ ]"),
        (JsonObject(), "{ }"),
        ((1, (2,)), "[ 1, [ 2 ] ]"),
        (JsonObject((Member("a/b", None),)), '{ "a\\/b": null }'),
        (1.0, "1.0"),
        (0.1, "0.1"),
        (True, "true"),
        (False, "false"),
        (-(2**63), "-9223372036854775808"),
        (2**64 - 1, "18446744073709551615"),
        ('"\\/', '"\\"\\\\\\/"'),
        ("\b\t\n\f\r\x00\x1f\x7f", '"\\b\\t\\n\\f\\r\\u0000\\u001f\x7f"'),
        ("é\u2028😀", '"é\u2028😀"'),
    ],
)
def test_paniclog_writes_values_as_json_c_does(value: object, written: str) -> None:
    policy = Policy(policy_type=PolicyType.NONE, policy_domain="a.example")
    point = DataPoint(epoch=5, type=1, policy=policy, unknown=(Member("x", value),))  # type: ignore[arg-type]
    assert paniclog(point).endswith(f'}}, "x": {written} }}')


@given(data=st.data())
@pytest.mark.rfc(7493, "2.1")
def test_both_forms_read_back_as_the_same_point(data: st.DataObject, any_point: st.SearchStrategy[DataPoint]) -> None:
    point = data.draw(any_point)
    text = compact(point)
    for again in (decode(text), decode(text.encode()), decode(paniclog(point)), decode(to_dict(point))):
        assert again == point
        assert isinstance(again, DataPoint)
        assert compact(again) == text


@pytest.fixture(scope="module")
def json_c() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(JSON_C)
    except OSError:
        pytest.skip(f"{JSON_C} (Debian package libjson-c5) is not on this machine")
    library.json_tokener_parse.restype = ctypes.c_void_p
    library.json_tokener_parse.argtypes = [ctypes.c_char_p]
    library.json_object_to_json_string_ext.restype = ctypes.c_char_p
    library.json_object_to_json_string_ext.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.json_object_put.argtypes = [ctypes.c_void_p]
    return library


@given(data=st.data())
def test_paniclog_is_what_json_c_makes_of_compact(
    data: st.DataObject, any_point: st.SearchStrategy[DataPoint], json_c: ctypes.CDLL
) -> None:
    point = data.draw(any_point)
    parsed = json_c.json_tokener_parse(compact(point).encode())
    assert parsed
    try:
        written = json_c.json_object_to_json_string_ext(parsed, SPACED).decode()
    finally:
        json_c.json_object_put(parsed)
    assert paniclog(point) == written
