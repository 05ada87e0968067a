"""Times on the command line: a date, a time, or how long ago."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import click

_AGO = re.compile(r"(\d{1,9})([smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_ALLOWED = "a date (2026-01-31), a time (2026-01-31T23:59:59Z), Unix seconds, or how long ago (90s, 15m, 12h, 2d, 1w)"


class Moment(click.ParamType[float]):
    """A moment in Unix seconds. A time without a zone is UTC, a date its beginning."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        found = parse_moment(str(value), time.time())
        if found is None:
            self.fail(f"{value!r} is no time; allowed is {_ALLOWED}", param, ctx)
        return found


MOMENT = Moment()


def parse_moment(text: str, now: float) -> float | None:
    """`text` in Unix seconds; None where it is no time. `now` is what "ago" counts from."""
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _UNITS[ago[2]]
    if re.fullmatch(r"\d{9,12}", text):
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
