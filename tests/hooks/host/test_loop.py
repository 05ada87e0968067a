"""The loop on a real journal and a real progress file, in a thread of the test; what ends a process is shown by
processes (test_process.py, supervisor/test_supervisor.py).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.journal.support import FINDINGS, entries, finding

from tlswitness.datapoint import DataPoint, Policy, PolicyType
from tlswitness.datapoint.finding import Finding
from tlswitness.datapoint.views import SEED_VIEW, View
from tlswitness.hooks.complaints import Complaints
from tlswitness.hooks.contract import Retry
from tlswitness.hooks.host import loop as module
from tlswitness.hooks.host.callee import BatchCallee, Callee
from tlswitness.hooks.host.control import Control
from tlswitness.hooks.host.deadletter import DEAD_LETTERS
from tlswitness.hooks.host.loop import Loop
from tlswitness.hooks.host.shown import Shown
from tlswitness.hooks.progress import MAX_DEATHS, Progress
from tlswitness.journal import JournalSettings, Reader, Writer

EPOCH = 1_746_712_864


class Each:
    """Told one at a time; does what a test wants at each call."""

    def __init__(self, act: Callable[[int], object] = lambda _: None) -> None:
        self.told: list[int] = []
        self.findings: list[Finding] = []
        self._act = act

    def call(self, epoch: int, finding: Finding) -> object:
        self.told.append(epoch - EPOCH)
        self.findings.append(finding)
        return self._act(epoch - EPOCH)

    def close(self) -> None: ...


class Batches:
    batch = 3

    def __init__(self, act: Callable[[list[int]], object] = lambda _: None) -> None:
        self.told: list[list[int]] = []
        self._act = act

    def call_batch(self, points: Sequence[tuple[int, Finding]]) -> object:
        self.told.append([epoch - EPOCH for epoch, _ in points])
        return self._act(self.told[-1])

    def close(self) -> None: ...


class Stamped:
    """Looks where the cursor is when what was printed goes out."""

    epoch: int | None = None

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.flushed: list[int] = []

    def flush(self) -> None:
        self.flushed.append(self._progress.counts.calls)


class Bench:
    """A journal, a progress file, and a loop to be run on them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = path / "journal"
        self.journal.mkdir()
        self.writer = Writer(JournalSettings(directory=self.journal), "test")
        self.progress = Progress.create(path / "progress", {})
        self.control = Control()
        self.said: list[tuple[str, str]] = []
        self.stamp = Stamped(self.progress)

    def loop(self, callee: Callee | BatchCallee, view: View | None = None, budget: float = 1.0) -> Loop:
        self.reader = Reader(self.journal, self.progress.cursor())
        return Loop(
            callee,
            reader=self.reader,
            progress=self.progress,
            shown=Shown(view or View()),
            budget=budget,
            home=self.path,
            stamp=self.stamp,
            control=self.control,
            complaints=Complaints("m", 60.0, time.monotonic, lambda kind, text: self.said.append((kind, text))),
        )

    def drain(self, callee: Callee | BatchCallee, view: View | None = None, budget: float = 1.0) -> None:
        self.control.drain()
        loop = self.loop(callee, view, budget)
        try:
            loop.run()
        finally:
            self.reader.close()

    def unread(self) -> int:
        self.reader = Reader(self.journal, self.progress.cursor())
        with self.reader as reader:
            return sum(len(chunk.sessions) for chunk in reader.read(10_000))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.writer.close()
    made.progress.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_FIRST", 0.01)


def test_everything_in_order_and_the_cursor_at_the_end(bench: Bench) -> None:
    bench.writer.append(entries(range(2500)))
    each = Each()
    bench.drain(each)
    assert each.told == list(range(2500))
    assert each.findings[13] == FINDINGS[3]
    assert bench.progress.counts.calls == 2500
    (size,) = (path.stat().st_size for path in bench.journal.glob("*.seg"))
    assert list(bench.progress.cursor().values()) == [size], "behind all that stands between sessions too"
    bench.drain(again := Each())
    assert again.told == []
    assert bench.stamp.epoch is None
    assert bench.stamp.flushed[:2500] == list(range(2500)), "behind each call, and before it counts as done"


def test_finished_segments_are_noted(bench: Bench) -> None:
    bench.writer.append(entries(range(3)))
    bench.writer.close()
    bench.drain(Each())
    assert bench.progress.finished_segments() == set(bench.progress.cursor())


