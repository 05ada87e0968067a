"""What becomes of one module, with real processes."""

from __future__ import annotations

import json
import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from tests.hooks.support import EPOCH, PLAIN, alive, until
from tests.journal.support import FINDINGS

from tlswitness.datapoint import DataPoint, decode
from tlswitness.hooks.host.deadletter import DEAD_LETTERS
from tlswitness.hooks.host.order import EXIT_BUSY, EXIT_MEMORY, EXIT_REFUSED
from tlswitness.hooks.host.process import EXIT_ORPHAN
from tlswitness.hooks.spec import Start
from tlswitness.hooks.supervisor import State
from tlswitness.hooks.supervisor import runner as module


async def test_runs_and_catches_up(room: Any) -> None:
    hook = room.hook().write()
    room.append(range(5))
    await room.run(hook.spec())
    room.append(range(5, 10))
    found = await room.caught_up()
    assert hook.told == list(range(10))
    assert (found.state, found.counts.calls, found.counts.deaths) == (State.RUNNING, 10, 0)
    assert found.pid is not None
    assert time.time() - found.since < 60
    assert (found.last_error, found.last_death, found.refused) == ("", "", "")


async def test_a_new_module_begins_now(room: Any) -> None:
    hook = room.hook().write()
    room.append(range(5))
    await room.run(hook.spec(start=Start.NOW))
    room.append(range(5, 8))
    await room.caught_up()
    assert hook.told == [5, 6, 7]


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("os._exit(7)", "ended by itself with exit status 7"),
        ("sys.exit(0)", "ended by itself with exit status 0"),
        ("os.kill(os.getpid(), 9)", "died of SIGKILL"),
        ("ctypes.string_at(0)", "died of SIGSEGV"),
        ("raise MemoryError", "ran out of its 512 MiB of memory"),
    ],
)
async def test_three_deaths_on_a_point_put_it_to_the_dead_letters(
    room: Any, caplog: pytest.LogCaptureFixture, end: str, words: str
) -> None:
    code = f"import ctypes\ndef core_smtp_tls_reporting(point):\n    if told(point) == 2: {end}"
    hook = room.hook().write(code)
    room.append(range(5))
    await room.run(hook.spec())
    found = await room.caught_up()
    assert hook.told == [0, 1, 2, 2, 2, 3, 4]
    assert (found.counts.deaths, found.counts.dead_letters) == (3, 1)
    assert words in found.last_death
    assert "(death 3 of 3 on it)" in found.last_death
    (letter,) = (room.hooks / "m" / DEAD_LETTERS).read_text().splitlines()
    assert json.loads(letter)["epoch"] == EPOCH + 2
    point = decode(letter)
    assert isinstance(point, DataPoint)
    assert point == FINDINGS[2].at(EPOCH + 2)
    assert any(words in text and "(death 1 of 3 on it)" in text for text in caplog.messages)
    await until(lambda: any(DEAD_LETTERS in text for text in caplog.messages))


@pytest.mark.parametrize("status", [EXIT_REFUSED, EXIT_BUSY, EXIT_MEMORY, EXIT_ORPHAN])
async def test_no_exit_status_hides_a_death(room: Any, status: int) -> None:
    hook = room.hook().write(f"def core_smtp_tls_reporting(point):\n    told(point); os._exit({status})")
    await room.run(hook.spec())
    room.append(range(1))
    await until(lambda: room.of().counts.dead_letters == 1)
    assert hook.told == [0, 0, 0]
    assert room.of().counts.deaths == 3


async def test_the_story_has_its_last_words(room: Any) -> None:
    hook = room.hook().write("def core_smtp_tls_reporting(point):\n    os.write(2, b'so long\\n'); os.abort()")
    await room.run(hook.spec())
    room.append(range(1))
    found = await room.caught_up()
    assert "died of SIGABRT" in found.last_death
    assert "its last words: so long | Fatal Python error: Aborted" in found.last_death
    assert f'File "{hook.file}"' in found.last_death


