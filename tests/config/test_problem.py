from datetime import date

import pytest

from tlswitness.config.problem import MAX_SHOWN, ConfigError, Problem, shown


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("", "not TOML", file="f.toml", line=3), "f.toml:3: not TOML"),
        (Problem("", "No such file", file="f.toml"), "f.toml: No such file"),
        (Problem("tls", "", value='"x"', allowed='"no"', file="f", line=1), 'f:1: tls = "x": allowed: "no"'),
        (Problem("tlss", "no such option", hint="did you mean `tls`?"), "tlss: no such option; did you mean `tls`?"),
    ],
)
def test_text(problem, text):
    assert str(problem) == text


def test_an_error_has_all_its_problems():
    error = ConfigError([Problem("a", "one"), Problem("b", "two")])
    assert str(error) == "a: one\nb: two"
    assert len(error.problems) == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        ("a\n\x1b", '"a\\u000a\\u001b"'),
        ({}, "a table"),
        (date(2027, 1, 2), "2027-01-02"),
        ([1, 2, 3, 4, 5], "[1, 2, 3, 4, ...]"),
        (1.5, "1.5"),
    ],
)
def test_shown(value, text):
    assert shown(value) == text


def test_a_long_value_is_cut():
    assert len(shown("x" * 1000)) == MAX_SHOWN