def test_goes_on_behind_an_error_and_says_it_once(bench: Bench) -> None:
    bench.writer.append(entries(range(10)))

    def act(number: int) -> None:
        if number % 2:
            raise ValueError(f"no {number}")

    each = Each(act)
    bench.drain(each)
    assert each.told == list(range(10))
    assert (bench.progress.counts.calls, bench.progress.counts.errors) == (10, 5)
    ((kind, text),) = bench.said
    assert kind == "error"
    assert text.startswith("ValueError: no 1 at ")
    assert bench.unread() == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit(), RecursionError("deep")])
def test_no_exception_gets_through(bench: Bench, error: BaseException) -> None:
    bench.writer.append(entries(range(2)))

    def act(_: int) -> None:
        raise error

    bench.drain(each := Each(act))
    assert each.told == [0, 1]
    assert bench.progress.counts.errors == 2


def test_slow_calls_are_counted_also_those_that_raise(bench: Bench) -> None:
    def act(number: int) -> None:
        time.sleep(0.1 * (number in (1, 2)))
        if number in (2, 3):
            raise ValueError

    bench.writer.append(entries(range(5)))
    bench.drain(Each(act), budget=0.08)
    assert (bench.progress.counts.slow, bench.progress.counts.errors) == (2, 2)


def test_of_a_call_that_is_made_again_the_last_try_may_be_slow(bench: Bench) -> None:
    tries = []

    def act(_: int) -> None:
        tries.append(1)
        time.sleep(0.1 if len(tries) == 1 else 0)
        if len(tries) == 1:
            raise Retry(after=0.1)

    bench.writer.append(entries(range(1)))
    bench.drain(Each(act), budget=0.08)
    assert (len(tries), bench.progress.counts.slow) == (2, 0)


def test_a_batch_that_raises_may_be_slow(bench: Bench) -> None:
    def act(_: list[int]) -> None:
        time.sleep(0.1)
        raise ValueError

    bench.writer.append(entries(range(3)))
    bench.drain(Batches(act), budget=0.08)
    assert (bench.progress.counts.slow, bench.progress.counts.errors) == (1, 1)


def test_a_call_is_running_while_it_runs_and_at_its_time(bench: Bench) -> None:
    bench.writer.append(entries(range(3)))
    seen = []

    def act(number: int) -> None:
        running = bench.progress.running
        assert running is not None
        assert 0 <= time.monotonic_ns() - running.since < 10e9
        seen.append((running.offset, bench.stamp.epoch, sum(bench.progress.cursor().values())))

    bench.drain(Each(act))
    assert [epoch for _, epoch, _ in seen] == [EPOCH, EPOCH + 1, EPOCH + 2]
    assert len({offset for offset, _, _ in seen}) == 3
    assert bench.progress.running is None


def test_view(bench: Bench) -> None:
    shown = finding(1, receiving_mx_helo="helo.example")
    hidden = Finding(DataPoint(epoch=0, type=1, policy=Policy(policy_type=PolicyType.NONE, policy_domain="d2.example")))
    bench.writer.append([(EPOCH, shown), (EPOCH + 1, hidden), (EPOCH + 2, shown), (EPOCH + 3, hidden)])
    bench.drain(each := Each(), SEED_VIEW)
    assert each.told == [0, 2]
    assert "receiving-mx-helo" not in each.findings[0].text
    assert each.findings[0] is each.findings[1]
    assert bench.unread() == 0, "what is not shown is passed"


@pytest.mark.usefixtures("quick")
def test_retry_tells_the_same_point_again_before_any_other(bench: Bench) -> None:
    bench.writer.append(entries(range(3)))
    left = [3]

    def act(number: int) -> None:
        if number == 1 and left[0]:
            left[0] -= 1
            raise Retry("busy")

    bench.drain(each := Each(act))
    assert each.told == [0, 1, 1, 1, 1, 2]
    counts = bench.progress.counts
    assert (counts.calls, counts.retries, counts.errors) == (6, 3, 0)
    assert [kind for kind, _ in bench.said] == ["retry"]
    assert "busy" in bench.said[0][1]


