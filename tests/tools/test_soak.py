"""The soak finds what is planted: a fuzzer that finds nothing may be blind."""

import base64
import random
import re
from typing import Any

import pytest
from tools.soak import dns, http, journal, names, points, policy, run, smtp
from tools.soak.mutate import MAX_INPUT, mutated
from tools.soak.run import TARGETS, FaultFound, Hunt, main

from tlswitness.datapoint import DataPoint
from tlswitness.delivery.smtp.reply import ReplyParser
from tlswitness.delivery.wire import Wire
from tlswitness.journal.line import Mark
from tlswitness.journal.scan import Scan
from tlswitness.names import host
from tlswitness.policy.sts import exchange, grammar

MOST = 60_000
"""Inputs until a planted fault must have been found."""


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_seeds_come_to_different_things(target):
    hunt = Hunt(target, random.Random(1))
    assert hunt.tried == len(target.seeds)
    assert len(hunt.seen) >= min(3, len(target.seeds))
    assert target.attempt(target.seeds[0]) == target.attempt(target.seeds[0])
    target.attempt(b"")


def test_a_short_soak(capsys):
    assert main(["--minutes", "0", "--seed", "7", "--no-lab"]) == 0
    out = capsys.readouterr().out
    for target in TARGETS:
        assert int(re.search(rf"{target.name} +([\d,]+) inputs", out)[1].replace(",", "")) >= run.LEAST


def test_the_lab_is_run_too(capsys, monkeypatch):
    labs = []
    monkeypatch.setattr(run, "_lab", lambda: labs.append(1))
    assert main(["--minutes", "0", "--seed", "7", "--target", "names"]) == 0
    assert "1 runs of the lab" in capsys.readouterr().out
    assert labs == [1]


def test_memory_that_grows_is_a_fault(capsys, monkeypatch):
    sizes = iter([1, 1 + run.MAX_GROWTH + 1])
    monkeypatch.setattr(run, "_memory", lambda: next(sizes))
    assert main(["--minutes", "0", "--target", "names", "--no-lab"]) == 1
    assert "memory grew" in capsys.readouterr().err


# What is planted: the module and attribute, what takes its place, the target that must see it.


def _never_unasked(self: Wire, replies: int) -> None:
    self._awaited += replies


def _endless_line(self: ReplyParser, data: bytes) -> list[object]:
    self._rest += data
    return []


def _secured(*args: Any, believed: bool) -> Any:
    return _interpret(*args, believed=True)


def _plain_again(wire: Wire, data: bytes) -> None:
    wire._send(data)


def _breaks_in_2038(point: DataPoint) -> str:
    if point.epoch >= 1 << 31:
        raise OverflowError
    return _compact(point)


def _always_counts(_scan: Scan, _mark: Mark, *, sound: bool) -> bool:
    return True


_compact, _interpret, _parse_pattern = points.compact, dns.interpret, names.parse_pattern

PLANTED = {
    "replies that nothing asked for": (Wire, "expect", _never_unasked, smtp.TARGET),
    "a line without end": (ReplyParser, "feed", _endless_line, smtp.TARGET),
    "mail past TLS": (Wire, "write", _plain_again, smtp.TARGET),
    "AD from anybody": (dns, "interpret", _secured, dns.TARGET),
    "a body without a limit": (exchange, "MAX_BODY", 1 << 30, http.TARGET),
    "a point that cannot be written": (points, "compact", _breaks_in_2038, points.TARGET),
    "a label of 64 octets": (host, "MAX_LABEL", 64, names.TARGET),
    "too many lines": (grammar, "MAX_BAD_LINES", 1 << 30, policy.BODY),
    "a batch behind one that was never whole": (Scan, "_counts_here", _always_counts, journal.TARGET),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(monkeypatch, name):
    where, attribute, planted, target = PLANTED[name]
    monkeypatch.setattr(where, attribute, planted)
    with pytest.raises(FaultFound) as found:
        Hunt(target, random.Random(5)).go(0, MOST)
    monkeypatch.undo()
    host._known_domain.cache_clear()
    target.attempt(found.value.data)  # and it was the plant that was found


def test_a_fault_is_told_with_its_seed_and_its_input(capsys, monkeypatch):
    def dislikes(text):
        if "q" in text:
            raise ZeroDivisionError("planted")
        return _parse_pattern(text)

    monkeypatch.setattr(names, "parse_pattern", dislikes)
    assert main(["--minutes", "1", "--seed", "3", "--target", "names", "--no-lab"]) == 1
    told = capsys.readouterr()
    assert "planted" in told.err
    assert "found with --seed 3, at the input b" in told.err
    data = re.search(r"--target names --input (\S+)", told.err)[1]
    assert b"q" in base64.b64decode(data)
    assert "inputs" in told.out
    assert main(["--target", "names", "--input", data]) == 1
    monkeypatch.undo()
    assert main(["--target", "names", "--input", data]) == 0


def test_what_takes_too_long_is_a_fault(monkeypatch):
    monkeypatch.setattr(run, "MAX_SECONDS", 0.0)
    with pytest.raises(FaultFound):
        Hunt(names.TARGET, random.Random(1))


def test_the_same_dice_make_the_same_changes():
    one = [mutated(b"abc", [b"abc", b"defg"], [b"word"], random.Random(9)) for _ in range(2)]
    assert one[0] == one[1]
    dice = random.Random(1)
    many = [mutated(b"abc" * 100, [b"x" * 20_000], [], dice) for _ in range(300)]
    assert len(set(many)) > 250
    assert max(map(len, many)) <= MAX_INPUT
