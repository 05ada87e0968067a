"""From producers to the journal: never in their way, whatever the disk does."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from dataclasses import replace

import pytest
from tests.journal.support import FINDINGS, drained, entries, finding, in_child

from tlswitness.journal import sink as module
from tlswitness.journal.segment import WriteFailed
from tlswitness.journal.sink import JournalSink
from tlswitness.journal.writer import Writer


class Stubborn:
    """A writer that refuses as long as a test wants, and takes a few of each batch then."""

    def __init__(self, writer=None, take=10**9):
        self.writer = writer
        self.take = take
        self.refuse = threading.Event()
        self.tried = threading.Semaphore(0)
        self.error: Exception = WriteFailed(OSError(errno.ENOSPC, "No space left on device"), 0)

    def append(self, batch):
        self.tried.release()
        if self.refuse.is_set():
            raise self.error
        self.writer.append(batch[: self.take])
        if len(batch) > self.take:
            raise WriteFailed(OSError(errno.ENOSPC, "No space left on device"), self.take)

    def close(self):
        if self.writer:
            self.writer.close()


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(module, "RETRY_FIRST", 0.001)


def points(numbers):
    return [finding.at(epoch) for epoch, finding in entries(numbers)]


def test_all_points_in_their_order(settings):
    sink = JournalSink(Writer(settings, "a"))
    for point in points(range(5000)):
        sink.submit(point)
    assert sink.close()
    assert drained(settings.directory) == entries(range(5000))
    assert (sink.counters().written, sink.counters().dropped, sink.counters().pending) == (5000, 0, 0)
    sink.submit(points([1])[0])
    assert sink.counters().dropped == 1


def test_a_point_is_there_a_moment_later(settings):
    sink = JournalSink(Writer(settings, "a"))
    for number in range(20):
        sink.submit(points([number])[0])
        while sink.counters().pending:
            pass
        assert drained(settings.directory)[-1] == entries([number])[0]
    sink.close()


def test_without_points_nothing_is_opened(settings):
    sink = JournalSink(Writer(settings, "a"))
    assert sink.close()
    assert not list(settings.directory.iterdir())


def test_points_wait_for_a_disk_that_refuses_and_what_is_taken_is_not_written_twice(settings, caplog):
    stubborn = Stubborn(Writer(settings, "a"), take=7)
    stubborn.refuse.set()
    sink = JournalSink(stubborn)
    with caplog.at_level(logging.ERROR):
        for point in points(range(1000)):
            sink.submit(point)
        for _ in range(4):
            assert stubborn.tried.acquire(timeout=10)
    assert sink.counters().pending == 1000
    assert "No space left" in sink.counters().failing
    assert len(caplog.records) == 1
    assert "points wait, 0 are lost" in caplog.text
    stubborn.refuse.clear()
    assert sink.close()
    assert drained(settings.directory) == entries(range(1000))


def test_when_no_more_can_wait_the_newest_are_dropped_and_counted():
    stubborn = Stubborn()
    stubborn.refuse.set()
    sink = JournalSink(stubborn, limit=10)
    for point in points(range(25)):
        sink.submit(point)
    assert sink.counters().dropped == 15
    assert sink.counters().pending == 10
    sink.close()
    assert sink.counters().dropped == 25


def test_closing_does_not_wait_for_ever(caplog):
    stuck = threading.Event()

    class Stuck:
        def append(self, batch):
            stuck.wait(30)

        def close(self):
            raise AssertionError("it is still writing")

    sink = JournalSink(Stuck())
    sink.submit(points([1])[0])
    with caplog.at_level(logging.ERROR):
        assert not sink.close(0.05)
    assert "could not be written" in caplog.text
    stuck.set()
    sink._thread.join()


def test_a_fault_of_ours_ends_nothing(settings):
    stubborn = Stubborn(Writer(settings, "a"))
    stubborn.error = ZeroDivisionError("oh")
    stubborn.refuse.set()
    sink = JournalSink(stubborn)
    sink.submit(points([1])[0])
    for _ in range(3):
        assert stubborn.tried.acquire(timeout=10)
    assert "ZeroDivisionError" in sink.counters().failing
    stubborn.refuse.clear()
    assert sink.close()
    assert drained(settings.directory) == entries([1])


def test_findings_are_remembered_within_bounds(settings, monkeypatch):
    monkeypatch.setattr(module, "MAX_FINDINGS", 3)
    sink = JournalSink(Writer(replace(settings), "a"))
    for _ in range(2):
        for each in FINDINGS:
            sink.submit(each.at(5))
    assert sink.close()
    assert drained(settings.directory) == [(5, each) for each in FINDINGS] * 2
    assert len(sink._findings) <= 3


def test_a_forked_process_has_a_thread_and_a_chain_of_its_own(settings):
    sink = JournalSink(Writer(settings, "a"))
    sink.submit(finding(1).at(1))
    until_written(sink, 1)

    def work():
        sink.submit(finding(2).at(2))
        until_written(sink, 1)
        os._exit(0 if sink.close() else 1)

    child = in_child(work)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    sink.submit(finding(3).at(3))
    assert sink.close()
    found = {(epoch, seen.point.policy.policy_domain) for epoch, seen in drained(settings.directory)}
    assert found == {(1, "d1.example"), (2, "d2.example"), (3, "d3.example")}


def until_written(sink, count):
    end = time.monotonic() + 10
    while sink.counters().written < count:
        assert time.monotonic() < end
        time.sleep(0.005)
