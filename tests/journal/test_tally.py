"""Counting gives what reading one by one gives."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.journal.support import FINDINGS, entries, finding

from tlswitness.journal import tally as module
from tlswitness.journal.names import segments
from tlswitness.journal.scan import Scan
from tlswitness.journal.settings import JournalSettings
from tlswitness.journal.tally import DAY, Tally
from tlswitness.journal.writer import Writer

batches = st.lists(
    st.tuples(st.booleans(), st.lists(st.tuples(st.integers(0, 5 * DAY), st.integers(0, 9)), max_size=30)), max_size=8
)


def counted(settings, name, offset=0, size=None):
    tally = Tally(settings.directory, name, offset)
    counts = Counter()
    for count in tally.count(size):
        counts[count.day, count.finding] += count.sessions
    tally.close()
    return counts, tally


def one_by_one(settings, name, offset=0):
    scan = Scan(settings.directory, name, offset)
    counts = Counter()
    while rows := scan.read(100):
        counts.update((epoch // DAY, seen) for epoch, seen, _, _ in rows)
    scan.close()
    return counts, scan


def write(settings, batches):
    writer = Writer(settings, "a")
    writer.append(entries([0]))
    for number, (marked, batch) in enumerate(batches):
        found = [(epoch, FINDINGS[seen]) for epoch, seen in batch]
        writer.append(found, **({"source": "log", "position": str(number)} if marked else {}))
    writer.close()
    return segments(settings.directory)[-1]


@given(batches, st.integers(64, 400))
def test_the_counts_are_those_of_all_sessions(tmp_path_factory, batches, piece):
    settings = JournalSettings(directory=tmp_path_factory.mktemp("j"))
    name = write(settings, batches)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PIECE", 2**20)
        counts, tally = counted(settings, name)
        patch.setattr(module, "PIECE", 4 * piece)
        assert counted(settings, name)[0] == counts
    naive, scan = one_by_one(settings, name)
    assert counts == naive
    assert [mark.serial for mark in tally.marks] == [mark.serial for mark in scan.marks]
    assert tally.offset == scan.offset


@given(st.data())
def test_whatever_happens_to_the_octets_both_agree(tmp_path_factory, data):
    settings = JournalSettings(directory=tmp_path_factory.mktemp("j"))
    name = write(settings, [(False, [(number, number % 10) for number in range(30)]), (True, [(5, 5)] * 5)])
    file = settings.directory / name.file
    octets = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
    if data.draw(st.booleans()):
        del octets[data.draw(st.integers(1, len(octets))) :]
    file.write_bytes(octets)
    (counts, tally), (naive, scan) = counted(settings, name), one_by_one(settings, name)
    assert counts == naive
    assert tally.offset == scan.offset
    assert tally.damaged == scan.damaged
    assert tally.lost == scan.lost


def test_on_from_each_offset(settings):
    name = write(settings, [(number % 2 == 0, [(number, 1), (number, 2)]) for number in range(20)])
    scan = Scan(settings.directory, name)
    rows = scan.read(1000)
    scan.close()
    for _, _, start, end in rows:
        for offset in (start, end):
            assert counted(settings, name, offset)[0] == one_by_one(settings, name, offset)[0]


def test_a_growing_segment_is_counted_once(settings):
    writer = Writer(settings, "a")
    writer.append(entries(range(10)))
    (name,) = segments(settings.directory)
    tally = Tally(settings.directory, name)
    assert sum(count.sessions for count in tally.count()) == 10
    assert tally.count() == []
    writer.append([(5, finding(77)), *entries(range(10))])
    assert sum(count.sessions for count in tally.count()) == 11
    writer.close()
    assert tally.count() == []
    assert tally.ended is not None
    tally.close()


def test_a_line_without_end(settings, monkeypatch):
    monkeypatch.setattr(module, "MAX_LINE", 1000)
    monkeypatch.setattr(module, "PIECE", 1000)
    name = write(settings, [])
    file = settings.directory / name.file
    file.write_bytes(file.read_bytes()[:-11] + b"x" * 5000)
    counts, tally = counted(settings, name)
    assert sum(counts.values()) == 1
    assert tally.damaged == 5
