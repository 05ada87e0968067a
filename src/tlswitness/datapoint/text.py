r"""The two text forms of a data point: compact JSON, and the form of the seed's paniclog.

Separate because both are promises kept to the byte. The paniclog form is what json-c's default writer
(JSON_C_TO_STRING_SPACED) makes of the compact one: spaces inside braces and brackets, and `\/` for a slash. No JSON
library of Python writes it. Absent members are never written. Compact text is what points are told apart by.
"""

from __future__ import annotations

import re

import msgspec

from tlswitness.datapoint.model import TEXT_MEMBERS, DataPoint, FurtherFailure, Json, JsonObject, Member, Policy

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
"""A JSON value as ordinary Python holds it."""

_ESCAPED = re.compile(r'[\x00-\x1f"\\/]')
_SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def compact(point: DataPoint) -> str:
    """One line of JSON without spaces, members in the order of the seed, ours after them, unknown ones last."""
    return msgspec.json.encode(to_dict(point)).decode()


def paniclog(point: DataPoint) -> str:
    """The same as json-c writes it: `{ "epoch": 1746712864, "type": 1, "policy": { ... } }`."""
    return _spaced(to_dict(point))


def to_dict(point: DataPoint) -> dict[str, Plain]:
    """The members of `point` in their order as plain values, to stand inside a larger JSON document."""
    members: dict[str, Plain] = {"epoch": point.epoch, "type": point.type, "policy": _policy(point.policy)}
    for name, attribute in TEXT_MEMBERS.items():
        text = getattr(point, attribute)
        if text is not None:
            members[name] = str(text)
    if point.further_failures:
        members["further-failures"] = [_further(failure) for failure in point.further_failures]
    return members | _unknown(point.unknown)


def _policy(policy: Policy) -> dict[str, Plain]:
    members: dict[str, Plain] = {"policy-type": str(policy.policy_type), "policy-domain": policy.policy_domain}
    if policy.policy_string:
        members["policy-string"] = list(policy.policy_string)
    if policy.mx_host:
        members["mx-host"] = list(policy.mx_host)
    return members | _unknown(policy.unknown)


def _further(failure: FurtherFailure) -> dict[str, Plain]:
    members: dict[str, Plain] = {"result-type": str(failure.result_type)}
    if failure.failure_reason_code is not None:
        members["failure-reason-code"] = failure.failure_reason_code
    return members | _unknown(failure.unknown)


def _unknown(members: tuple[Member, ...]) -> dict[str, Plain]:
    return {member.name: _plain(member.value) for member in members}


def _plain(value: Json) -> Plain:
    match value:
        case tuple():
            return [_plain(item) for item in value]
        case JsonObject(members):
            return _unknown(members)
        case _:
            return value


def _spaced(value: Plain) -> str:
    match value:
        case str():
            return _quoted(value)
        case dict():
            members = [f" {_quoted(name)}: {_spaced(member)}" for name, member in value.items()]
            return f"{{{','.join(members)} }}"
        case list():
            items = [f" {_spaced(item)}" for item in value]
            return f"[{','.join(items)} ]"
        case _:
            return msgspec.json.encode(value).decode()


def _quoted(text: str) -> str:
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return _SHORT.get(character) or f"\\u{ord(character):04x}"
