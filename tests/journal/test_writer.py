"""The promise of `append`, on a disk that obeys and on one that does not."""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import replace

import pytest
from tests.journal.support import FINDINGS, drained, entries, finding, in_child

from tlswitness.journal import segment as segment_module
from tlswitness.journal.names import segments
from tlswitness.journal.segment import WriteFailed
from tlswitness.journal.settings import Fsync
from tlswitness.journal.writer import MAX_BATCH, Writer


class Disk:
    """Takes `room` octets, then has no more; counts fsyncs."""

    def __init__(self, monkeypatch, room=10**12):
        self.room = room
        self.syncs = []
        self.broken = False
        self.real_write = os.write
        monkeypatch.setattr(segment_module.os, "write", self.write)

    def write(self, fd, octets):
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = self.real_write(fd, bytes(octets[: self.room]))
        self.room -= taken
        return taken

    def sync(self, fd):
        if self.broken:
            raise OSError(errno.EIO, "Input/output error")
        self.syncs.append(os.fstat(fd).st_size)


@pytest.mark.parametrize("fsync", Fsync)
def test_what_is_acknowledged_is_in_the_file(settings, fsync):
    writer = Writer(replace(settings, fsync=fsync), "a")
    written = entries(range(10_000))
    writer.append(written)
    assert drained(settings.directory) == written  # before it is closed
    writer.close()
    assert drained(settings.directory) == written


def test_nothing_is_opened_before_the_first_append(settings):
    writer = Writer(settings, "a")
    assert writer.watermark is None
    writer.flush()
    writer.append([])
    writer.close()
    assert not segments(settings.directory)
    with pytest.raises(ValueError, match="closed"):
        writer.append(entries([1]))


def test_the_directory_is_made(settings):
    writer = Writer(replace(settings, directory=settings.directory / "a" / "b"), "a")
    writer.append(entries([1]))
    writer.close()
    assert (settings.directory / "a" / "b").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("chain", ["", "a.b", "A", "x" * 41, "a/b"])
def test_a_chain_has_a_name_that_can_be_a_file(settings, chain):
    with pytest.raises(ValueError, match="chain"):
        Writer(settings, chain)


def test_a_new_life_opens_a_new_segment_behind_the_old(settings):
    for number in range(3):
        writer = Writer(settings, "a")
        writer.append(entries([number]))
        writer.close()
    assert [name.number for name in segments(settings.directory)] == [1, 2, 3]
    assert drained(settings.directory) == entries(range(3))


def test_segments_are_bounded_in_size_and_time(settings):
    now = [0.0]
    writer = Writer(replace(settings, segment_bytes=4096), "a", monotonic=lambda: now[0])
    for number in range(2000):
        writer.append(entries([number]))
    sizes = [file.stat().st_size for file in settings.directory.glob("*.seg")]
    assert max(sizes) < 4096 + 500
    assert len(sizes) > 5
    now[0] = 3601.0
    writer.append(entries([2000]))
    writer.close()
    assert len(segments(settings.directory)) == len(sizes) + 1
    assert drained(settings.directory) == entries(range(2001))


def test_each_finding_stands_in_a_segment_once(settings, only_segment):
    writer = Writer(settings, "a")
    for _ in range(100):
        writer.append(entries(range(10)))
    writer.close()
    assert only_segment().read_bytes().count(b"\n= ") == 10


def test_always_means_on_the_disk_before_append_returns(settings, monkeypatch):
    disk = Disk(monkeypatch)
    writer = Writer(replace(settings, fsync=Fsync.ALWAYS), "a", sync=disk.sync)
    for number in range(5):
        writer.append(entries([number]))
        (name,) = segments(settings.directory)
        size = (settings.directory / name.file).stat().st_size
        assert writer.watermark == (name.id, size)
        assert disk.syncs[-1] == size
    writer.close()


def test_interval_brings_it_there_a_moment_later(settings):
    on_disk = threading.Event()
    writer = Writer(replace(settings, interval=0.01), "a", sync=lambda _: on_disk.set())
    writer.append(entries([1]))
    assert on_disk.wait(10)
    writer.close()


def test_never_leaves_it_to_the_kernel(settings, monkeypatch):
    disk = Disk(monkeypatch)
    writer = Writer(replace(settings, fsync=Fsync.NEVER), "a", sync=disk.sync)
    writer.append(entries(range(100)))
    writer.close()
    assert not disk.syncs


