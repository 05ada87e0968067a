"""Dead letters on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tlswitness.hooks.host.deadletter import DEAD_LETTERS, keep
from tlswitness.hooks.host.linefile import BEFORE


def test_a_line_each_and_private(tmp_path: Path) -> None:
    keep(tmp_path, '{"epoch":1}')
    keep(tmp_path, '{"epoch":2,"é":1}')
    path = tmp_path / DEAD_LETTERS
    assert path.read_text() == '{"epoch":1}\n{"epoch":2,"é":1}\n'
    assert path.stat().st_mode & 0o077 == 0


def test_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / DEAD_LETTERS
    path.write_text('{"epoch":1}\n{"epo')
    keep(tmp_path, '{"epoch":2}')
    assert path.read_text() == '{"epoch":1}\n{"epo\n{"epoch":2}\n'


def test_bounded(tmp_path: Path) -> None:
    for number in range(100):
        keep(tmp_path, f"{number:09d}", most=100)
    files = sorted(file.name for file in tmp_path.iterdir())
    assert files == [DEAD_LETTERS, DEAD_LETTERS + BEFORE]
    assert all(file.stat().st_size <= 100 for file in tmp_path.iterdir())
    assert (tmp_path / DEAD_LETTERS).read_text().endswith(f"{99:09d}\n")
    assert (tmp_path / (DEAD_LETTERS + BEFORE)).read_text().splitlines()[-1] == f"{89:09d}"


def test_a_disk_that_does_not_take_it_is_an_error(tmp_path: Path) -> None:
    (tmp_path / DEAD_LETTERS).mkdir()
    with pytest.raises(OSError):
        keep(tmp_path, "x")
