"""The lab's own: what is said there, and that a flood without a client who ends it would go on."""

from itertools import islice

import pytest

from tlswitness.lab.malice import AFTER_HANDSHAKE, HUGE_MESSAGE, PIECE, At, Malice, dripped, flood, once
from tlswitness.lab.mx import BEHAVIOURS

ONE_BY_ONE = "unasked-one-by-one"


@pytest.mark.parametrize("at", At)
def test_a_line_without_end(at):
    octets = b"".join(islice(flood(Malice.LINE, at), 5))
    assert len(octets) > 4 * 16_384
    assert (b"\n" not in octets) or at is At.HANDSHAKE


@pytest.mark.parametrize("at", [At.GREETING, At.DOT])
def test_lines_without_end(at):
    lines = b"".join(islice(flood(Malice.LINES, at), 5)).splitlines()
    assert len(lines) > 4 * PIECE / 10 - 5
    assert set(lines) == {b"250-more"}


def test_what_is_said_once():
    said = {malice: once(malice) for malice in Malice}
    assert {malice for malice, words in said.items() if words} == {Malice.SHUT, Malice.GARBAGE}


def test_a_dripped_handshake_is_no_nonsense():
    assert dripped(At.HANDSHAKE)[:1] == HUGE_MESSAGE[:1] == b"\x16"
    assert dripped(At.DATA).startswith(b"250-")


def test_every_malice_comes_at_every_point():
    for malice in Malice:
        if malice:
            assert all(BEHAVIOURS[f"{malice}@{at}"].at is at for at in At)
    assert all(BEHAVIOURS[f"{ONE_BY_ONE}@{at}"].malice is Malice.UNASKED for at in At)
    assert set(Malice) > AFTER_HANDSHAKE