@pytest.mark.parametrize("after", [0.05, 0, float("nan"), -1, "soon", 1e12])
def test_after_is_the_modules_wish_where_it_makes_sense(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, after: float
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(bench.control, "rest", lambda seconds: waits.append(seconds) or True)
    bench.writer.append(entries(range(1)))
    raising = [Retry("later", after=after)]

    def act(_: int) -> None:
        if raising:
            raise raising.pop()

    bench.drain(Each(act))
    assert waits == [after] if after in (0.05, 0) else 0.5 <= waits[0] <= 1.0, "else the back-off"


def test_while_it_waits_no_call_runs_and_a_stop_ends_the_wait(bench: Bench) -> None:
    bench.writer.append(entries(range(2)))

    def act(_: int) -> None:
        raise Retry("down", after=3600)

    each = Each(act)
    loop = bench.loop(each)
    thread = threading.Thread(target=loop.run)
    thread.start()
    until = time.monotonic() + 10
    while not bench.progress.waiting_until and time.monotonic() < until:
        time.sleep(0.005)
    assert bench.progress.running is None
    assert bench.progress.waiting_until > time.monotonic_ns()
    bench.control.stop()
    thread.join(10)
    bench.reader.close()
    assert not thread.is_alive()
    assert each.told == [0]
    assert bench.progress.waiting_until == 0
    assert bench.unread() == 2


@pytest.mark.usefixtures("quick")
def test_an_error_after_a_retry_moves_on(bench: Bench) -> None:
    bench.writer.append(entries(range(2)))
    errors: list[Exception] = [ValueError("at last"), Retry("first")]

    def act(_: int) -> None:
        if errors:
            raise errors.pop()

    bench.drain(each := Each(act))
    assert each.told == [0, 0, 1]
    assert bench.progress.counts.errors == 1


def test_stops_after_the_call_under_way(bench: Bench) -> None:
    bench.writer.append(entries(range(10)))
    each = Each(lambda number: bench.control.stop() if number == 4 else None)
    loop = bench.loop(each)
    loop.run()
    bench.reader.close()
    assert each.told == [0, 1, 2, 3, 4]
    assert bench.unread() == 5


def test_waits_for_more_and_is_woken(bench: Bench) -> None:
    told = threading.Event()
    each = Each(lambda number: told.set() if number == 1 else None)
    loop = bench.loop(each)
    thread = threading.Thread(target=loop.run)
    thread.start()
    bench.writer.append(entries(range(1)))
    bench.writer.append(entries(range(1, 2)))
    assert told.wait(10)
    bench.control.drain()
    thread.join(10)
    bench.reader.close()
    assert not thread.is_alive()
    assert each.told == [0, 1]


def test_a_condemned_point_goes_to_the_dead_letters_uncalled(bench: Bench) -> None:
    bench.writer.append(entries(range(5)))
    offsets: dict[int, int] = {}

    def act(number: int) -> None:
        running = bench.progress.running
        assert running is not None
        offsets[number] = running.offset

    begin = bench.progress.cursor()
    bench.drain(Each(act))
    slot = 0
    bench.progress.done(slot, begin.get("", 0))
    for _ in range(MAX_DEATHS):
        bench.progress.begin(slot, offsets[2], 1)
        bench.progress.note_death()
    bench.drain(each := Each())
    assert each.told == [0, 1, 3, 4]
    assert (bench.path / DEAD_LETTERS).read_text() == FINDINGS[2].compact(EPOCH + 2) + "\n"
    assert bench.progress.counts.dead_letters == 1
    assert bench.progress.condemned is None
    assert any(kind == "dead letter" and DEAD_LETTERS in text for kind, text in bench.said)


@pytest.mark.usefixtures("quick")
def test_no_dead_letter_is_dropped_where_the_disk_is_full(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.writer.append(entries(range(1)))
    offsets: list[int] = []
    bench.drain(Each(lambda _: offsets.append(bench.progress.running.offset) if bench.progress.running else None))
    bench.progress.done(0, 0)
    for _ in range(MAX_DEATHS):
        bench.progress.begin(0, offsets[0], 1)
        bench.progress.note_death()
    failing = [OSError(28, "No space left on device")] * 2
    kept: list[str] = []

    def keep(_: Path, line: str) -> None:
        if failing:
            raise failing.pop()
        kept.append(line)

    monkeypatch.setattr(module, "keep", keep)
    bench.drain(each := Each())
    assert (each.told, kept) == ([], [FINDINGS[0].compact(EPOCH)])
    assert ("disk", True) in [(kind, "No space left" in text) for kind, text in bench.said]


def test_batches(bench: Bench) -> None:
    bench.writer.append(entries(range(7)))
    batches = Batches()
    bench.drain(batches)
    assert batches.told == [[0, 1, 2], [3, 4, 5], [6]]
    assert bench.progress.counts.calls == 3
    assert bench.unread() == 0


@pytest.mark.usefixtures("quick")
def test_a_batch_is_told_again_as_a_whole(bench: Bench) -> None:
    bench.writer.append(entries(range(5)))
    errors: list[Exception] = [ValueError("then this"), Retry("503")]
    offsets: list[int] = []

    def act(told: list[int]) -> None:
        running = bench.progress.running
        assert running is not None
        offsets.append(running.offset)
        if told[0] == 0 and errors:
            raise errors.pop()

    bench.drain(batches := Batches(act))
    assert batches.told == [[0, 1, 2], [0, 1, 2], [3, 4]]
    assert offsets[0] == offsets[1] < offsets[2]
    assert (bench.progress.counts.retries, bench.progress.counts.errors) == (1, 1)


def test_the_point_of_a_batch_that_kills_is_found(bench: Bench) -> None:
    """And no other one gets among the dead letters."""
    bench.writer.append(entries(range(7)))
    told: list[list[int]] = []

    class Dead(BaseException):
        pass

    def act(batch: list[int]) -> None:
        told.append(batch)
        if 4 in batch:
            raise Dead

    while bench.unread():
        loop = bench.loop(Batches(act))
        bench.control.drain()
        loop._settled = lambda error, *_: (_ for _ in ()).throw(error)  # type: ignore[method-assign] # the process dies
        try:
            loop.run()
        except Dead:
            bench.progress.note_death()
        finally:
            bench.reader.close()
        assert len(told) < 20
    assert (bench.path / DEAD_LETTERS).read_text() == FINDINGS[4].compact(EPOCH + 4) + "\n"
    assert told == [[0, 1, 2], [3, 4, 5], [3], [4, 5, 6], [4], [4], [5, 6]]


def test_a_batch_that_is_interrupted_is_not_done(bench: Bench) -> None:
    bench.writer.append(entries(range(7)))

    def act(told: list[int]) -> None:
        if told[0] == 3:
            bench.control.stop()
            raise Retry("503", after=3600)

    loop = bench.loop(batches := Batches(act))
    loop.run()
    bench.reader.close()
    assert batches.told == [[0, 1, 2], [3, 4, 5]]
    assert bench.unread() == 4


def test_damage_is_counted_and_told_and_costs_what_it_covers(bench: Bench) -> None:
    bench.writer.append(entries(range(20)))
    (path,) = bench.journal.glob("*.seg")
    octets = path.read_bytes()
    line = octets.splitlines(keepends=True)[-5]
    path.write_bytes(octets.replace(line, b"x" * (len(line) - 1) + b"\n"))
    bench.drain(each := Each())
    assert len(each.told) == 19
    assert bench.progress.counts.damaged == 1
    assert [kind for kind, _ in bench.said] == ["damage"]


def test_several_writers_each_in_order(bench: Bench) -> None:
    others = [Writer(JournalSettings(directory=bench.journal), f"other{number}") for number in range(3)]
    for start in range(0, 30, 10):
        for number, writer in enumerate(others):
            writer.append([(EPOCH + 1000 * number + at, FINDINGS[0]) for at in range(start, start + 10)])
    bench.drain(each := Each())
    for number in range(3):
        mine = [at - 1000 * number for at in each.told if at // 1000 == number]
        assert mine == list(range(30))
    for writer in others:
        writer.close()


class Confined(Each):
    confined = True


def test_what_a_confined_module_prints_goes_out_before_the_cursor_moves_some_calls_at_once(bench):
    bench.writer.append(entries(range(100)))
    module_ = Confined()
    bench.drain(module_)
    assert module_.told == list(range(100))
    assert bench.progress.counts.calls == 100
    assert bench.unread() == 0
    # Flushed where the cursor stood: nothing between two of these moments was counted as done.
    assert bench.stamp.flushed == [0, 32, 64, 96]


@pytest.mark.parametrize("at", [0, 1, 31, 32, 50, 99])
def test_the_calls_before_one_that_raises_are_done_and_it_alone_is_running(bench, at):
    bench.writer.append(entries(range(100)))
    seen = []

    def act(number):
        if number == at and not seen:
            seen.append(number)
            raise Retry("once", after=0)
        if number == at:
            seen.append(bench.progress.counts.calls)
            running = bench.progress.running
            seen.append(running is not None and running.offset >= max(bench.progress.cursor().values(), default=0))

    module_ = Confined(act)
    bench.drain(module_)
    assert seen == [at, at + 1, True], "the calls before it, and its own first try, count; and it runs"
    assert module_.told == [*range(at), at, *range(at, 100)]
    assert bench.unread() == 0


@pytest.mark.parametrize("at", [0, 5, 40])
def test_a_stop_in_between_leaves_the_cursor_behind_what_was_told(bench, at):
    bench.writer.append(entries(range(100)))
    first = Confined(lambda number: bench.control.stop() if number == at else None)
    bench.drain(first)
    assert first.told == list(range(at + 1))
    bench.control = Control()
    second = Confined()
    bench.drain(second)
    assert second.told == list(range(at + 1, 100))
