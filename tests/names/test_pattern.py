"""MX patterns of a policy: the grammar, and one label for a star."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.names import BadName, HostName, MxPattern, parse_host, parse_pattern


@pytest.mark.rfc(8461, "3.2")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mx.example.com", "mx.example.com"),
        ("MX.Example.COM", "mx.example.com"),
        ("*.example.net", "*.example.net"),
        ("*.Example.NET", "*.example.net"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("mx_1.example.com", "mx_1.example.com"),
        ("*.com", "*.com"),
        ("localhost", "localhost"),
    ],
)
def test_patterns(text, shown):
    pattern = parse_pattern(text)
    assert isinstance(pattern, MxPattern)
    assert str(pattern) == shown
    assert pattern.wildcard == text.startswith("*")


@pytest.mark.rfc(8461, "3.2")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("bücher.example", "a policy names its MXs in A-labels"),
        ("*.bücher.example", "a policy names its MXs in A-labels"),
        ("mx.example.com.", "it ends in a dot"),
        ("*.", "it ends in a dot"),
        ("", "it is empty"),
        ("*", "the label '*' has"),
        ("*foo.example.com", "the label '*foo' has"),
        ("*.*.example.com", "the label '*' has"),
        ("a.*.example.com", "the label '*' has"),
        ("**.example.com", "the label '**' has"),
        (".example.com", "it has an empty label"),
        ("*..example.com", "it has an empty label"),
        ("[192.0.2.1]", "it is an address literal"),
        ("192.0.2.1", "it looks like an IP address"),
        ("*.192.0.2.1", "it looks like an IP address"),
        ("mx.example.com mx2.example.com", "the label 'com mx2' has"),
        ("mx.example.com,mx2.example.com", "the label 'com,mx2' has"),
    ],
)
def test_what_is_no_pattern(text, reason):
    bad = parse_pattern(text)
    assert isinstance(bad, BadName)
    assert bad.text == text
    assert bad.reason.startswith(reason)


@pytest.mark.rfc(8461, "4.1")
@pytest.mark.parametrize(
    ("pattern", "host", "matches"),
    [
        ("mx.example.com", "mx.example.com", True),
        ("mx.example.com", "MX.Example.COM.", True),
        ("MX.example.com", "mx.example.com", True),
        ("mx.example.com", "mx2.example.com", False),
        ("mx.example.com", "a.mx.example.com", False),
        ("example.com", "mx.example.com", False),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "A.Example.COM.", True),
        ("*.example.com", "_a.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "aexample.com", False),
        ("*.example.com", "com", False),
        ("*.com", "example.com", True),
        ("*.bcher.example", "xn--a.bcher.example", True),
        ("xn--bcher-kva.example", "bücher.example", True),
    ],
)
def test_matching(pattern, host, matches):
    parsed, name = parse_pattern(pattern), parse_host(host)
    assert isinstance(parsed, MxPattern)
    assert isinstance(name, HostName)
    assert parsed.matches(name) is matches


def test_megabytes_are_refused_at_once():
    started = time.process_time()
    for text in ("*." * 5_000_000, "a" * 10_000_000, "é" * 10_000_000, "*." + "\0" * 10_000_000):
        assert len(parse_pattern(text).text) < 2000
    assert time.process_time() - started < 1


@given(st.one_of(st.text(), st.text("*.a-_0é\ud800\0", max_size=30)))
def test_any_text_round_trips_or_is_refused(text):
    match parse_pattern(text):
        case BadName(reason=reason):
            assert reason
        case MxPattern() as pattern:
            assert parse_pattern(str(pattern)) == pattern
            assert str(pattern) == text.lower()


@given(st.from_regex(r"\A([a-z]\.){0,3}[a-z]\Z"), st.from_regex(r"\A([a-z]\.){0,3}[a-z]\Z"))
def test_a_star_is_one_label(suffix, name):
    pattern = parse_pattern(f"*.{suffix}")
    assert pattern.matches(parse_host(name)) == (name.split(".")[1:] == suffix.split("."))
