"""Words of the supervisor, and who is woken by them."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterator

import pytest

from tlswitness.hooks.host.control import Control
from tlswitness.hooks.host.order import DRAIN, STOP


class Listening:
    def __init__(self) -> None:
        self.control = Control()
        self.theirs, self.ours = os.pipe()
        self.thread = threading.Thread(target=self.control.listen, args=(self.theirs,))
        self.thread.start()

    def end(self) -> None:
        self.control.over()
        self.thread.join(10)
        assert not self.thread.is_alive()
        os.close(self.theirs)
        if self.ours >= 0:
            os.close(self.ours)


@pytest.fixture
def listening() -> Iterator[Listening]:
    made = Listening()
    yield made
    made.end()


def woken(control: Control, seconds: float = 10.0) -> bool:
    return bool(select.select(control.fds, (), (), seconds)[0])


def test_nothing_said_nothing_done(listening: Listening) -> None:
    assert not woken(listening.control, 0.0)
    assert listening.control.rest(0.01)


def test_stop(listening: Listening) -> None:
    os.write(listening.ours, STOP)
    assert woken(listening.control)
    assert listening.control.stopping


def test_the_end_of_the_supervisor_is_a_stop(listening: Listening) -> None:
    os.close(listening.ours)
    listening.ours = -1
    assert woken(listening.control)
    assert listening.control.stopping


def test_drain_then_stop_also_in_pieces(listening: Listening) -> None:
    os.write(listening.ours, DRAIN)
    assert woken(listening.control)
    assert (listening.control.draining, listening.control.stopping) == (True, False)
    assert listening.control.rest(0.01), "who waits for another try waits on"
    os.write(listening.ours, STOP[:2])
    os.write(listening.ours, STOP[2:])
    deadline = time.monotonic() + 10
    while not listening.control.stopping and time.monotonic() < deadline:
        listening.control.rest(0.05)
    assert listening.control.stopping


def test_a_wait_ends_with_the_stop(listening: Listening) -> None:
    timer = threading.Timer(0.05, os.write, (listening.ours, STOP))
    timer.start()
    start = time.monotonic()
    assert not listening.control.rest(60.0)
    assert time.monotonic() - start < 10
    timer.join()
