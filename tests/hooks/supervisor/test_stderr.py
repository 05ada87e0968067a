"""A module's stderr in the log."""

from __future__ import annotations

from typing import Any

import pytest

from tlswitness.hooks.supervisor.stderr import KEPT, LINES, MAX_LINE, SECONDS, StderrLines


@pytest.fixture
def logged() -> list[str]:
    return []


def test_lines_wherever_they_are_cut(logged: list[str], clock: Any) -> None:
    lines = StderrLines(logged.append, clock)
    for piece in (b"Trace", b"back:\n  one\r\n\n", b"\xff\x1b[31mred\n", "é\n".encode()):
        lines.feed(piece)
    lines.feed(b"no end")
    lines.end()
    assert logged == ["Traceback:", "  one", "\\xff [31mred", "é", "no end"]
    assert list(lines.last) == logged


def test_no_flood(logged: list[str], clock: Any) -> None:
    lines = StderrLines(logged.append, clock)
    lines.feed(b"".join(b"%d\n" % number for number in range(1000)))
    assert len(logged) == LINES
    clock.pass_by(SECONDS)
    lines.feed(b"later\n")
    assert logged[LINES:] == [f"({1000 - LINES} more lines)", "later"]
    assert list(lines.last)[-1] == "later"
    assert len(lines.last) == KEPT
    lines.begin()
    assert not lines.last


def test_the_end_tells_what_was_left_unsaid(logged: list[str], clock: Any) -> None:
    lines = StderrLines(logged.append, clock)
    lines.feed(b"x\n" * (LINES + 3))
    lines.end()
    lines.end()
    assert logged[LINES:] == ["(3 more lines)"]


def test_a_line_without_an_end_takes_no_memory(logged: list[str], clock: Any) -> None:
    lines = StderrLines(logged.append, clock)
    for _ in range(100):
        lines.feed(b"x" * 65536)
        assert len(lines._partial) <= MAX_LINE + 1
    lines.feed(b"\nnext\n")
    assert logged == ["x" * MAX_LINE + " ...", "next"]
