"""Segments whose writer died."""

from __future__ import annotations

import os

import pytest
from tests.journal.support import drained, entries

from tlswitness.journal.names import segments
from tlswitness.journal.positions import read_positions
from tlswitness.journal.recover import recover
from tlswitness.journal.writer import Writer


def died(settings, octets=b"", chain="a"):
    """A segment of ten sessions and a batch, as a writer leaves it that was killed; then `octets`. Its file."""
    writer = Writer(settings, chain)
    writer.append(entries(range(10)))
    writer.append(entries(range(10, 20)), source="log", position="1")
    segment = writer._segment
    writer._segment = None
    os.write(segment.fd, octets)
    segment.abandon()
    writer.close()
    return segment.path


def test_a_torn_tail_is_cut_and_told(settings):
    file = died(settings, b"1746712874 1")
    whole = file.stat().st_size - 12
    (recovered,) = recover(settings.directory)
    assert recovered.cut == 12
    assert "cut 12 octets" in str(recovered)
    assert file.name in str(recovered)
    assert file.read_bytes()[whole:].startswith(b"! ")
    assert drained(settings.directory) == entries(range(20))
    assert recover(settings.directory) == []


def test_where_nothing_is_torn_nothing_is_cut(settings):
    died(settings)
    (recovered,) = recover(settings.directory)
    assert "nothing was torn" in str(recovered)


def test_a_torn_batch_is_cut_as_a_whole_at_each_octet(settings):
    file = died(settings)
    octets = file.read_bytes()
    batch = octets.index(b"\n@") + 1
    for size in range(batch, len(octets)):
        file.write_bytes(octets[:size])
        (recovered,) = recover(settings.directory)
        assert recovered.cut == size - batch
        assert drained(settings.directory) == entries(range(10))
        assert not read_positions(settings.directory).sources
    file.write_bytes(octets)
    recover(settings.directory)
    assert drained(settings.directory) == entries(range(20))
    assert read_positions(settings.directory).sources["log"].text == "1"


def test_a_batch_with_a_hole_stays_void_after_it(settings):
    file = died(settings)
    octets = file.read_bytes()
    file.write_bytes(octets[:-40] + b"\0" * 40)
    (recovered,) = recover(settings.directory)
    assert recovered.damaged == 1
    assert "damaged" in str(recovered)
    assert drained(settings.directory) == entries(range(10))
    assert not read_positions(settings.directory).sources


def test_the_living_and_the_closed_are_left_alone(settings):
    writer = Writer(settings, "b")
    writer.append(entries(range(3)))
    closed = Writer(settings, "c")
    closed.append(entries(range(3)))
    closed.close()
    before = [(settings.directory / name.file).read_bytes() for name in segments(settings.directory)]
    assert recover(settings.directory) == []
    assert [(settings.directory / name.file).read_bytes() for name in segments(settings.directory)] == before
    writer.close()


def test_an_unborn_segment_is_removed_unless_its_writer_lives(settings):
    (settings.directory / "0123456789abcdef.new").write_bytes(b"tls")
    assert recover(settings.directory) == []
    assert not list(settings.directory.iterdir())


@pytest.mark.parametrize("octets", [b"", b"\0" * 5000, b"\n" * 10, b"tlswitness-journal 1"])
def test_a_segment_of_nothing(settings, octets):
    file = died(settings)
    file.write_bytes(octets)
    (recovered,) = recover(settings.directory)
    assert recovered.cut + recovered.damaged > 0 or not octets
    assert drained(settings.directory) == []
