from __future__ import annotations

from tlswitness.lab.fakes import VirtualClock
from tlswitness.memory.recently import Recently


def test_a_key_is_admitted_once_in_the_period() -> None:
    clock = VirtualClock()
    recently = Recently[str](clock, 300)
    assert recently.admit("a")
    assert recently.admit("b")
    clock.advance(299)
    assert not recently.admit("a")
    clock.advance(1)
    assert recently.admit("a")


def test_a_key_can_be_forgotten() -> None:
    recently = Recently[str](VirtualClock(), 300)
    recently.mark("a")
    recently.forget("a")
    recently.forget("a")
    assert "a" not in recently


def test_what_is_old_makes_room_and_what_is_too_much_too() -> None:
    clock = VirtualClock()
    recently = Recently[int](clock, 300, limit=3)
    for key in range(10):
        recently.mark(key)
    assert [key in recently for key in range(10)] == [False] * 7 + [True] * 3
    clock.advance(300)
    recently.mark(10)
    assert len(recently) == 1


def test_a_clock_that_is_set_back_does_not_prolong() -> None:
    clock = VirtualClock()
    recently = Recently[str](clock, 300)
    recently.mark("a")
    clock.advance(-86_400)
    assert "a" not in recently
