"""All segments from a cursor on, as they grow."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.journal.support import drained, entries, finding

from tlswitness.journal import reader as module
from tlswitness.journal.names import segments
from tlswitness.journal.reader import Reader
from tlswitness.journal.scan import Scan
from tlswitness.journal.settings import Fsync, JournalSettings
from tlswitness.journal.writer import Writer


def read_all(reader):
    found = []
    while chunks := reader.read():
        found += [(epoch, seen) for chunk in chunks for epoch, seen, _, _ in chunk.sessions]
    return found


def test_chains_are_read_side_by_side_each_in_its_order(settings):
    small = replace(settings, segment_bytes=2000)
    writers = [Writer(small, chain) for chain in ("a", "b", "c")]
    for number in range(300):
        writers[number % 3].append(entries([number]))
    for writer in writers:
        writer.close()
    found = drained(settings.directory, limit=10)
    assert sorted(epoch for epoch, _ in found) == [epoch for epoch, _ in entries(range(300))]
    for chain in range(3):
        own = [epoch for epoch, _ in found if (epoch - entries([0])[0][0]) % 3 == chain]
        assert own == sorted(own)


@given(st.lists(st.integers(1, 40), max_size=30), st.integers(1, 20))
def test_a_cursor_goes_on_where_it_stood(tmp_path_factory, steps, limit):
    settings = JournalSettings(directory=tmp_path_factory.mktemp("j"), segment_bytes=900)
    writer = Writer(settings, "a")
    cursor: dict[str, int] = {}
    found = []
    written = 0
    for step in steps:
        writer.append(entries(range(written, written + step)))
        written += step
        with Reader(settings.directory, cursor) as reader:
            for chunk in reader.read(limit):
                found += [(epoch, seen) for epoch, seen, _, _ in chunk.sessions]
                cursor[chunk.segment] = chunk.end
    found += drained(settings.directory, cursor)
    writer.close()
    assert found == entries(range(written))


def test_new_points_wake_a_reader_that_waits(settings):
    with Reader(settings.directory, {}) as reader:
        assert reader.read() == []
        assert reader.at_end
        writer = Writer(settings, "a")
        for number in range(20):
            timer = threading.Timer(0.005, writer.append, [entries([number])])
            timer.start()
            found = []
            while not found:
                reader.wait(30)
                found = read_all(reader)
            assert found == entries([number])
            timer.join()
        writer.close()


def test_a_finished_segment_is_told(settings):
    writer = Writer(settings, "a")
    writer.append(entries([1]))
    with Reader(settings.directory, {}) as reader:
        assert [chunk.finished for chunk in reader.read()] == [False]
        assert reader.read() == []
        writer.close()
        ends = [(chunk.finished, chunk.sessions) for _ in range(3) for chunk in reader.read()]
        assert ends[-1] == (True, [])
        assert reader.read() == []


def test_a_writer_that_was_killed_is_noticed(settings):
    code = (
        "import os, sys; from pathlib import Path; from tests.journal.support import entries;"
        "from tlswitness.journal.writer import Writer; from tlswitness.journal.settings import JournalSettings;"
        "w = Writer(JournalSettings(directory=Path(sys.argv[1])), 'a'); w.append(entries(range(5)));"
        "os.write(w._segment.fd, b'174671'); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(settings.directory)], check=False)
    assert done.returncode == -9
    with Reader(settings.directory, {}) as reader:
        (chunk,) = reader.read()
        assert [(epoch, seen) for epoch, seen, _, _ in chunk.sessions] == entries(range(5))
        (chunk,) = reader.read()
        assert (chunk.finished, chunk.sessions) == (True, [])
        assert reader.read() == []
        assert reader.damaged == 0


def test_durable_reads_only_what_is_on_the_disk(settings):
    writer = Writer(settings, "a")
    writer.append(entries(range(5)))
    synced = []
    with Reader(settings.directory, {}, durable=True, sync=lambda fd: synced.append(os.fstat(fd).st_size)) as reader:
        assert read_all(reader) == entries(range(5))
        assert synced == [next(settings.directory.glob("*.seg")).stat().st_size]
        reader.read()
        assert len(synced) == 1
        writer.append(entries([5]))
        assert read_all(reader) == entries([5])
        assert len(synced) == 2
    writer.close()


def test_more_chains_than_can_be_open(settings, monkeypatch):
    monkeypatch.setattr(module, "MAX_OPEN", 3)
    writers = [Writer(settings, f"w{number}") for number in range(12)]
    for number, writer in enumerate(writers):
        writer.append(entries([number]))
    with Reader(settings.directory, {}) as reader:
        assert sorted(read_all(reader)) == sorted(entries(range(12)))
        assert len(reader._open) <= 3
        for number, writer in enumerate(writers):  # all still live
            writer.append(entries([100 + number]))
        found = []
        deadline = time.monotonic() + 30
        while len(found) < 12 and time.monotonic() < deadline:
            reader.wait(5)
            found += read_all(reader)
        assert sorted(found) == sorted(entries(range(100, 112)))
    for writer in writers:
        writer.close()


def test_more_living_writers_than_can_be_open_leave_time_to_sleep(settings, monkeypatch):
    monkeypatch.setattr(module, "MAX_OPEN", 3)
    writers = [Writer(replace(settings, fsync=Fsync.NEVER), f"w{number}") for number in range(12)]
    for number, writer in enumerate(writers):
        writer.append(entries([number]))
    with Reader(settings.directory, {}) as reader:
        assert len(read_all(reader)) == 12
        while True:
            begun = time.monotonic()
            reader.wait(0.2)
            assert not read_all(reader)
            if time.monotonic() - begun >= 0.2:
                break
        assert reader.at_end
    for writer in writers:
        writer.close()


def test_a_busy_chain_keeps_no_other_one_waiting(settings, monkeypatch):
    monkeypatch.setattr(module, "MAX_OPEN", 2)
    writers = [Writer(settings, f"w{number}") for number in range(4)]
    writers[0].append(entries(range(1000)))
    for number, writer in enumerate(writers[1:]):
        writer.append(entries([2000 + number]))
    with Reader(settings.directory, {}) as reader:
        found = [chunk for _ in range(10) for chunk in reader.read(10)]
        assert len({chunk.segment for chunk in found}) == 4
    for writer in writers:
        writer.close()


@pytest.mark.parametrize("each_has", [5, 20, 30])
def test_what_is_held_in_memory_is_bounded(settings, monkeypatch, each_has):
    monkeypatch.setattr(module, "MAX_FINDINGS", 25)
    writers = [Writer(settings, f"w{number}") for number in range(4)]
    for each, writer in enumerate(writers):
        writer.append([(each * 1000 + number, finding(number)) for number in range(each_has)] * 3)
    with Reader(settings.directory, {}) as reader:
        found = []
        while chunks := reader.read(10):
            found += [epoch for chunk in chunks for epoch, _, _, _ in chunk.sessions]
            assert len(reader._open) == 1 or sum(chain.scan.findings for chain in reader._open) < 25
    for each in range(4):
        own = [epoch for epoch in found if epoch // 1000 == each]
        assert own == [each * 1000 + number for number in range(each_has)] * 3
    for writer in writers:
        writer.close()


def test_what_has_been_read_is_not_read_again(settings, monkeypatch):
    small = replace(settings, segment_bytes=3000)
    writer = Writer(small, "a")
    for number in range(300):
        writer.append(entries([number]))
    writer.close()
    cursor = {}
    drained(settings.directory, cursor)
    assert len(cursor) > 3
    monkeypatch.setattr(Scan, "_lines_before", None)
    assert drained(settings.directory, cursor) == []


def test_segments_that_are_removed_meanwhile_are_skipped(settings):
    small = replace(settings, segment_bytes=500)
    writer = Writer(small, "a")
    writer.append(entries(range(5)))
    writer.append(entries(range(5, 10)))
    writer.append(entries(range(10, 15)))
    writer.close()
    names = segments(settings.directory)
    assert len(names) == 3
    with Reader(settings.directory, {names[1].id: 5}) as reader:
        reader._look()
        (settings.directory / names[1].file).unlink()
        assert read_all(reader) == entries([*range(5), *range(10, 15)])


def test_damages_are_told_once(settings, only_segment):
    writer = Writer(settings, "a")
    writer.append(entries(range(20)))
    writer.close()
    only_segment().write_bytes(only_segment().read_bytes().replace(b"\n1746712870 ", b"\n1746712871 "))
    with Reader(settings.directory, {}) as reader:
        assert len(read_all(reader)) == 19
        assert reader.damaged == 1
        assert len(reader.take_damages()) == 1
        assert reader.take_damages() == []


def test_positions_that_nobody_asks_for_are_not_kept(settings):
    writer = Writer(settings, "a")
    for number in range(100):
        writer.append(entries([number]), source="log", position=str(number))
    with Reader(settings.directory, {}) as reader:
        assert sum(len(chunk.sessions) for chunk in reader.read()) == 100
        (chain,) = reader._open
        assert not chain.scan.marks
    writer.close()
