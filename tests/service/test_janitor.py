import time
from dataclasses import replace

import pytest
from tests.journal.support import entries

from tlswitness.hooks.progress import FILE, Progress
from tlswitness.journal import JournalSettings, Writer, segments
from tlswitness.service.janitor import Janitor

DAY = 86_400.0


@pytest.fixture
def settings(tmp_path):
    return JournalSettings(directory=tmp_path / "journal", keep_seconds=DAY)


@pytest.fixture
def janitor(tmp_path):
    return Janitor(tmp_path / "hooks")


def written(settings, chain="test", count=3):
    writer = Writer(settings, chain)
    writer.append(entries(range(count)))
    writer.close()
    return {name.id: (settings.directory / name.file).stat().st_size for name in segments(settings.directory)}


def module(tmp_path, cursor, name="told"):
    home = tmp_path / "hooks" / name
    home.mkdir(parents=True)
    Progress.create(home / FILE, cursor).close()


def test_what_is_old_and_told_is_removed(tmp_path, settings, janitor, caplog):
    caplog.set_level("INFO")
    module(tmp_path, written(settings))
    janitor.sweep(settings, ["told"], time.time() + DAY / 2)
    assert len(segments(settings.directory)) == 1
    janitor.sweep(settings, ["told"], time.time() + 2 * DAY)
    assert segments(settings.directory) == []
    assert janitor.swept.removed == 1
    assert "removed 1 segments of the journal" in caplog.text


def test_what_somebody_still_needs_stays(tmp_path, settings, janitor):
    sizes = written(settings)
    module(tmp_path, sizes)
    module(tmp_path, {}, "slow")
    janitor.sweep(settings, ["told", "slow"], time.time() + 2 * DAY)
    assert len(segments(settings.directory)) == 1
    janitor.sweep(settings, ["told"], time.time() + 2 * DAY)
    assert len(segments(settings.directory)) == 1, "also where it has just been taken out of the configuration"
    assert [held.name for held in janitor.consumers.held] == ["slow"]


def test_what_a_writer_left_torn_is_let_go_where_it_was_read(tmp_path, settings, janitor):
    """Recovery puts octets at the end that nobody need read."""
    written(settings)
    (name,) = segments(settings.directory)
    file = settings.directory / name.file
    octets = file.read_bytes()
    file.write_bytes(octets[: octets.rindex(b"\n", 0, -1) - 3])
    module(tmp_path, {name.id: 50})
    with Progress.open(tmp_path / "hooks" / "told" / FILE) as progress:
        progress.finished(progress.slot(name.id))
    janitor.sweep(settings, ["told"], time.time())
    assert janitor.swept.torn > 0
    assert file.stat().st_size > 50
    janitor.sweep(settings, ["told"], time.time() + 2 * DAY)
    assert segments(settings.directory) == []


def test_a_journal_that_is_too_large_loses_its_oldest_and_it_is_told_who_missed_them(
    tmp_path, settings, janitor, caplog
):
    (size,) = written(settings).values()
    module(tmp_path, {})
    janitor.sweep(replace(settings, max_bytes=10), ["told"], time.time())
    assert segments(settings.directory) == []
    assert janitor.swept.missed == {"told": size}
    assert f"hook told was not told {size} octets" in caplog.text


def test_a_disk_that_fails_is_told_and_tried_again(tmp_path, settings, janitor, caplog):
    settings.directory.parent.joinpath("journal").write_text("no directory")
    janitor.sweep(settings, [], time.time())
    assert "Not a directory" in janitor.swept.failing
    assert "Not a directory" in caplog.text
    settings.directory.unlink()
    janitor.sweep(settings, [], time.time())
    assert janitor.swept.failing == ""
