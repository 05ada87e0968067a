"""Times as people write them."""

import click
import pytest

from tlswitness.cli.when import MOMENT, parse_moment

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", 1_769_817_600.0),
        ("2026-01-31T01:00:00Z", 1_769_821_200.0),
        ("2026-01-31 01:00", 1_769_821_200.0),
        ("2026-01-31T02:00:00+01:00", 1_769_821_200.0),
        ("1769821200", 1_769_821_200.0),
        ("90s", NOW - 90),
        ("15m", NOW - 900),
        ("12h", NOW - 43_200),
        ("2d", NOW - 172_800),
        ("1w", NOW - 604_800),
        ("", None),
        ("yesterday", None),
        ("2026-02-30", None),
        ("-1h", None),
    ],
)
def test_moments(text, moment):
    assert parse_moment(text, NOW) == moment


def test_what_is_none_says_what_is_allowed():
    assert MOMENT.convert(5, None, None) == 5.0
    assert MOMENT.convert("2026-01-31", None, None) == 1_769_817_600.0
    with pytest.raises(click.BadParameter, match="how long ago"):
        MOMENT.convert("soon", None, None)
