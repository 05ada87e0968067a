"""JSON, or an already decoded object, to a data point: strict about types, tolerant of what the model does not know.

Separate because foreign sources, journals and people write points too. Nothing here raises on bad input: what is no
point is a `DataPointError` that names the member. Unknown members and unknown result types are kept (RFC 8460 sections
4.3 and 6.6; RFC 7493 section 4.2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from tlswitness.datapoint.limits import (
    MAX_EPOCH,
    MAX_FURTHER,
    MAX_MEMBER,
    MAX_POLICY_STRING,
    MAX_TEXT,
    MAX_TOKEN,
    MAX_VALUES,
)
from tlswitness.datapoint.model import SUCCESS, TEXT_MEMBERS, DataPoint, FurtherFailure, Member, Policy
from tlswitness.datapoint.reader import DataPointError, Reader, RefusedError, join, parsed, shown
from tlswitness.datapoint.results import PolicyType, ResultType
from tlswitness.datapoint.text import compact

_T = TypeVar("_T")
_TOKEN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_RESULTS = {str(result): result for result in ResultType}
_POLICIES = {str(policy): policy for policy in PolicyType}
_POLICY_RULE = ", ".join(_POLICIES)
_SUCCESS_RULE = "none where type is 1"


def decode(source: str | bytes | bytearray | Mapping[str, object]) -> DataPoint | DataPointError:
    """The data point that `source` is: JSON text, its UTF-8 octets, or the object that a JSON library made of it."""
    try:
        point = _point(_Object(Reader(), "", parsed(source)))
    except RefusedError as refused:
        return refused.error
    octets = len(compact(point).encode())
    if octets > MAX_TEXT:
        return DataPointError("", f"at most {MAX_TEXT} octets", f"{octets} octets")
    return point


class _Object:
    """The members of one object, taken one by one; what is left is unknown."""

    def __init__(self, reader: Reader, path: str, value: object, depth: int = 1) -> None:
        self.reader = reader
        self.path = path
        self.depth = depth
        self.left = reader.members(path, value)

    def at(self, name: str) -> str:
        return join(self.path, name)

    def optional(self, name: str, read: Callable[[str, object], _T]) -> _T | None:
        """None where the member is absent, `null`, "" or []."""
        value = self.left.pop(name, None)
        if value is None or (isinstance(value, str | list | tuple) and not value):
            return None
        return read(self.at(name), value)

    def required(self, name: str, allowed: str, read: Callable[[str, object], _T]) -> _T:
        found = shown(self.left[name]) if name in self.left else "it is missing"
        value = self.optional(name, read)
        if value is None:
            raise RefusedError(self.at(name), allowed, found)
        return value

    def integer(self, name: str, most: int) -> int:
        allowed = f"an integer from 0 to {most}"

        def read(path: str, value: object) -> int:
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
                raise RefusedError(path, allowed, shown(value))
            return int(value)

        return self.required(name, allowed, read)

    def line(self, path: str, value: object) -> str:
        return self.reader.text(path, value, MAX_MEMBER)

    def lines(self, path: str, value: object) -> tuple[str, ...]:
        items = self.reader.items(path, value, MAX_VALUES)
        return tuple(self.reader.text(place, item, MAX_POLICY_STRING) for place, item in items)

    def line_or_lines(self, path: str, value: object) -> tuple[str, ...]:
        """RFC 8460 erratum 6241: the example of `mx-host` is a string, its definition an array; senders do both."""
        return (self.line(path, value),) if isinstance(value, str) else self.lines(path, value)

    def token(self, path: str, value: object) -> str:
        text = self.reader.text(path, value, MAX_MEMBER)
        if len(text) > MAX_TOKEN or not _TOKEN.fullmatch(text):
            allowed = f"a result type: at most {MAX_TOKEN} letters, digits and inner hyphens, dots and underscores"
            raise RefusedError(path, allowed, shown(value))
        return _RESULTS.get(text, text)

    def unknown(self) -> tuple[Member, ...]:
        return tuple(
            Member(name, self.reader.json(self.at(name), value, self.depth)) for name, value in self.left.items()
        )


def _point(members: _Object) -> DataPoint:
    epoch = members.integer("epoch", MAX_EPOCH)
    kind = members.integer("type", SUCCESS)
    policy = members.required(
        "policy", "an object", lambda path, value: _policy(_Object(members.reader, path, value, 2))
    )
    result_type = members.optional("result-type", members.token)
    texts = {
        attribute: members.optional(name, members.line)
        for name, attribute in TEXT_MEMBERS.items()
        if name != "result-type"
    }
    reason = texts["failure_reason_code"]
    if kind == SUCCESS and result_type is not None:
        raise RefusedError("result-type", _SUCCESS_RULE, shown(str(result_type)))
    if kind == SUCCESS and reason is not None:
        raise RefusedError("failure-reason-code", _SUCCESS_RULE, shown(reason))
    if kind != SUCCESS and result_type is None:
        raise RefusedError("result-type", f"a result type where type is {kind}", "it is missing")
    further = members.optional("further-failures", lambda path, value: _further_failures(members.reader, path, value))
    return DataPoint(
        epoch=epoch,
        type=kind,
        policy=policy,
        result_type=result_type,
        further_failures=further or (),
        unknown=members.unknown(),
        **texts,
    )


def _policy(members: _Object) -> Policy:
    return Policy(
        policy_type=members.required("policy-type", _POLICY_RULE, _policy_type),
        policy_domain=members.required("policy-domain", "a domain", members.line),
        policy_string=members.optional("policy-string", members.lines) or (),
        mx_host=members.optional("mx-host", members.line_or_lines) or (),
        unknown=members.unknown(),
    )


def _policy_type(path: str, value: object) -> PolicyType:
    if isinstance(value, str) and value in _POLICIES:
        return _POLICIES[value]
    raise RefusedError(path, _POLICY_RULE, shown(value))


def _further_failures(reader: Reader, path: str, value: object) -> tuple[FurtherFailure, ...]:
    items = reader.items(path, value, MAX_FURTHER)
    return tuple(_further_failure(_Object(reader, place, item, 3)) for place, item in items)


def _further_failure(members: _Object) -> FurtherFailure:
    return FurtherFailure(
        result_type=members.required("result-type", "a result type", members.token),
        failure_reason_code=members.optional("failure-reason-code", members.line),
        unknown=members.unknown(),
    )
