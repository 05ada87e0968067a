"""Each line of a file once: however often, after whatever crash, and as the file grows."""

from __future__ import annotations

import errno
import gzip
import os
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.journal.support import drained, entries

from tlswitness.journal import importer as module
from tlswitness.journal import segment as segment_module
from tlswitness.journal.importer import READ_ERRORS, FileChanged, import_file
from tlswitness.journal.positions import SourceBusy, claim
from tlswitness.journal.segment import WriteFailed
from tlswitness.journal.settings import JournalSettings
from tlswitness.journal.writer import Writer


def text(numbers):
    return "".join(f"{finding.compact(epoch)}\n" for epoch, finding in entries(numbers)).encode()


def run(settings, file):
    writer = Writer(settings, "import_0")
    try:
        return import_file(writer, settings.directory, file)
    finally:
        writer.close()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "points.jsonl"


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_twice_is_once(settings, file, pack):
    file.write_bytes(pack(text(range(5000))))
    assert run(settings, file).points == 5000
    again = run(settings, file)
    assert (again.points, again.before) == (0, len(text(range(5000))))
    assert drained(settings.directory) == entries(range(5000))


def test_the_name_and_the_packing_do_not_matter(settings, file, tmp_path):
    file.write_bytes(text(range(10)))
    run(settings, file)
    (tmp_path / "other.gz").write_bytes(gzip.compress(text(range(10))))
    assert run(settings, tmp_path / "other.gz").points == 0


def test_a_file_that_grows_is_gone_on_with(settings, file):
    for size in (3, 3, 10, 2500, 4700):
        file.write_bytes(text(range(size)))
        run(settings, file)
    assert drained(settings.directory) == entries(range(4700))


def test_a_file_that_grows_behind_a_line_without_an_end(settings, file):
    """A point that was whole is not taken again with its newline; one that was not is taken when it is."""
    whole = text(range(8))
    end = whole.index(b"\n", len(whole) // 2)
    file.write_bytes(whole[:end])
    first = run(settings, file)
    file.write_bytes(whole[: end + 30])
    assert (run(settings, file).points, first.bad) == (0, 0)
    file.write_bytes(whole)
    assert run(settings, file).bad == 0
    assert drained(settings.directory) == entries(range(8))


def test_a_line_without_end_is_not_held_in_memory(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PIECE", 1000)
    monkeypatch.setattr(module, "MAX_TEXT", 2000)
    file = tmp_path / "endless"
    file.write_bytes(b"x" * 3_000_000 + b"\n" + b"y" * 3_000_000)
    tracemalloc.start()
    try:
        imported = run(settings, file)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert (imported.points, imported.bad) == (0, 2)
    assert run(settings, file).before == 6_000_001


def test_what_cannot_be_read_twice_is_refused(settings, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="no regular file"):
        run(settings, pipe)
    with pytest.raises(IsADirectoryError):
        run(settings, tmp_path)


def test_another_file_is_another_source(settings, file):
    file.write_bytes(text(range(10)))
    run(settings, file)
    file.write_bytes(text(range(5, 15)))
    assert run(settings, file).points == 10


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6))
def test_after_crashes_at_any_batch(tmp_path_factory, crashes):
    folder = tmp_path_factory.mktemp("j")
    settings = JournalSettings(directory=folder / "journal")
    settings.directory.mkdir()
    file = folder / "points.jsonl"
    file.write_bytes(text(range(200)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BATCH", 7)
        for left in crashes:
            _crash_after(settings, file, left)
        run(settings, file)
    assert drained(settings.directory) == entries(range(200))


def _crash_after(settings, file, appends):
    """Import until `appends` writes are done; then the disk is full, in the middle of one."""
    room = [appends]
    real = segment_module.os.write

    def write(fd, octets):
        room[0] -= 1
        if room[0] >= 0:
            return real(fd, octets)
        if room[0] == -1:
            return real(fd, bytes(octets[: len(octets) // 2]))
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment_module.os, "write", write)
        with suppress(WriteFailed):
            run(settings, file)


def test_what_is_no_point_is_named_and_left_out(settings, file, monkeypatch):
    monkeypatch.setattr(module, "MAX_TEXT", 2000)
    lines = text(range(3)).splitlines(keepends=True)
    file.write_bytes(lines[0] + b"\n  \nnonsense\n" + lines[1] + b"x" * 9000 + b"\n" + b'{"epoch":1}\n' + lines[2][:-1])
    imported = run(settings, file)
    assert (imported.points, imported.bad) == (3, 3)
    assert [bad.number for bad in imported.bad_lines] == [4, 6, 7]
    assert "longer" in str(imported.bad_lines[1])
    assert str(imported.bad_lines[0]).startswith("line 4: ")
    assert drained(settings.directory) == entries(range(3))
    assert run(settings, file).bad == 0, "they have been looked at"


def test_bad_lines_are_told_within_bounds(settings, file, monkeypatch):
    monkeypatch.setattr(module, "MAX_BAD", 3)
    file.write_bytes(b"x\n" * 100)
    imported = run(settings, file)
    assert (imported.bad, len(imported.bad_lines)) == (100, 3)


@pytest.mark.parametrize("octets", [gzip.compress(text(range(5000)))[:-20], b"\x1f\x8bnonsense"])
def test_a_file_that_cannot_be_read_raises(settings, file, octets):
    file.write_bytes(octets)
    with pytest.raises(READ_ERRORS):
        run(settings, file)


def test_a_file_that_changes_meanwhile_is_told(settings, file):
    file.write_bytes(text(range(5)))
    writer = Writer(settings, "import_0")
    real = module.opened
    seen = []

    def opened(path):
        seen.append(path)
        if len(seen) == 2:
            path.write_bytes(text(range(5, 10)))
        return real(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "opened", opened)
        with pytest.raises(FileChanged, match="while it was read"):
            import_file(writer, settings.directory, file)
    writer.close()


def test_one_import_at_a_time(settings, file):
    file.write_bytes(text(range(5)))
    with claim(settings.directory, module.PREFIX), pytest.raises(SourceBusy):
        run(settings, file)


def test_progress(settings, file):
    file.write_bytes(text(range(5000)))
    told = []
    writer = Writer(settings, "import_0")
    import_file(writer, settings.directory, file, progress=lambda done, all_: told.append((done, all_)))
    writer.close()
    assert told[-1] == (file.stat().st_size,) * 2
    assert len(told) == 3
