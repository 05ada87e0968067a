"""Each line as it is written and as it is read."""

from __future__ import annotations

from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.datapoint import DataPoint, Finding, Policy, PolicyType
from tlswitness.datapoint.limits import MAX_EPOCH
from tlswitness.journal.line import (
    Bad,
    Defined,
    End,
    Head,
    Mark,
    Session,
    checked,
    end_line,
    finding_line,
    head_line,
    mark_line,
    read_head,
    read_line,
    seed_of,
    session_line,
)

SEED = seed_of("1f2e3d4c5b6a7988")
HEAD = Head("1f2e3d4c5b6a7988", "serve", 42, 1_746_712_864)
NONE = Policy(policy_type=PolicyType.NONE, policy_domain="é\n.example")
FINDING = Finding(DataPoint(epoch=0, type=1, policy=NONE))


def test_what_a_segment_looks_like():
    body = session_line(1_746_712_864, 1, SEED)
    assert head_line(HEAD).startswith(b"tlswitness-journal 1 1f2e3d4c5b6a7988 serve 42 1746712864 ")
    assert finding_line(1, FINDING, SEED).startswith(b'= 1 {"type":1,"policy":{"policy-type":"no-policy-found",')
    assert body.startswith(b"1746712864 1 ")
    assert len(body) == len("1746712864 1 01a20d7a\n")
    assert mark_line(Mark(7, 6, len(body), crc32(body), "a b", "1:2"), SEED).startswith(b"@ 7 6 22 ")
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in (body, finding_line(1, FINDING, SEED)))


@given(st.integers(0, MAX_EPOCH), st.integers(0, 99_999_999))
def test_sessions(epoch, number):
    assert read_line(session_line(epoch, number, SEED)[:-1], SEED) == Session(epoch, number)


def test_findings():
    assert read_line(finding_line(3, FINDING, SEED)[:-1], SEED) == Defined(3, FINDING)


@given(st.integers(0, 10**17), st.integers(0, 2**32 - 1), st.text(max_size=50), st.text(max_size=50))
def test_marks(serial, body, source, position):
    mark = Mark(serial, serial, 12, body, source, position)
    assert read_line(mark_line(mark, SEED)[:-1], SEED) == mark


@pytest.mark.parametrize("cut", [False, True])
def test_ends(cut):
    assert read_line(end_line(SEED, cut=cut)[:-1], SEED) == End(cut=cut)


def test_heads():
    assert read_head(head_line(HEAD)[:-1]) == HEAD
    assert isinstance(read_head(head_line(HEAD)[:-2] + b"x"), Bad)
    assert isinstance(read_head(b"tlswitness-journal 2 1f2e3d4c5b6a7988 serve 42 1746712864 00000000"), Bad)


def test_a_line_of_another_segment_does_not_pass():
    assert isinstance(read_line(session_line(5, 1, seed_of("another"))[:-1], SEED), Bad)


@given(st.sampled_from([session_line(5, 1, SEED), finding_line(1, FINDING, SEED), end_line(SEED)]), st.data())
def test_a_changed_octet_is_seen(line, data):
    at = data.draw(st.integers(0, len(line) - 2))
    changed = bytearray(line[:-1])
    changed[at] ^= data.draw(st.integers(1, 255))
    assert isinstance(read_line(bytes(changed), SEED), Bad)


@given(st.binary(max_size=200))
def test_any_octets_are_read(octets):
    read_head(octets)
    read_line(octets, SEED)
    read_line(checked(octets, SEED)[:-1], SEED)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"5",
        b"5 1 2",
        b"%d 1" % (MAX_EPOCH + 1),
        b"= 1 {}",
        b'= 1 {"type":1}',
        b"= 1 {\xff}",
        b'@ 1 0 2 0000000g "a" "b"',
        b'@ 1 0 2 00000000 "a" "\\x"',
        b'@ 1 0 2 00000000 "a" 5',
        b"?",
    ],
)
def test_what_is_sound_but_no_line(text):
    assert isinstance(read_line(checked(text, SEED)[:-1], SEED), Bad)
