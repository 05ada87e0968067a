"""One daemon at a time."""

import os

import pytest

from tlswitness.journal.lock import DirectoryBusy, DirectoryLock


def test_a_second_one_is_told_of_the_first(tmp_path):
    directory = tmp_path / "a" / "b"
    with DirectoryLock(directory):
        with pytest.raises(DirectoryBusy, match=f"in use by another tlswitness, process {os.getpid()}") as busy:
            DirectoryLock(directory)
        assert busy.value.holder == str(os.getpid())
    with DirectoryLock(directory) as lock:
        lock.close()
        DirectoryLock(directory).close()


def test_a_directory_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        DirectoryLock(tmp_path / "file" / "x")
