"""The progress file: what it holds, what it refuses, and that it is true whenever its process is killed."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tlswitness.hooks.progress import MAX_DEATHS, BadProgress, Progress
from tlswitness.hooks.slots import FIRST_SLOTS
from tlswitness.hooks.standing import Counts, Running

ID = "{:016x}".format


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "progress"


@pytest.fixture
def progress(path: Path) -> Iterator[Progress]:
    with Progress.create(path, {}) as made:
        yield made


def cursor_of(path: Path) -> dict[str, int]:
    """As the file has it."""
    with Progress.open(path) as progress:
        return progress.cursor()


def again(path: Path) -> Progress:
    """As the other side sees it."""
    return Progress.open(path)


def test_a_new_one_begins_at_its_cursor(path: Path) -> None:
    cursor = {ID(number): number * 10 for number in range(5)}
    with Progress.create(path, cursor) as progress:
        assert progress.cursor() == cursor
        assert progress.counts == Counts(0, 0, 0, 0, 0, 0, 0, 0)
        assert progress.running is None
    assert cursor_of(path) == cursor
    assert path.stat().st_mode & 0o077 == 0
    assert path.stat().st_blocks * 512 >= path.stat().st_size, "no store can meet a full disk"


def test_both_sides_see_each_step_at_once(path: Path, progress: Progress) -> None:
    with again(path) as other:
        slot = progress.slot(ID(1))
        progress.begin(slot, 100, 7)
        assert other.running == Running(slot, 100, 7)
        assert other.cursor() == {ID(1): 0}
        progress.called(slot, 120)
        assert other.running is None
        assert other.cursor() == {ID(1): 120}
        assert other.segment(slot) == ID(1)
        progress.begin(slot, 120, 8)
        progress.wait_until(99)
        progress.count_retry()
        assert (other.running, other.waiting_until) == (None, 99)
        progress.waited()
        progress.count_error()
        progress.count_slow()
        progress.count_damages(3)
        assert other.waiting_until == 0
        assert other.counts == Counts(
            calls=2, errors=1, slow=1, retries=1, damaged=3, missed=0, deaths=0, dead_letters=0
        )


def test_a_call_that_the_cursor_has_passed_was_over(path: Path, progress: Progress) -> None:
    """Killed between the two stores of `done`."""
    slot = progress.slot(ID(1))
    progress.done(slot, 150)
    progress.begin(slot, 100, 7)
    with again(path) as other:
        assert other.running is None
        assert other.note_death() == (None, 0)


def test_grows_while_the_other_side_looks_on(path: Path, progress: Progress) -> None:
    with again(path) as other:
        for number in range(FIRST_SLOTS * 2 + 1):
            progress.done(progress.slot(ID(number)), number)
        assert other.cursor() == {ID(number): number for number in range(FIRST_SLOTS * 2 + 1)}
        last = progress.slot(ID(FIRST_SLOTS * 2))
        progress.begin(last, FIRST_SLOTS * 2, 5)
    with again(path) as other:
        assert other.running == Running(last, FIRST_SLOTS * 2, 5)


def test_running_is_seen_in_a_slot_that_was_not_there(path: Path, progress: Progress) -> None:
    with again(path) as other:
        for number in range(FIRST_SLOTS + 1):
            slot = progress.slot(ID(number))
        progress.begin(slot, 10, 5)
        assert other.running == Running(slot, 10, 5)


def test_a_disk_that_fails_while_compacting_costs_nothing(
    path: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    progress.done(progress.slot(ID(1)), 5)
    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output"):
        progress.compact(path, set())
    assert progress.cursor() == cursor_of(path) == {ID(1): 5}
    assert [file.name for file in path.parent.iterdir()] == ["progress"]


def test_three_deaths_on_one_point_condemn_it(path: Path, progress: Progress) -> None:
    slot = progress.slot(ID(1))
    for death in range(1, MAX_DEATHS + 1):
        assert progress.condemned is None
        progress.begin(slot, 100, death)
        assert progress.note_death() == (Running(slot, 100, death), death)
        assert progress.running is None
    with again(path) as other:
        assert other.condemned == (slot, 100), "also for the next daemon"
        other.done(slot, 130)
        other.count_dead_letter()
    assert progress.condemned is None
    assert (progress.counts.deaths, progress.counts.dead_letters) == (MAX_DEATHS, 1)


def test_deaths_on_other_points_and_outside_of_calls_begin_to_count_anew(progress: Progress) -> None:
    slot = progress.slot(ID(1))
    progress.begin(slot, 100, 1)
    assert progress.note_death()[1] == 1
    assert progress.note_death() == (None, 0)
    progress.begin(slot, 100, 2)
    assert progress.note_death()[1] == 2, "a death outside of calls says nothing of the point"
    progress.begin(slot, 120, 3)
    assert progress.note_death()[1] == 1
    assert progress.counts.deaths == 4


def test_who_was_killed_for_another_call_is_not_held_to_account(progress: Progress) -> None:
    """The late call ended in the moment in which its process was killed."""
    slot = progress.slot(ID(1))
    progress.begin(slot, 100, 1)
    late = progress.running
    progress.called(slot, 120)
    progress.begin(slot, 120, 2)
    assert progress.note_death(late) == (None, 0)
    progress.begin(slot, 120, 3)
    assert progress.note_death(progress.running)[1] == 1


def test_settled_before_a_process_starts(progress: Progress) -> None:
    slot = progress.slot(ID(1))
    progress.wait_until(5)
    progress.begin(slot, 10, 4)
    progress.settle()
    assert (progress.running, progress.waiting_until) == (None, 0)


def test_compacting_keeps_all_but_what_is_gone(path: Path, progress: Progress) -> None:
    for number in range(4):
        progress.done(progress.slot(ID(number)), number * 10)
    progress.finished(progress.slot(ID(0)))
    progress.finished(progress.slot(ID(2)))
    progress.begin(progress.slot(ID(3)), 30, 1)
    for _ in range(MAX_DEATHS):
        progress.begin(progress.slot(ID(3)), 30, 1)
        progress.note_death()
    progress.count_error()
    before = progress.counts
    kept = progress.compact(path, {ID(2), ID(3), ID(9)})
    try:
        assert kept is not progress
        assert kept.cursor() == {ID(2): 20, ID(3): 30}
        assert kept.finished_segments() == {ID(2)}
        assert kept.condemned == (kept.slot(ID(3)), 30)
        assert kept.counts == Counts(
            **{name: getattr(before, name) for name in Counts.__slots__ if name != "missed"}, missed=1
        ), "one had not been read to its end"
        assert cursor_of(path) == kept.cursor()
        assert [file.name for file in path.parent.iterdir()] == ["progress"]
        assert kept.compact(path, {ID(2), ID(3)}) is kept, "nothing to do"
    finally:
        kept.close()


def test_compacting_forgets_deaths_in_a_segment_that_is_gone(path: Path, progress: Progress) -> None:
    slot = progress.slot(ID(1))
    progress.slot(ID(2))
    for _ in range(MAX_DEATHS):
        progress.begin(slot, 30, 1)
        progress.note_death()
    with progress.compact(path, {ID(2)}) as kept:
        assert kept.condemned is None


def spoil(path: Path, at: int, octets: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(octets)


@pytest.mark.parametrize(
    ("at", "octets", "reason"),
    [
        (0, b"PK\3\4", "it begins with something else"),
        (8, b"\2", "of version 2; this program knows version 1"),
        (16, b"\xff\xff", "damaged: 65535 slots do not fit"),
        (16, b"\0\0", "damaged: 0 slots"),
        (4096 + 16, b"X", "damaged: slot 0 holds no segment"),
        (4096 + 48, b"\xff", "damaged: slot 0 holds no segment"),
    ],
)
def test_what_is_foreign_or_damaged_is_set_aside_with_a_word(
    path: Path, caplog: pytest.LogCaptureFixture, at: int, octets: bytes, reason: str
) -> None:
    Progress.create(path, {ID(1): 5}).close()
    spoil(path, at, octets)
    with pytest.raises(BadProgress, match=reason):
        Progress.open(path)
    with Progress.open_or_create(path, lambda: {ID(7): 70}) as made:
        assert made.cursor() == {ID(7): 70}
    (said,) = caplog.records
    assert said.levelno == logging.ERROR
    assert "set aside as progress.damaged" in said.getMessage()
    assert reason in said.getMessage()
    assert path.with_name("progress.damaged").stat().st_size > 4096


def test_opening_what_is_there_does_not_ask_where_to_begin(path: Path, progress: Progress) -> None:
    progress.done(progress.slot(ID(1)), 5)
    with Progress.open_or_create(path, lambda: pytest.fail("asked")) as other:
        assert other.cursor() == {ID(1): 5}


KILLED = """
import os, sys, time
from pathlib import Path
from tlswitness.hooks.progress import Progress

