"""Reading a configuration with many domains, beside Python's own reading of TOML; and finding a domain's options."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

from bench.measure import Comparison, Contender, Pace, calls, duration, race
from tlswitness.config import parse_config

DOMAINS = 2000


def bench(pace: Pace) -> Iterator[Comparison]:
    text = "".join(
        f'[domain."d{number}.example"]\ntls = "required"\ntimeouts.connect = 9\n' for number in range(DOMAINS)
    )
    yield race(
        f"a configuration of {DOMAINS} domains",
        "ms",
        [
            Contender("parse_config", lambda: duration(lambda: parse_config(text))),
            Contender("tomllib alone", lambda: duration(lambda: tomllib.loads(text))),
        ],
        [("parse_config", "tomllib alone", None)],
        pace.rounds,
    )
    config = parse_config(text)
    yield race(
        "options of a domain",
        "/s",
        [
            calls("of its own", lambda: config.for_domain("d77.example"), pace),
            calls("none of its own", lambda: config.for_domain("other.example"), pace),
        ],
        [("none of its own", "of its own", None)],
        pace.rounds,
    )
