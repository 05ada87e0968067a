"""Reading a configuration with many domains, and finding one's options."""

from __future__ import annotations

from collections.abc import Iterator

from bench.measure import Measure, duration, rate
from tlswitness.config import parse_config

DOMAINS = 2000


def bench() -> Iterator[Measure]:
    text = "".join(
        f'[domain."d{number}.example"]\ntls = "required"\ntimeouts.connect = 9\n' for number in range(DOMAINS)
    )
    yield duration(f"read a configuration of {DOMAINS} domains", lambda: parse_config(text))
    config = parse_config(text)
    yield rate("find a domain's options", lambda: config.for_domain("d77.example"))
    yield rate("find that a domain has none of its own", lambda: config.for_domain("other.example"))
