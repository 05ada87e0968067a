"""Text from strangers made safe for a terminal, and times, spans and sizes in words.

Separate because whatever a check or a delivery shows comes from somebody's DNS, web server or MTA: an escape sequence
in it must not reach the terminal of the person who asks.
"""

from __future__ import annotations

import re
import textwrap
from datetime import UTC, datetime

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Controls, and what turns the direction of writing round."""

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def plain(text: object) -> str:
    """On one line, without anything that a terminal obeys."""
    return _UNPRINTABLE.sub("?", str(text))


def moment(seconds: float) -> str:
    """`2026-01-31 23:59 UTC`, for people."""
    return f"{_datetime(seconds):%Y-%m-%d %H:%M} UTC"


def iso(seconds: float) -> str:
    """`2026-01-31T23:59:59Z`, for programs."""
    return f"{_datetime(seconds):%Y-%m-%dT%H:%M:%SZ}"


def span(seconds: float) -> str:
    """Such as `7 days`, in the largest unit that it fills."""
    for name, size in _UNITS:
        count = int(abs(seconds) // size)
        if count or size == 1:
            return f"{count} {name}{'s' * (count != 1)}"
    raise AssertionError("seconds are the last unit")


def size(octets: int) -> str:
    """Such as `12.5 MiB`."""
    number = float(octets)
    for unit in ("octets", "KiB", "MiB"):
        if number < 1024:
            return f"{octets} {unit}" if unit == "octets" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def wrapped(text: str, indent: str, width: int) -> str:
    """`text` on as many lines as it needs, each behind `indent`; the first line is the caller's to begin."""
    lines = textwrap.wrap(plain(text), max(width - len(indent), 40), break_long_words=False, break_on_hyphens=False)
    return f"\n{indent}".join(lines)


def _datetime(seconds: float) -> datetime:
    """Whatever a certificate or a file says: times that Python cannot hold are cut to those that it can."""
    return datetime.fromtimestamp(min(max(seconds, 0), 253_402_300_799), UTC)
