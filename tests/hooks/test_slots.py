"""The file itself: what it refuses, how far it grows, and what a full disk does to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tlswitness.hooks import slots as module
from tlswitness.hooks.progress import Progress
from tlswitness.hooks.slots import FIRST_SLOTS, BadProgress

ID = "{:016x}".format


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "progress"


@pytest.fixture
def progress(path: Path) -> Iterator[Progress]:
    with Progress.create(path, {}) as made:
        yield made


def test_more_segments_than_any_journal_has(progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SLOTS", FIRST_SLOTS)
    for number in range(FIRST_SLOTS):
        progress.slot(ID(number))
    with pytest.raises(OSError, match=f"more than {FIRST_SLOTS} segments"):
        progress.slot(ID(FIRST_SLOTS))


@pytest.mark.parametrize("name", ["", "x" * 33])
def test_ids_are_bounded(progress: Progress, name: str) -> None:
    with pytest.raises(ValueError, match="1 to 32 octets"):
        progress.slot(name)


@pytest.mark.parametrize("size", [0, 100, 4096, 4159])
def test_what_is_short_is_none(path: Path, size: int) -> None:
    Progress.create(path, {ID(1): 5}).close()
    os.truncate(path, size)
    with pytest.raises(BadProgress, match=f"it has {size} octets"):
        Progress.open(path)
    Progress.open_or_create(path, dict).close()


def test_links_and_directories_are_not_followed(tmp_path: Path, path: Path) -> None:
    target = tmp_path / "target"
    Progress.create(target, {}).close()
    path.symlink_to(target)
    with pytest.raises(OSError):
        Progress.open(path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        Progress.open(tmp_path / "folder")
    with pytest.raises(FileNotFoundError):
        Progress.open(tmp_path / "none")


def test_full_disk_is_an_error_and_no_signal(
    path: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for number in range(FIRST_SLOTS):
        progress.done(progress.slot(ID(number)), 1)
    monkeypatch.setattr(module.os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space"):
        progress.slot(ID(FIRST_SLOTS))
    assert len(progress.cursor()) == FIRST_SLOTS, "what it knew it still knows"
    with pytest.raises(OSError, match="No space"):
        Progress.create(tmp_path / "another", {})
    assert [file.name for file in tmp_path.iterdir()] == ["progress"]