path, told = Path(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
segments = [f"{number:016x}" for number in range(3)]

def tell():
    with Progress.open(path) as progress:
        cursor = progress.cursor()
        while True:
            for segment in segments:
                slot = progress.slot(segment)
                offset = cursor.get(segment, 0)
                progress.begin(slot, offset, time.monotonic_ns())
                os.write(told, f"\\n{segment} {offset} {offset}\\n".encode())
                progress.called(slot, offset + 10)
                begin, called = progress.calls_in(slot)
                for offset in (offset + 10, offset + 20):
                    begin(offset, time.monotonic_ns())
                    os.write(told, f"\\n{segment} {offset} {offset}\\n".encode())
                    called(offset + 10, 1)
                progress.over()
                cursor[segment] = offset + 10

for _ in sys.stdin:
    child = os.fork()
    if not child:
        tell()
    time.sleep(0.001 + int.from_bytes(os.urandom(2)) / 65536 * 0.004)
    os.kill(child, 9)
    os.waitpid(child, 0)
    print("dead", flush=True)
"""


def lines(told: Path) -> list[tuple[str, int]]:
    """What was told. A SIGKILL may tear a line where a page of the file ends: then it stands alone."""
    fields = [line.split(" ") for line in told.read_text().splitlines()]
    return [(each[0], int(each[1])) for each in fields if len(each) == 3 and each[1] == each[2]]


def test_true_at_every_kill(path: Path, tmp_path: Path) -> None:
    """What was told lies before the cursor, but for the one call that was running; behind it nothing was."""
    Progress.create(path, {}).close()
    told = tmp_path / "told"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path), str(told)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    interrupted: set[tuple[str, int]] = set()
    with process:
        for _ in range(40):
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "dead\n"
            with Progress.open(path) as progress:
                cursor, running = progress.cursor(), progress.running
                last = dict(lines(told))
                if running is not None:
                    interrupted.add((progress.segment(running.slot), running.offset))
                for segment, offset in last.items():
                    assert offset + 10 == cursor[segment] or (segment, offset) in interrupted, (
                        "told, and the cursor knows"
                    )
                for segment, end in cursor.items():
                    assert not end or last[segment] + 10 >= end, "nothing was passed over"
                progress.settle()
        process.stdin.close()
    assert len(interrupted) > 3, "the kills met calls"
    offsets: dict[str, list[int]] = {}
    for segment, offset in lines(told):
        offsets.setdefault(segment, []).append(offset)
    for each in offsets.values():
        assert sorted(set(each)) == list(range(0, max(each) + 10, 10)), "each at least once"
        assert each == sorted(each), "in order"


def test_stores_are_cheap(progress: Progress) -> None:
    slot = progress.slot(ID(1))
    start = time.perf_counter()
    for offset in range(10_000):
        progress.begin(slot, offset, 1)
        progress.called(slot, offset + 1)
    assert time.perf_counter() - start < 1.0, "two of them for each point"
