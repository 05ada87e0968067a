"""A journal that no daemon looks after stays within its bounds all the same."""

from __future__ import annotations

import os
import threading
from dataclasses import replace

import pytest
from tests.journal.support import drained, entries

from tlswitness.journal.lock import LOCK, DirectoryLock
from tlswitness.journal.names import hold, segments
from tlswitness.journal.settings import DAY
from tlswitness.journal.sink import JournalSink
from tlswitness.journal.tidy import EVERY, tidy
from tlswitness.journal.writer import Writer

NOW = 2_000_000_000.0


@pytest.fixture
def old(settings):
    """Segments 20, 33 and 40 days old."""
    for days in (40, 33, 20):
        writer = Writer(settings, "a", clock=lambda days=days: NOW - days * DAY)
        writer.append(entries([days]))
        writer.close()
        name = segments(settings.directory)[-1]
        os.utime(settings.directory / name.file, (NOW - days * DAY,) * 2)
    (settings.directory / LOCK).touch()
    os.utime(settings.directory / LOCK, (0, 0))
    return segments(settings.directory)


def test_what_is_a_week_too_old_goes_once_an_hour(settings, old, caplog):
    assert tidy(settings, NOW).segments == old[:1]
    assert "removed 1 segments" in caplog.text
    assert drained(settings.directory) == entries([33, 20])
    later = NOW + 10 * DAY
    os.utime(settings.directory / LOCK, (later - EVERY + 1,) * 2)
    assert tidy(settings, later) is None
    os.utime(settings.directory / LOCK, (later - EVERY,) * 2)
    assert tidy(settings, later).segments == old[1:2]


def test_what_is_too_much_goes_at_once(settings, old):
    assert len(tidy(replace(settings, max_bytes=0), NOW).segments) == 3


def test_where_a_daemon_runs_it_is_the_daemons_task(settings, old):
    with DirectoryLock(settings.directory):
        os.utime(settings.directory / LOCK, (0, 0))
        assert tidy(settings, NOW) is None
    assert segments(settings.directory) == old


def test_a_daemon_that_starts_meanwhile_waits_for_a_moment(settings):
    fd = os.open(settings.directory / LOCK, os.O_RDWR | os.O_CREAT)
    assert hold(fd)
    release = threading.Timer(0.1, os.close, [fd])
    release.start()
    DirectoryLock(settings.directory).close()
    release.join()


def test_a_sink_has_it_done_behind_its_first_write(settings):
    done = threading.Event()
    sink = JournalSink(Writer(settings, "a"), tidy=done.set)
    for epoch, finding in entries(range(5)):
        sink.submit(finding.at(epoch))
    assert done.wait(10)
    assert sink.close()


def test_what_cannot_be_tidied_is_told_and_no_more(settings, caplog):
    told = threading.Event()

    def tidies():
        told.set()
        raise OSError("no")

    sink = JournalSink(Writer(settings, "a"), tidy=tidies)
    ((epoch, finding),) = entries([1])
    sink.submit(finding.at(epoch))
    assert told.wait(10)
    assert sink.close()
    assert drained(settings.directory) == entries([1])
