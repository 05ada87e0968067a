"""How far each source has come, through segments that come, are torn, and go."""

from __future__ import annotations

import json

import pytest
from tests.journal.support import drained, entries

from tlswitness.journal.names import segments
from tlswitness.journal.positions import (
    CHECKPOINT,
    Position,
    SourceBusy,
    checkpoint,
    claim,
    read_positions,
)
from tlswitness.journal.recover import recover
from tlswitness.journal.writer import Writer


def write(settings, *places, chain="a", close=True):
    writer = Writer(settings, chain)
    for source, position in places:
        writer.append(entries(range(3)), source=source, position=position)
    if close:
        writer.close()
    return writer


def sources(settings):
    return {source: position.text for source, position in read_positions(settings.directory).sources.items()}


def test_the_last_position_of_each_source(settings):
    assert sources(settings) == {}
    write(settings, ("log", "1"), ("other", "é 7"), ("log", "2"))
    assert sources(settings) == {"log": "2", "other": "é 7"}
    write(settings, ("log", "3"), chain="b")
    write(settings, ("log", "4"))
    assert sources(settings) == {"log": "4", "other": "é 7"}
    assert read_positions(settings.directory).sources["log"] == Position(4, "4")


def test_they_outlive_their_segments(settings):
    write(settings, ("log", "1"), ("log", "2"))
    checkpoint(settings.directory)
    for name in segments(settings.directory):
        (settings.directory / name.file).unlink()
    assert sources(settings) == {"log": "2"}
    write(settings, ("log", "3"))
    assert sources(settings) == {"log": "3"}


def test_what_is_covered_is_not_read_again(settings):
    write(settings, ("log", "1"))
    checkpoint(settings.directory)
    (name,) = segments(settings.directory)
    file = settings.directory / name.file
    file.write_bytes(b"\n" * file.stat().st_size)
    assert sources(settings) == {"log": "1"}


def test_a_live_segment_is_looked_at_each_time(settings):
    writer = write(settings, ("log", "1"), close=False)
    checkpoint(settings.directory)
    writer.append(entries(range(3)), source="log", position="2")
    assert sources(settings) == {"log": "2"}
    writer.close()


def test_a_batch_that_is_not_whole_does_not_count(settings):
    write(settings, ("log", "1"), ("log", "2"), close=False).close()
    (name,) = segments(settings.directory)
    file = settings.directory / name.file
    octets = file.read_bytes()
    batch = octets.rindex(b"\n@") + 1
    for size in range(batch, octets.rindex(b"\n. ") + 1):
        file.write_bytes(octets[:size])
        assert sources(settings) == {"log": "1"}
    torn = octets[: octets.rindex(b"\n. ") + 1]
    file.write_bytes(torn[:-10] + b"\0" * 10)
    assert sources(settings) == {"log": "1"}


def test_a_damaged_mark_does_not_count(settings):
    write(settings, ("log", "1"), ("log", "2"))
    (name,) = segments(settings.directory)
    file = settings.directory / name.file
    file.write_bytes(file.read_bytes().replace(b'"log" "2"', b'"log" "9"'))
    assert sources(settings) == {"log": "1"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"version": 2, "sources": {}, "covered": {}}',
        '{"version": 1, "sources": {"a": 5}, "covered": {}}',
        json.dumps({"version": 1, "sources": {"x" * 2000: [1, "a"]}, "covered": {}}),
    ],
)
def test_a_damaged_checkpoint_is_no_empty_one(settings, text):
    (settings.directory / CHECKPOINT).write_text(text)
    with pytest.raises(OSError, match=r"positions\.json is damaged"):
        read_positions(settings.directory)


def test_a_source_has_one_writer(settings):
    with claim(settings.directory, "log"):
        with pytest.raises(SourceBusy, match="log"), claim(settings.directory, "log"):
            pass
        with claim(settings.directory, "other"):
            pass
    with claim(settings.directory, "log"):
        pass


def test_after_a_batch_that_was_never_whole_none_of_its_source_counts(settings):
    write(settings, ("log", "1"), ("other", "1"), ("log", "2"), ("other", "2"), ("log", "3"))
    (name,) = segments(settings.directory)
    file = settings.directory / name.file
    octets = file.read_bytes()[:-11]  # as a writer leaves it that died
    hole = octets.index(b'"log" "2"') + 30
    file.write_bytes(octets[:hole] + b"\0" * 10 + octets[hole + 10 :])
    assert sources(settings) == {"log": "1", "other": "2"}
    recover(settings.directory)
    assert sources(settings) == {"log": "1", "other": "2"}
    checkpoint(settings.directory)
    assert sources(settings) == {"log": "1", "other": "2"}
    assert drained(settings.directory) == entries(range(3)) * 3, "log 1, other 1, other 2"
    assert drained(settings.directory, {name.id: hole}) == entries(range(3)), "also for who goes on behind it"


def test_what_is_not_on_the_disk_is_not_kept(settings):
    writer = write(settings, ("log", "1"), close=False)
    checkpoint(settings.directory)
    (name,) = segments(settings.directory)
    (settings.directory / name.file).unlink()
    assert sources(settings) == {}
    writer.close()
