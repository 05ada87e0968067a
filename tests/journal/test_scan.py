"""One segment: what is whole is read, what is torn waits or is skipped, what is damaged costs what it covers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.journal.support import FINDINGS, entries, finding

from tlswitness.journal import scan as module
from tlswitness.journal.names import segments
from tlswitness.journal.scan import Scan
from tlswitness.journal.settings import JournalSettings
from tlswitness.journal.writer import Writer


@pytest.fixture
def written(settings):
    """A closed segment of 100 sessions, the last 50 in a batch with a position; its name."""
    writer = Writer(settings, "a")
    writer.append(entries(range(50)))
    writer.append(entries(range(50, 100)), source="log", position="p")
    writer.close()
    (name,) = segments(settings.directory)
    return name


def scanned(settings, name, offset=0, limit=7, **more):
    scan = Scan(settings.directory, name, offset)
    rows = []
    while found := scan.read(limit, **more):
        rows += found
    scan.close()
    return scan, [(epoch, seen) for epoch, seen, _, _ in rows], rows


def edit(settings, name, change):
    file = settings.directory / name.file
    file.write_bytes(change(file.read_bytes()))


def test_all_of_it(settings, written):
    scan, found, _ = scanned(settings, written)
    assert found == entries(range(100))
    assert scan.ended is not None
    assert not scan.ended.cut
    assert [(mark.serial, mark.source, mark.position) for mark in scan.marks] == [(1, "log", "p")]
    assert (scan.damaged, scan.lost) == (0, 0)


def test_from_each_session_on(settings, written):
    _, _, rows = scanned(settings, written)
    for number, (_, _, start, end) in enumerate(rows):
        assert scanned(settings, written, start)[1] == entries(range(number, 100))
        assert scanned(settings, written, end)[1] == entries(range(number + 1, 100))


def test_from_within_a_line_on_one_begins_at_the_next(settings, written):
    _, _, rows = scanned(settings, written)
    assert scanned(settings, written, rows[10][2] + 3)[1] == entries(range(11, 100))
    assert scanned(settings, written, 10**9)[1] == []


def test_a_segment_that_grows_shows_what_is_whole(settings, written):
    octets = (settings.directory / written.file).read_bytes()
    for size in [*range(0, len(octets), 13), len(octets) - 1]:
        edit(settings, written, lambda _, size=size: octets[:size])
        scan = Scan(settings.directory, written)
        first = scan.read(1000)
        edit(settings, written, lambda _: octets)
        rest = scan.read(1000)
        assert [(epoch, seen) for epoch, seen, _, _ in first + rest] == entries(range(100))
        assert len(first) <= 50 or len(first) == 100, "a batch with a position shows as a whole"
        assert not scan.damaged
        scan.close()


def test_a_damaged_session_costs_itself(settings, written):
    edit(settings, written, lambda octets: octets.replace(b"\n1746712867 4", b"\n1746712866 4"))
    scan, found, _ = scanned(settings, written)
    assert found == [entry for entry in entries(range(100)) if entry[0] != 1_746_712_867]
    (damage,) = scan.take_damages()
    assert "checksum" in str(damage)
    assert written.file in str(damage)
    assert not scan.take_damages()


def test_a_damaged_finding_costs_its_sessions(settings, written):
    edit(settings, written, lambda octets: octets.replace(b"d3.example", b"d4.example"))
    scan, found, _ = scanned(settings, written)
    assert found == [entry for entry in entries(range(100)) if entry[1] != FINDINGS[3]]
    assert (scan.damaged, scan.lost) == (11, 10)


def test_a_damaged_first_line_costs_nothing_else(settings, written):
    edit(settings, written, lambda octets: b"x" + octets[1:])
    scan, found, _ = scanned(settings, written)
    assert found == entries(range(100))
    assert scan.damaged == 1


def test_damage_within_a_batch_that_was_whole_once_costs_its_line(settings, written):
    edit(settings, written, lambda octets: octets.replace(b"\n1746712930 ", b"\n1746712931 "))
    scan, found, _ = scanned(settings, written)
    assert found == [entry for entry in entries(range(100)) if entry[0] != 1_746_712_930]
    assert [mark.position for mark in scan.marks] == ["p"]


def test_a_batch_that_was_never_whole_is_void(settings, written):
    # As the loss of power leaves it: no last line, and a hole in the batch.
    def change(octets):
        hole = octets.index(b"\n1746712930 ")
        return octets[:hole] + b"\0" * 60 + octets[hole + 60 : octets.rindex(b"\n. ") + 1]

    edit(settings, written, change)
    scan, found, _ = scanned(settings, written)
    assert found == entries(range(50))
    assert not scan.marks
    assert scan.damaged == 2, "the batch and the hole in it"


def test_what_is_no_line_is_stepped_over(settings, written, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 64)
    monkeypatch.setattr(module, "MAX_LINE", 512)

    def change(octets):
        at = octets.index(b"\n1746712890 ") + 1
        return octets[:at] + b"x" * 2000 + b"\n" + octets[at:]

    edit(settings, written, change)
    scan, found, _ = scanned(settings, written)
    assert found == entries(range(100))
    assert scan.damaged >= 3


def test_lines_longer_than_what_is_read_at_once(settings, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 64)
    long = finding(1, receiving_mx_helo="x" * 5000)
    writer = Writer(settings, "a")
    writer.append([(5, long), (6, FINDINGS[0]), (7, long)])
    writer.close()
    (name,) = segments(settings.directory)
    assert scanned(settings, name)[1] == [(5, long), (6, FINDINGS[0]), (7, long)]


def test_what_is_remembered_is_bounded(settings, written, monkeypatch):
    monkeypatch.setattr(module, "MAX_KNOWN", 5)
    monkeypatch.setattr(module, "MAX_UNTOLD", 3)
    edit(settings, written, lambda octets: octets.replace(b"d3.example", b"d4.example"))
    scan, found, _ = scanned(settings, written)
    assert len(found) == 90
    assert len(scan.take_damages()) == 3


@given(st.data())
def test_whatever_happens_to_the_octets_nothing_false_is_read(tmp_path_factory, data):
    settings = JournalSettings(directory=tmp_path_factory.mktemp("j"))
    writer = Writer(settings, "a")
    writer.append(entries(range(20)))
    writer.append(entries(range(20, 30)), source="log", position="p")
    writer.close()
    (name,) = segments(settings.directory)
    octets = bytearray((settings.directory / name.file).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(octets) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert", "drop"])):
            case "flip":
                octets[at] ^= data.draw(st.integers(1, 255))
            case "cut":
                del octets[max(at, 1) :]
            case "insert":
                octets[at:at] = data.draw(st.binary(min_size=1, max_size=30))
            case "drop":
                del octets[at : at + data.draw(st.integers(1, 50))]
        if not octets:
            octets = bytearray(b"\n")
    (settings.directory / name.file).write_bytes(octets)
    _, found, _ = scanned(settings, name)
    left = entries(range(30))
    for entry in found:  # a part of what was written, in its order
        assert entry in left
        del left[: left.index(entry) + 1]
