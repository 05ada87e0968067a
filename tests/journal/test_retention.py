"""What goes, what stays, and who is told that it went too early."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from tests.journal.support import drained, entries

from tlswitness.journal.names import segments
from tlswitness.journal.positions import read_positions
from tlswitness.journal.retention import retire
from tlswitness.journal.writer import Writer

DAY = 86_400
NOW = 2_000_000_000.0


@pytest.fixture
def month(settings):
    """A segment for each of 40 days up to NOW; the names, the oldest first."""
    for day in range(40):
        at = NOW - (39 - day) * DAY
        writer = Writer(settings, "a", clock=lambda at=at: at)
        writer.append(entries([day]), source="log", position=str(day))
        writer.close()
        name = segments(settings.directory)[-1]
        os.utime(settings.directory / name.file, (at, at))
    return segments(settings.directory)


def sizes(settings):
    return [(settings.directory / name.file).stat().st_size for name in segments(settings.directory)]


def ends(settings, names):
    return {name.id: (settings.directory / name.file).stat().st_size for name in names}


def test_what_is_old_goes(settings, month):
    retired = retire(settings, {}, NOW)
    assert retired.segments == month[:9]
    assert retired.missed == {}
    assert segments(settings.directory) == month[9:]
    assert retire(settings, {}, NOW).segments == []


def test_but_not_before_each_consumer_has_read_it(settings, month):
    done = ends(settings, month)
    behind = {segment: end for segment, end in done.items() if segment not in {month[3].id, month[20].id}}
    assert retire(settings, {"fast": done, "slow": behind}, NOW).segments == month[:3] + month[4:9]
    partly = behind | {month[3].id: 10}
    assert retire(settings, {"slow": partly}, NOW).segments == []
    assert retire(settings, {"slow": done}, NOW).segments == [month[3]]


def test_above_the_limit_the_oldest_go_needed_or_not(settings, month):
    small = replace(settings, max_bytes=sum(sizes(settings)[-5:]))
    retired = retire(small, {"slow": {}, "fast": ends(settings, month)}, NOW)
    assert retired.segments == month[:35]
    assert retired.octets == retired.missed["slow"]
    assert "fast" not in retired.missed


def test_a_segment_that_is_written_to_stays(settings, month):
    writer = Writer(settings, "b", clock=lambda: NOW - 100 * DAY)
    writer.append(entries([1]))
    (name,) = [name for name in segments(settings.directory) if name.chain == "b"]
    os.utime(settings.directory / name.file, (0, 0))
    assert name not in retire(settings, {}, NOW).segments
    writer.close()
    os.utime(settings.directory / name.file, (0, 0))
    assert retire(settings, {}, NOW).segments == [name]


def test_positions_stay(settings, month):
    retire(replace(settings, max_bytes=0), {}, NOW)
    assert segments(settings.directory) == []
    assert read_positions(settings.directory).sources["log"].text == "39"


@pytest.mark.parametrize("step", [DAY, -DAY])
def test_a_clock_that_is_a_day_off_removes_nothing_that_matters(settings, month, step):
    retire(settings, {}, NOW + step)
    assert len(drained(settings.directory)) >= 30
