"""Waiting longer and longer."""

from __future__ import annotations

from tlswitness.hooks.backoff import Backoff


def test_doubles_up_to_its_most_and_begins_anew() -> None:
    backoff = Backoff(1.0, 5.0)
    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.next() == 1.0


def test_chance_takes_its_part_and_no_more() -> None:
    assert Backoff(8.0, 8.0, jitter=0.5, chance=lambda: 0.0).next() == 8.0
    assert Backoff(8.0, 8.0, jitter=0.5, chance=lambda: 0.5).next() == 6.0
    waits = [Backoff(8.0, 8.0, jitter=0.5).next() for _ in range(100)]
    assert all(4.0 <= wait <= 8.0 for wait in waits)
    assert len(set(waits)) > 1
