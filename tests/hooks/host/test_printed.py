"""What Python modules print, as lines."""

from __future__ import annotations

import sys
import time

from tlswitness.hooks.host.printed import MAX_LINE, PrintedLines


def test_lines_however_they_are_written() -> None:
    told: list[str] = []
    lines = PrintedLines(told.append)
    print("a", 1, file=lines)
    print("b\nc", end="", file=lines)
    assert told == ["a 1", "b"]
    assert lines.partial == "c"
    lines.end_line()
    lines.end_line()
    assert told == ["a 1", "b", "c"]
    print(file=lines)
    assert told[3:] == [""]
    assert lines.writable()
    assert not lines.isatty()
    lines.flush()


def test_a_line_without_an_end_is_cut() -> None:
    told: list[str] = []
    lines = PrintedLines(told.append)
    for _ in range(3):
        lines.write("x" * MAX_LINE)
    assert [len(line) for line in told] == [MAX_LINE, MAX_LINE]
    lines.end_line()
    assert "".join(told) == "x" * (3 * MAX_LINE)


def test_stands_in_for_stdout_until_closed() -> None:
    told: list[str] = []
    before = sys.stdout
    lines = PrintedLines(told.append)
    lines.install()
    try:
        print("said", end="")  # noqa: T201
    finally:
        lines.close()
    assert sys.stdout is before
    assert told == ["said"]
    lines.close()
    assert sys.stdout is before


def test_a_huge_text_without_an_end_takes_no_time() -> None:
    """A module that prints without end must not be taken for one that hangs."""
    printed: list[str] = []
    lines = PrintedLines(printed.append)
    begun = time.process_time()
    lines.write("x" * (MAX_LINE * 1000 + 5))
    assert time.process_time() - begun < 1.0
    assert [len(line) for line in printed] == [MAX_LINE] * 1000
    assert lines.partial == "x" * 5