async def test_a_call_that_takes_too_long_is_killed(room: Any) -> None:
    code = "def core_smtp_tls_reporting(point):\n    if told(point) == 1:\n        while True: pass"
    hook = room.hook().write(code)
    await room.run(hook.spec(limits={"deadline": 0.3}))
    room.append(range(3))
    found = await room.caught_up()
    assert hook.told == [0, 1, 1, 1, 2]
    assert "was killed: its call took more than 0.3 s" in found.last_death
    assert (found.counts.deaths, found.counts.dead_letters) == (3, 1)


async def test_slow_calls_are_counted_and_nothing_else_happens(room: Any) -> None:
    hook = room.hook().write("def core_smtp_tls_reporting(point): told(point); time.sleep(0.06)")
    await room.run(hook.spec())
    room.append(range(3))
    found = await room.caught_up()
    assert (found.counts.slow, found.counts.deaths, found.counts.errors) == (3, 0, 0)


async def test_one_that_allocates_without_end_dies_alone(room: Any) -> None:
    code = "hold = []\ndef core_smtp_tls_reporting(point):\n    if told(point) == 1:\n"
    hook = room.hook().write(f"{code}        while True: hold.append(bytearray(1 << 20))")
    await room.run(hook.spec(limits={"memory": 150}))
    room.append(range(3))
    found = await room.caught_up()
    assert hook.told == [0, 1, 1, 1, 2]
    assert "ran out of its 150 MiB of memory" in found.last_death


async def test_errors_are_counted_and_told(room: Any, caplog: pytest.LogCaptureFixture) -> None:
    hook = room.hook().write("def core_smtp_tls_reporting(point): raise ValueError(told(point))")
    await room.run(hook.spec())
    room.append(range(5))
    found = await room.caught_up()
    assert hook.told == [0, 1, 2, 3, 4]
    assert (found.counts.errors, found.counts.calls, found.counts.deaths) == (5, 5, 0)
    await until(lambda: room.of().last_error)
    assert "ValueError: 0 at" in room.of().last_error
    assert sum("ValueError" in text for text in caplog.messages) == 1


async def test_retrying_is_seen_and_is_no_call(room: Any) -> None:
    code = "def core_smtp_tls_reporting(point): told(point); raise Retry('x', after=99)"
    hook = room.hook().write(f"from tlswitness.hooks import Retry\n{code}")
    await room.run(hook.spec(limits={"deadline": 0.2}))
    room.append(range(2))
    found = await room.reach(State.RETRYING)
    assert (found.busy, found.counts.retries) == (0.0, 1)
    await until(lambda: time.time() - room.of().since > 0.5)
    assert room.of().counts.deaths == 0, "the deadline is for calls"
    start = time.monotonic()
    await room.supervisor.stop()
    assert time.monotonic() - start < 5
    assert hook.told == [0]
    assert room.of().behind > 0


async def test_busy_tells_how_long_a_call_has_taken(room: Any) -> None:
    hook = room.hook().write("def core_smtp_tls_reporting(point): told(point); time.sleep(60)")
    await room.run(hook.spec())
    room.append(range(1))
    await until(lambda: room.of().busy > 0.2)
    assert room.of().busy < 60


async def test_deaths_outside_of_calls_come_slower_and_slower(room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = room.hook().write("told(type('P', (), {'epoch': 0})); os._exit(9)")
    waits: list[float] = []
    real = module.Backoff.next

    def next_(backoff: module.Backoff) -> float:
        waits.append(real(backoff))
        return 0.01

    monkeypatch.setattr(module.Backoff, "next", next_)
    monkeypatch.setattr(module, "RESTART_FIRST", 0.1)
    await room.run(hook.spec())
    await until(lambda: len(waits) >= 10)
    assert waits[:10] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0]
    found = room.of()
    assert found.counts.deaths >= 10
    assert found.last_death.endswith("its process ended by itself with exit status 9, outside of a call")
    assert found.counts.dead_letters == 0


