"""The order of MXs."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.delivery.hosts import MAX_HOSTS, in_order
from tlswitness.names import HostName, parse_host


def mx(text):
    return parse_host(text)


def names(hosts):
    return [host.text for host in hosts.names]


def test_the_best_preference_comes_first():
    records = [(20, mx("b.example")), (10, mx("a.example")), (30, mx("c.example"))]
    assert names(in_order(records, (), random.Random(1))) == ["a.example", "b.example", "c.example"]


@pytest.mark.parametrize(
    ("records", "by_chance"),
    [
        ([(10, "a.example"), (20, "b.example")], False),
        ([(10, "a.example"), (10, "b.example")], True),
        ([(10, "a.example"), (20, "us.example"), (20, "b.example")], False),
        ([], False),
    ],
)
def test_it_is_known_whether_chance_decides(records, by_chance):
    pairs = [(preference, mx(name)) for preference, name in records]
    assert in_order(pairs, [mx("us.example")], random.Random(1)).by_chance is by_chance


def test_equal_preferences_take_turns():
    records = [(10, mx("a.example")), (10, mx("b.example"))]
    first = {names(in_order(records, (), random.Random(seed)))[0] for seed in range(20)}
    assert first == {"a.example", "b.example"}  # RFC 5321 section 5.1: randomly, to spread the load


@pytest.mark.parametrize(
    ("records", "left", "own"),
    [
        ([(10, "a.example"), (20, "us.example"), (30, "c.example")], ["a.example"], "us.example"),
        ([(10, "us.example"), (20, "b.example")], [], "us.example"),
        ([(10, "US.Example"), (10, "b.example")], [], "US.Example"),
        ([(10, "a.example"), (20, "us.example"), (20, "b.example")], ["a.example"], "us.example"),
        ([(30, "us.example"), (20, "we.example"), (10, "a.example")], ["a.example"], "we.example"),
    ],
)
def test_the_list_ends_at_ourselves(records, left, own):
    records = [(preference, mx(name)) for preference, name in records]
    hosts = in_order(records, {mx("us.example"), mx("we.example")}, random.Random(1))
    assert (names(hosts), hosts.own.text) == (left, own)


@pytest.mark.rfc(8461, "8.4")
def test_an_invalid_mx_keeps_its_place():
    records = [(10, mx("not a name")), (20, mx("b.example"))]
    assert names(in_order(records, (), random.Random(1))) == ["not a name", "b.example"]


def test_a_host_is_tried_once():
    records = [(10, mx("a.example")), (20, mx("A.EXAMPLE")), (30, mx("b.example"))]
    assert [host.key for host in in_order(records, (), random.Random(1)).names] == ["a.example", "b.example"]


def test_there_is_a_limit():
    records = [(number, mx(f"mx{number}.example")) for number in range(200)]
    assert names(in_order(records, (), random.Random(1))) == [f"mx{number}.example" for number in range(MAX_HOSTS)]
    assert in_order(records, (), random.Random(1)).more
    assert not in_order(records[:MAX_HOSTS], (), random.Random(1)).more


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["a.example", "b.example", "us.example", "-"]))))
def test_nobody_worse_than_ourselves_is_left(records):
    us = HostName("us.example", "us.example")
    records = [(preference, mx(name)) for preference, name in records]
    hosts = in_order(records, {us}, random.Random(1))
    ours = [preference for preference, name in records if name == us]
    best = {name: min(p for p, other in records if other == name) for name in hosts.names}
    assert us not in hosts.names
    assert not ours or all(preference < min(ours) for preference in best.values())
    assert [best[name] for name in hosts.names] == sorted(best.values())
