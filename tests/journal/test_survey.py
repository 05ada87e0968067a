"""What a journal holds, told without changing it."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.journal.support import entries

from tlswitness.journal.names import segments
from tlswitness.journal.recover import recover
from tlswitness.journal.survey import State, contents, last_points, stored
from tlswitness.journal.writer import Writer


def closed(settings, chain, numbers):
    writer = Writer(settings, chain)
    for number in numbers:
        writer.append(entries([number]))
    writer.close()


def leave(settings, chain):
    writer = Writer(settings, chain)
    writer.append(entries(range(3)))
    segment = writer._segment
    writer._segment = None
    segment.abandon()
    writer.close()


def test_how_segments_stand(settings):
    leave(settings, "recovered")
    recover(settings.directory)
    leave(settings, "left")
    closed(settings, "closed", range(3))
    live = Writer(settings, "live")
    live.append(entries(range(3)))
    states = {each.name.chain: each.state for each in stored(settings.directory)}
    assert states == {state.value: state for state in State}
    live.close()
    assert stored(settings.directory / "none") == []


def test_what_is_in_them(settings):
    closed(settings, "a", range(25))
    leave(settings, "b")
    (a, b) = segments(settings.directory)
    file = settings.directory / a.file
    file.write_bytes(file.read_bytes().replace(b"d3.example", b"d4.example"))
    with (settings.directory / b.file).open("ab") as torn:
        torn.write(b"17467")
    told = []
    first, second = contents(settings.directory, [a, b], told.append)
    assert (first.points, first.findings, first.damaged, first.lost, first.torn) == (22, 9, 4, 3, 0)
    assert len(first.damages) == 4
    assert (second.points, second.damaged, second.torn) == (3, 0, 5)
    assert told == [(settings.directory / name.file).stat().st_size for name in (a, b)]
    file.unlink()
    assert len(list(contents(settings.directory, [a, b], told.append))) == 1


def test_the_last_points(settings):
    small = replace(settings, segment_bytes=2000)
    closed(small, "a", range(0, 200, 2))
    closed(small, "b", range(1, 200, 2))
    for wanted in (0, 1, 3):
        found = list(last_points(settings.directory, stored(settings.directory), wanted))
        assert [epoch for epoch, _ in found] == sorted(epoch for epoch, _ in found)
        assert len(found) == wanted
    everything = list(last_points(settings.directory, stored(settings.directory), 10_000, limit=100))
    assert [epoch for epoch, _ in everything] == [epoch for epoch, _ in entries(range(200))]
    assert json.loads(everything[0][1])["epoch"] == everything[0][0]
