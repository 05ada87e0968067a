"""JSON values as they came, checked while they are walked: types, sizes, depth, and no member twice.

Separate from the decoder because this half knows JSON and nothing of data points. What it refuses it refuses with the
path of the member. I-JSON rules (RFC 7493 section 2): no name twice in an object, no NaN, no lone surrogates.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tlswitness.datapoint.limits import (
    MAX_DEPTH,
    MAX_INTEGER,
    MAX_NAME,
    MAX_TEXT,
    MAX_VALUES,
    MIN_INTEGER,
)
from tlswitness.datapoint.model import Json, JsonObject, Member

MAX_SHOWN = 60
"""Characters of bad input that an error repeats: it goes into logs."""

_MAX_SHOWN_INTEGER = 10**30
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# A string, also an unterminated one, is stepped over as a whole: linear in the text whatever it holds.
_NESTING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[{\]}]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class DataPointError:
    """Why something is no data point: where, what is allowed there, what came."""

    member: str
    """The path of the member, such as `policy.policy-string[2]`; "" for the whole."""
    allowed: str
    found: str

    def __str__(self) -> str:
        return f"{self.member or 'data point'}: {self.found}; allowed is {self.allowed}"


class RefusedError(Exception):
    """Leads out of the walk; the decoder turns it into a value."""

    def __init__(self, member: str, allowed: str, found: str) -> None:
        super().__init__(member)
        self.error = DataPointError(member, allowed, found)


class _Pairs:
    """An object as the parser met it: a name that stands twice can still be seen."""

    def __init__(self, pairs: Sequence[tuple[object, object]]) -> None:
        self.pairs = pairs


class _Oddity:
    """A number that JSON or we do not have."""

    def __init__(self, text: str) -> None:
        self.text = text


def parsed(source: object) -> object:
    """What a JSON text says, or an object that is one already; to be walked with a `Reader`."""
    match source:
        case bytes() | bytearray():
            _check_length(len(source))
            try:
                text = source.decode()
            except UnicodeDecodeError as error:
                raise RefusedError("", "UTF-8", f"octet 0x{source[error.start]:02x} at {error.start}") from None
        case str():
            _check_length(len(source))
            text = source
        case Mapping():
            return source
        case _:
            raise RefusedError("", "JSON text or an object", shown(source))
    _check_depth(text)
    try:
        return json.loads(text, object_pairs_hook=_Pairs, parse_int=_integer, parse_constant=_Oddity)
    except json.JSONDecodeError as error:
        raise RefusedError("", "one JSON object", f"{error.msg} at character {error.pos}") from None


def _check_length(length: int) -> None:
    if length > MAX_TEXT:
        raise RefusedError("", f"at most {MAX_TEXT} octets", f"{length} octets")


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for found in _NESTING.finditer(text):
        if found[0] in "[{":
            depth += 1
        elif found[0] in "]}":
            depth -= 1
        if depth > MAX_DEPTH:
            raise RefusedError("", f"at most {MAX_DEPTH} levels", f"deeper nesting at character {found.start()}")


def _integer(digits: str) -> object:
    # More digits than the limits have: not even converted, that costs more than linear time.
    return int(digits) if len(digits) <= len(str(MIN_INTEGER)) else _Oddity(digits)


class Reader:
    """Walks the values of one source and counts them."""

    def __init__(self) -> None:
        self.room = MAX_VALUES

    def members(self, path: str, value: object) -> dict[str, object]:
        """The members of an object, in their order."""
        match value:
            case _Pairs():
                pairs = value.pairs
            case Mapping():
                pairs = tuple(value.items())
            case _:
                raise RefusedError(path, "an object", shown(value))
        members: dict[str, object] = {}
        for name, member in pairs:
            if not isinstance(name, str) or len(name) > MAX_NAME or _CONTROL.search(name):
                allowed = f"member names of at most {MAX_NAME} characters without control characters"
                raise RefusedError(path, allowed, shown(name))
            self._check_writable(path, name)
            if name in members:
                raise RefusedError(join(path, name), "each member once", "it stands twice")
            members[str(name)] = member
        return members

    def text(self, path: str, value: object, limit: int) -> str:
        self._count(path)
        if not isinstance(value, str):
            raise RefusedError(path, "a string", shown(value))
        if len(value) > limit:
            raise RefusedError(path, f"at most {limit} characters", f"{len(value)} characters")
        self._check_writable(path, value)
        return str(value)

    def items(self, path: str, value: object, limit: int) -> Iterator[tuple[str, object]]:
        """The items of an array, each with its path."""
        if not isinstance(value, list | tuple):
            raise RefusedError(path, "an array", shown(value))
        if len(value) > limit:
            raise RefusedError(path, f"at most {limit} items", f"{len(value)} items")
        return ((f"{path}[{index}]", item) for index, item in enumerate(value))

    def json(self, path: str, value: object, depth: int) -> Json:
        """Any JSON value inside `depth` objects and arrays, frozen."""
        self._count(path)
        if depth >= MAX_DEPTH and not isinstance(value, str | int | float | None):
            raise RefusedError(path, f"at most {MAX_DEPTH} levels", "deeper nesting")
        match value:
            case None | bool():
                return value
            case str():
                return self.text(path, value, MAX_TEXT)
            case int() if MIN_INTEGER <= value <= MAX_INTEGER:
                return int(value)
            case float() if math.isfinite(value):
                return float(value)
            case list() | tuple():
                return tuple(self.json(place, item, depth + 1) for place, item in self.items(path, value, MAX_VALUES))
            case _Pairs() | Mapping():
                members = self.members(path, value).items()
                return JsonObject(
                    tuple(Member(name, self.json(join(path, name), each, depth + 1)) for name, each in members)
                )
            case _:
                raise RefusedError(path, f"JSON with finite numbers from {MIN_INTEGER} to {MAX_INTEGER}", shown(value))

    def _check_writable(self, path: str, text: str) -> None:
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise RefusedError(path, "Unicode text", f"a lone surrogate at character {error.start}") from None

    def _count(self, path: str) -> None:
        self.room -= 1
        if self.room < 0:
            raise RefusedError(path, f"at most {MAX_VALUES} values", "more of them")


def join(path: str, name: str) -> str:
    """The path of a member, short and printable: a source may name it as it likes."""
    name = _shortened(name.encode("ascii", "backslashreplace").decode())
    return f"{path}.{name}" if path else name


def shown(value: object) -> str:
    """What came, short and printable."""
    match value:
        case _Pairs() | Mapping():
            return "an object"
        case list() | tuple():
            return "an array"
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case _Oddity():
            return _shortened(value.text)
        case str():
            return ascii(_shortened(value))
        case int() if abs(value) > _MAX_SHOWN_INTEGER:  # Python refuses to write very long ones
            return "a huge number"
        case int() | float():
            return str(value)
        case _:
            return f"a {type(value).__name__}"


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
