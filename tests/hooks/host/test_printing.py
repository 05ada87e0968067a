"""The stamps of what modules print."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from tlswitness.hooks.host.printing import MAX_TEXT, StampedPrinter, to_file, to_stderr


def test_the_points_time_inside_a_call_and_the_clocks_outside() -> None:
    written: list[bytes] = []
    printer = StampedPrinter(written.append, clock=lambda: 1746712999.25)
    printer("outside")
    printer.epoch = 1746712864
    printer("tls report: x\ud800")
    assert written == [b"1746712999:scriptlet: outside\n", b"1746712864:scriptlet: tls report: x\\ud800\n"]


def test_microseconds() -> None:
    written: list[bytes] = []
    printer = StampedPrinter(written.append, microseconds=True, clock=lambda: 1746712999.25)
    printer("a")
    printer.epoch = 1746712864
    printer("b")
    assert written == [b"1746712999250000:scriptlet: a\n", b"1746712864000000:scriptlet: b\n"]


def test_bounded() -> None:
    written: list[bytes] = []
    StampedPrinter(written.append)("x" * (MAX_TEXT + 5))
    assert len(written[0]) < MAX_TEXT + 100


def test_to_a_file_that_may_be_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "paniclog"
    write = partial(to_file, path)
    write(b"a\n")
    path.rename(tmp_path / "moved")
    write(b"b\n")
    assert (path.read_bytes(), (tmp_path / "moved").read_bytes()) == (b"b\n", b"a\n")


def test_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    to_stderr(b"a\n")
    assert capfd.readouterr().err == f"a{os.linesep}"
