"""A module's directory and its place in the journal."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.hooks.support import Hook
from tests.journal.support import entries

from tlswitness.hooks.progress import FILE
from tlswitness.hooks.spec import Start
from tlswitness.hooks.supervisor.home import home_of, prepared
from tlswitness.journal import JournalSettings, Reader, Writer, sizes


@pytest.mark.parametrize("name", ["", ".", "..", "...", "a/b", "../x", "a b", "x" * 65, "a\n", "ä"])
def test_no_name_leaves_the_directory(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="a module is named by"):
        home_of(tmp_path, name)


@pytest.mark.parametrize("name", ["a", "notify.mail", "A-1_b", "x" * 64, ".hidden"])
def test_names(tmp_path: Path, name: str) -> None:
    assert home_of(tmp_path, name).parent == tmp_path


@pytest.mark.parametrize(("start", "unread"), [(Start.NOW, 2), (Start.BEGINNING, 5)])
def test_a_new_module_begins_where_it_is_told_and_keeps_to_it(tmp_path: Path, start: Start, unread: int) -> None:
    journal, home = tmp_path / "journal", tmp_path / "hooks" / "m"
    journal.mkdir()
    with_start = Hook(tmp_path).spec(start=start)
    writer = Writer(JournalSettings(directory=journal), "test")
    writer.append(entries(range(3)))
    prepared(home, journal, with_start).close()
    writer.append(entries(range(3, 5)))
    with prepared(home, journal, with_start) as progress, Reader(journal, progress.cursor()) as reader:
        assert sum(len(chunk.sessions) for chunk in reader.read()) == unread
        assert progress.standing.behind(sizes(journal)) > 0
    writer.close()
    assert home.stat().st_mode & 0o077 == 0


def test_makes_what_is_missing_and_forgets_what_is_gone(tmp_path: Path) -> None:
    journal, home = tmp_path / "journal", tmp_path / "hooks" / "m"
    spec = Hook(tmp_path).spec()
    with prepared(home, journal, spec) as progress:
        assert progress.cursor() == {}
        progress.done(progress.slot("0" * 16), 5)
        progress.begin(0, 5, 1)
    with prepared(home, journal, spec) as progress:
        assert (progress.cursor(), progress.counts.missed, progress.running) == ({}, 1, None)


def test_what_is_no_progress_makes_a_new_module(tmp_path: Path) -> None:
    journal, home = tmp_path / "journal", tmp_path / "hooks" / "m"
    home.mkdir(parents=True)
    (home / FILE).write_text("hello")
    writer = Writer(JournalSettings(directory=tmp_path / "journal"), "test")
    writer.append(entries(range(3)))
    with prepared(home, journal, Hook(tmp_path).spec(start=Start.NOW)) as progress:
        assert progress.cursor() == sizes(journal) != {}
    writer.close()


def test_a_disk_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "hooks").write_text("a file")
    with pytest.raises(OSError):
        prepared(tmp_path / "hooks" / "m", tmp_path / "journal", Hook(tmp_path).spec())