def test_a_full_disk_is_told_with_what_it_took(settings, monkeypatch):
    disk = Disk(monkeypatch)
    writer = Writer(settings, "a", sync=disk.sync)
    writer.append(entries(range(10)))
    taken = []
    for room in (0, 5, 30, 100, 1000):
        disk.room = room
        with pytest.raises(WriteFailed, match="No space left") as failed:
            writer.append(entries(range(10, 500)))
        taken.append(failed.value.taken)
        before = drained(settings.directory)
        disk.room = 10**6
        writer.append(entries(range(10, 500))[failed.value.taken :])
        assert len(drained(settings.directory)) == len(before) + 490 - failed.value.taken
    assert taken[0] == 0
    assert taken[-1] > 1
    writer.close()
    assert drained(settings.directory) == entries(range(10)) + entries(range(10, 500)) * 5


@pytest.mark.parametrize("room", [0, 1, 60, 200, 1000])
def test_a_batch_with_a_position_is_written_as_a_whole_or_not_at_all(settings, monkeypatch, room):
    disk = Disk(monkeypatch)
    writer = Writer(settings, "a", sync=disk.sync)
    writer.append(entries(range(10)), source="log", position="1")
    disk.room = room
    with pytest.raises(WriteFailed) as failed:
        writer.append(entries(range(10, 200)), source="log", position="2")
    assert failed.value.taken == 0
    assert drained(settings.directory) == entries(range(10))
    disk.room = 10**6
    writer.append(entries(range(10, 200)), source="log", position="2")
    writer.close()
    assert drained(settings.directory) == entries(range(200))


def test_where_no_segment_can_be_opened_nothing_is_left_behind(settings, monkeypatch):
    disk = Disk(monkeypatch, room=20)
    writer = Writer(settings, "a", sync=disk.sync)
    with pytest.raises(WriteFailed) as failed:
        writer.append(entries(range(3)))
    assert failed.value.taken == 0
    assert not list(settings.directory.iterdir())
    disk.room = 10**6
    writer.append(entries(range(3)))
    writer.close()
    assert drained(settings.directory) == entries(range(3))


def test_a_disk_that_cannot_fsync_is_told_and_nothing_is_written_twice(settings, monkeypatch):
    disk = Disk(monkeypatch)
    writer = Writer(replace(settings, fsync=Fsync.ALWAYS), "a", sync=disk.sync)
    disk.broken = True
    with pytest.raises(WriteFailed, match="Input/output") as failed:
        writer.append(entries(range(7)), source="log", position="1")
    assert failed.value.taken == 7
    disk.broken = False
    writer.append(entries(range(7, 9)), source="log", position="2")
    writer.close()
    assert drained(settings.directory) == entries(range(9))


def test_batches_with_a_position_are_bounded(settings):
    writer = Writer(settings, "a")
    huge = [(number, finding(number, receiving_mx_helo="x" * 250)) for number in range(MAX_BATCH // 400)]
    with pytest.raises(ValueError, match="octets"):
        writer.append(huge, source="log", position="1")
    with pytest.raises(ValueError, match="characters"):
        writer.append(entries([1]), source="x" * 1025, position="1")
    writer.close()


def test_many_threads_append_to_one_chain(settings):
    writer = Writer(replace(settings, fsync=Fsync.ALWAYS, segment_bytes=20_000), "a")

    def work(thread):
        for number in range(200):
            writer.append([(thread * 1000 + number, FINDINGS[thread])])

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    found = drained(settings.directory)
    assert len(found) == 800
    for thread in range(4):
        assert [epoch for epoch, seen in found if seen == FINDINGS[thread]] == [thread * 1000 + n for n in range(200)]


def test_a_forked_process_writes_a_chain_of_its_own(settings):
    """A server that forks its workers when it has written already: their numbers of findings are not the parent's."""
    writer = Writer(settings, "a")
    writer.append([(1, finding(1))])
    child = in_child(lambda: writer.append([(2, finding(2)), (3, finding(1))]))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    writer.append([(4, finding(3))])
    writer.close()
    found = {(epoch, seen.point.policy.policy_domain) for epoch, seen in drained(settings.directory)}
    assert found == {(1, "d1.example"), (2, "d2.example"), (3, "d1.example"), (4, "d3.example")}
    assert len({name.chain for name in segments(settings.directory)}) == 2
