"""How far a module is behind."""

from __future__ import annotations

from tlswitness.hooks.standing import Standing


def test_behind_counts_what_is_not_told() -> None:
    standing = Standing(cursor={"a": 10, "b": 30}, finished=frozenset({"b"}))
    assert standing.behind({"a": 25, "b": 31, "c": 7, "d": 0}) == 15 + 7
    assert standing.behind({"a": 5}) == 0, "shorter than before: the loss of power"
    assert standing.behind({}) == 0


def test_nothing_is_known_of_a_module_that_never_ran() -> None:
    assert Standing().behind({"a": 5}) == 5
    assert Standing().counts.calls == 0
