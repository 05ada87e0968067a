"""Segments by their names."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.journal.line import End, end_line, seed_of
from tlswitness.journal.names import (
    CHAIN,
    SegmentName,
    end_of,
    has_writer,
    hold,
    last_number,
    new_chain,
    new_segment,
    parse_name,
    segments,
    sizes,
    sync_directory,
)


def test_a_name_tells_when_who_and_which():
    name = SegmentName("serve", 42, "1f2e3d4c5b6a7988", 1_746_712_864)
    assert name.file == "20250508T140104Z.serve.0000000042.1f2e3d4c5b6a7988.seg"
    assert parse_name(name.file) == name


@given(st.from_regex(re.compile(r"[a-z0-9_]{1,40}"), fullmatch=True), st.integers(1, 9_999_999_999), st.floats(0, 1e13))
def test_names_are_read_again(chain, number, now):
    name = new_segment(chain, number, now)
    assert parse_name(name.file) == name


@pytest.mark.parametrize(
    "file",
    [
        "",
        "lock",
        "20250508T140104Z.serve.0000000042.1f2e3d4c5b6a7988.seg.gz",
        "20251308T140104Z.serve.0000000042.1f2e3d4c5b6a7988.seg",
        "20250508T140104Z.Serve.0000000042.1f2e3d4c5b6a7988.seg",
        "20250508T140104Z.serve.42.1f2e3d4c5b6a7988.seg",
    ],
)
def test_other_files_are_none(file):
    assert parse_name(file) is None


def test_within_a_chain_the_number_is_the_order_whatever_the_clock_did(tmp_path):
    names = [new_segment("a", 2, 50.0), new_segment("b", 1, 10.0), new_segment("a", 1, 99.0)]
    for name in names:
        (tmp_path / name.file).touch()
    (tmp_path / "lock").touch()
    assert segments(tmp_path) == [names[2], names[0], names[1]]
    assert segments(tmp_path / "none") == []
    assert [last_number(names, chain) for chain in ("a", "b", "c")] == [2, 1, 0]


def test_chains_of_one_life():
    assert new_chain("send") != new_chain("send")
    assert CHAIN.fullmatch(new_chain("send"))


def test_a_writer_shows_that_it_lives(tmp_path):
    writer = os.open(tmp_path / "x", os.O_WRONLY | os.O_CREAT)
    reader = os.open(tmp_path / "x", os.O_RDONLY)
    assert not has_writer(reader)
    assert hold(writer)
    assert has_writer(reader)
    assert not hold(reader)
    os.close(writer)
    assert not has_writer(reader)
    os.close(reader)
    sync_directory(tmp_path)


@pytest.mark.parametrize(
    ("octets", "end"),
    [
        (b"x\n" + end_line(seed_of("a")), End(cut=False)),
        (end_line(seed_of("a"), cut=True), End(cut=True)),
        (b"x\n" + end_line(seed_of("b")), None),
        (end_line(seed_of("a")) + b"x", None),
        (end_line(seed_of("a"))[:-1], None),
        (b"", None),
    ],
)
def test_the_end_is_that_of_this_segment_and_the_last_line(tmp_path, octets, end):
    (tmp_path / "s").write_bytes(octets)
    with (tmp_path / "s").open("rb") as file:
        assert end_of(file.fileno(), "a") == end


def test_sizes_of_what_is_still_there(tmp_path):
    one, other = (new_segment("a", number, 0) for number in (1, 2))
    (tmp_path / one.file).write_bytes(b"12345")
    (tmp_path / "else").write_bytes(b"1")
    assert sizes(tmp_path) == sizes(tmp_path, [one, other]) == {one.id: 5}
    assert sizes(tmp_path / "none") == {}