async def test_the_wait_between_two_deaths_is_seen(room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESTART_FIRST", 60.0)
    hook = room.hook().write("os._exit(9)")
    await room.run(hook.spec())
    found = await room.reach(State.BACKING_OFF)
    assert found.pid is None
    await room.supervisor.stop()
    assert room.of().state is State.STOPPED


async def test_what_does_not_load_is_loud_and_waits_for_its_file(room: Any, caplog: pytest.LogCaptureFixture) -> None:
    hook = room.hook().write("def core_smtp_tls_reporting(: ...")
    room.append(range(2))
    await room.run(hook.spec())
    found = await room.reach(State.FAILED)
    assert "syntax error" in found.refused
    assert found.pid is None
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage().startswith(f"hook 'm' is not loaded: {hook.file}: syntax error")
    hook.write()
    await room.caught_up()
    assert hook.told == [0, 1]
    assert room.of().refused == ""


async def test_loading_has_an_end(room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOAD_DEADLINE", 0.5)
    hook = room.hook().write("time.sleep(60)")
    await room.run(hook.spec())
    found = await room.reach(State.FAILED)
    assert found.refused == "loading took more than 0.5 s"


async def test_killed_by_hand_between_two_calls_it_starts_again(room: Any) -> None:
    hook = room.hook().write()
    await room.run(hook.spec())
    room.append(range(3))
    found = await room.caught_up()
    os.kill(found.pid, signal.SIGKILL)
    await until(lambda: room.of().counts.deaths == 1)
    room.append(range(3, 6))
    found = await room.caught_up()
    assert hook.told == [0, 1, 2, 3, 4, 5]
    assert found.last_death.endswith("died of SIGKILL, outside of a call")


async def test_stop_lets_the_call_end(room: Any) -> None:
    hook = room.hook().write("def core_smtp_tls_reporting(point): told(point); time.sleep(0.5); told(point)")
    await room.run(hook.spec())
    room.append(range(3))
    await until(lambda: hook.told == [0])
    pid = room.of().pid
    await room.supervisor.stop()
    assert hook.told == [0, 0]
    assert not alive(pid)
    found = room.of()
    assert (found.state, found.pid, found.counts.calls, found.counts.deaths) == (State.STOPPED, None, 1, 0)


async def test_stop_waits_for_no_call_for_ever_and_that_is_no_death(
    room: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hook = room.hook().write("def core_smtp_tls_reporting(point): told(point); time.sleep(60)")
    await room.run(hook.spec())
    room.append(range(1))
    await until(lambda: hook.told == [0])
    start = time.monotonic()
    await room.supervisor.stop(deadline=0.3)
    assert time.monotonic() - start < 10
    assert room.of().counts.deaths == 0
    assert "its call did not end within 0.3 s" in caplog.text
    hook.write()
    await room.run(hook.spec())
    await room.caught_up()
    assert hook.told == [0, 0], "it is told again"


async def test_drain_tells_what_there_is(room: Any) -> None:
    hook = room.hook().write("def core_smtp_tls_reporting(point): told(point); time.sleep(0.002)")
    await room.run(hook.spec())
    await room.reach(State.RUNNING)
    room.append(range(200))
    await room.supervisor.stop(drain=30.0)
    assert hook.told == list(range(200))
    assert room.of().behind == 0


async def test_drain_has_an_end(room: Any) -> None:
    hook = room.hook().write("def core_smtp_tls_reporting(point): told(point); time.sleep(0.05)")
    await room.run(hook.spec())
    room.append(range(1000))
    await until(lambda: hook.told)
    start = time.monotonic()
    await room.supervisor.stop(drain=0.3)
    assert time.monotonic() - start < 10
    count = len(hook.told)
    assert 0 < count < 1000
    hook.write()
    await room.run(hook.spec())
    await room.caught_up()
    assert hook.told == list(range(1000)), "and the rest comes with the next start"


async def test_deinit_that_never_ends_is_killed(room: Any) -> None:
    hook = room.hook().write(f"{PLAIN}def deinit(): time.sleep(60)")
    await room.run(hook.spec())
    room.append(range(1))
    await room.caught_up()
    pid = room.of().pid
    await room.supervisor.stop(deadline=0.3)
    assert not alive(pid)
    assert room.of().counts.deaths == 0


async def test_stderr_is_logged_line_by_line(room: Any, caplog: pytest.LogCaptureFixture) -> None:
    hook = room.hook().write("import logging\ndef core_smtp_tls_reporting(point): logging.warning('two\\nlines')")
    await room.run(hook.spec())
    room.append(range(1))
    await until(lambda: "hook m: stderr: lines" in caplog.messages)
    assert "hook m: stderr: WARNING:root:two" in caplog.messages


async def test_no_disk_no_module_but_it_is_tried_again(
    room: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    room.hooks.write_text("a file")
    hook = room.hook().write()
    await room.run(hook.spec())
    room.append(range(1))
    found = await room.reach(State.BACKING_OFF)
    assert "its progress cannot be kept" in found.last_error
    room.hooks.unlink()
    await room.caught_up()
    assert hook.told == [0]


async def test_a_damaged_progress_file_makes_a_new_module(room: Any, caplog: pytest.LogCaptureFixture) -> None:
    hook = room.hook().write()
    await room.run(hook.spec())
    room.append(range(2))
    await room.caught_up()
    await room.supervisor.stop()
    (room.hooks / "m" / "progress").write_bytes(b"x" * 10000)
    await room.run(hook.spec())
    await room.caught_up()
    assert hook.told == [0, 1, 0, 1]
    assert "is set aside" in caplog.text


async def test_a_module_that_writes_over_its_progress_is_killed_and_goes_on(room: Any) -> None:
    progress = room.hooks / "m" / "progress"
    code = (
        "def core_smtp_tls_reporting(point):\n"
        "    if told(point) == 2:\n"
        f"        with open({str(progress)!r}, 'r+b') as file: file.write(b'\\xff' * 4096)\n"
        "        time.sleep(60)\n"
    )
    hook = room.hook().write(code)
    room.append(range(3))
    await room.run(hook.spec())
    await until(lambda: hook.told[-1:] == [2])
    hook.write()
    await until(lambda: progress.with_name("progress.damaged").exists())
    room.append(range(3, 6))
    found = await room.caught_up()
    assert hook.told == [0, 1, 2, 0, 1, 2, 3, 4, 5]
    assert "its progress file is no progress file" in found.last_death


async def test_a_module_that_writes_over_its_progress_does_not_hinder_a_stop(room: Any) -> None:
    progress = room.hooks / "m" / "progress"
    code = (
        "def core_smtp_tls_reporting(point):\n"
        f"    with open({str(progress)!r}, 'r+b') as file: file.write(b'\\xff' * 4096)\n"
        "    told(point)\n"
    )
    hook = room.hook().write(code)
    room.append(range(1))
    await room.run(hook.spec())
    await until(lambda: hook.told)
    await room.supervisor.stop()
    assert room.of().state is State.STOPPED


async def test_a_progress_file_that_is_cut_off_ends_the_process_alone(room: Any) -> None:
    hook = room.hook().write()
    room.append(range(3))
    await room.run(hook.spec())
    await room.caught_up()
    pid = room.of().pid
    os.truncate(room.hooks / "m" / "progress", 0)
    assert room.of().counts.calls == 3
    await until(lambda: not alive(pid))
    room.append(range(3, 5))
    await until(lambda: hook.told[-2:] == [3, 4])
    assert "it has become shorter" in room.of().last_death


@pytest.mark.parametrize("first", [0, 3])
async def test_a_module_that_closes_all_descriptors_is_begun_anew(room: Any, first: int) -> None:
    hook = room.hook().write(
        "def core_smtp_tls_reporting(point):\n"
        f"    if told(point) == 2 and len(open({str(room.path / 'm.told')!r}).readlines()) == 6:\n"
        f"        os.closerange({first}, 65536)\n"
    )
    room.append(range(3))
    await room.run(hook.spec())
    await until(lambda: room.of().counts.deaths)
    room.append(range(3, 6))
    await room.caught_up()
    assert sorted(set(hook.told)) == list(range(6))


async def test_a_process_that_a_module_forks_goes_no_further_than_its_call(room: Any, tmp_path: Path) -> None:
    output = tmp_path / "paniclog"
    hook = room.hook().write(
        "def core_smtp_tls_reporting(point):\n"
        "    print('point', told(point))\n"
        "    if point.epoch - 1746712864 == 2: os.fork()\n"
    )
    room.append(range(2000))
    await room.run(hook.spec(output=str(output)))
    found = await room.caught_up()
    assert hook.told == list(range(2000))
    assert [line.rpartition(" ")[2] for line in output.read_text().splitlines()] == list(map(str, range(2000)))
    assert (found.counts.calls, found.counts.deaths) == (2000, 0)
