"""The policy file: octets in, a policy or what is wrong with it out (RFC 8461 section 3.2, errata 6253 and 7282).

Pure, and strict: what is not in the grammar is no policy, and who publishes it learns that from the first sender that
looks. The lines are kept as served in either case, for reports (RFC 8460 section 4.5).

Laxer than the grammar in three things that harm nothing: blank lines at the end, underscores in MX names (as real ones
have them), and a `max_age` beyond the maximum, which is cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tlswitness.names import MxPattern, parse_pattern
from tlswitness.policy.sts.model import MAX_AGE, BadPolicy, Mode, StsPolicy

VERSION = "STSv1"
MAX_POLICY = 64 * 1024
"""Octets, as RFC 8461 section 3.3 suggests: bounds the lines of a policy, which its owner chooses."""
MAX_BAD_LINES = 100
"""Lines kept of a body that is no policy: a whole web page would only fill reports."""
MAX_BAD_LINE = 512
"""Characters kept of each of them."""

_MODES = {mode.value: mode for mode in Mode}
_WSP = " \t"
_BOM = b"\xef\xbb\xbf"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}", re.ASCII)
_MAX_AGE = re.compile(r"[0-9]{1,10}", re.ASCII)
_SUB_DOMAIN = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_MX = re.compile(rf"(?:\*\.)?{_SUB_DOMAIN}(?:\.{_SUB_DOMAIN})*", re.ASCII)
"""`["*."] Domain` of RFC 5321 section 4.1.2, which bounds no lengths and does not know numbers from names."""
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HARMFUL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
"""What a terminal obeys or a log breaks its line at; the grammar allows those beyond ASCII in values."""

_Field = tuple[int, str, str]
"""Number of the line from 1, key, value."""


def parse_policy(body: bytes) -> StsPolicy | BadPolicy:
    """The policy in a body as it was served. Never raises.

    In the lines of either result U+FFFD stands for what is not UTF-8, and for control characters. The lines of a
    BadPolicy are bounded in number and length.
    """
    lines = _lines(body[:MAX_POLICY])
    found = _parse(body, lines)
    if isinstance(found, str):
        return BadPolicy(found, tuple(_harmless(line[:MAX_BAD_LINE]) for line in lines[:MAX_BAD_LINES]))
    mode, max_age, mx = found
    return StsPolicy(mode, max_age, mx, tuple(map(_harmless, lines)))


def _lines(body: bytes) -> list[str]:
    """Without terminators, and without blank lines at the end."""
    *ended, rest = body.decode("utf-8", "replace").split("\n")
    lines = [*(line.removesuffix("\r") for line in ended), rest]
    while lines and not lines[-1].strip(_WSP):
        lines.pop()
    return lines


def _parse(body: bytes, lines: list[str]) -> tuple[Mode, int, tuple[MxPattern, ...]] | str:
    """Mode, max_age and patterns; or the token that names what is wrong."""
    if len(body) > MAX_POLICY:
        return "too large"
    if body.startswith(_BOM):
        return "byte order mark"
    if not _is_utf8(body):
        return "not UTF-8"
    if not lines:
        return "empty"
    fields: list[_Field] = []
    for number, line in enumerate(lines, 1):
        fault = _line_fault(line)
        if fault:
            return f"line {number} {fault}"
        name, _, value = line.partition(":")
        fields.append((number, name, value.strip(_WSP)))
    return _meaning(fields)


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _line_fault(line: str) -> str | None:
    """Why `line` is not `key: value`; in words that go behind its number."""
    if not line.strip(_WSP):
        return "is blank"
    if line[0] in _WSP:
        return "begins with a blank"
    name, colon, value = line.partition(":")
    value = value.strip(_WSP)
    if _CONTROL.search(line) or "\t" in value:
        return "has a control character"
    if not colon or not _NAME.fullmatch(name):
        return "is not of the form key: value"
    return None if value else "has no value"


def _meaning(fields: list[_Field]) -> tuple[Mode, int, tuple[MxPattern, ...]] | str:
    # Of keys that may stand once the first counts; keys that nobody knows are ignored.
    first = {name: value for _, name, value in reversed(fields)}
    for key in ("version", "mode", "max_age"):
        if key not in first:
            return f"no {key}"
    if first["version"] != VERSION:
        return "unknown version"
    mode = _MODES.get(first["mode"])
    if mode is None:
        return "unknown mode"
    if not _MAX_AGE.fullmatch(first["max_age"]):
        return "bad max_age"
    mx = _patterns(field for field in fields if field[1] == "mx")
    if isinstance(mx, str):
        return mx
    if not mx and mode is not Mode.NONE:
        return "no usable mx" if "mx" in first else "no mx"
    return mode, min(int(first["max_age"]), MAX_AGE), mx


def _patterns(fields: Iterable[_Field]) -> tuple[MxPattern, ...] | str:
    """SPEC: one value outside the grammar makes the policy invalid, even beside good ones, even in mode none.

    One that fits the grammar but can name no host (an address, a label too long) does not: it just matches nothing.
    """
    patterns = []
    for number, _, value in fields:
        pattern = parse_pattern(value)
        if isinstance(pattern, MxPattern):
            patterns.append(pattern)
        elif not _MX.fullmatch(value):
            return f"bad mx in line {number}"
    return tuple(dict.fromkeys(patterns))


def _harmless(line: str) -> str:
    return _HARMFUL.sub("\ufffd", line)
