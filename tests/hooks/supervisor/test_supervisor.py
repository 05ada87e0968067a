"""All modules together: reloads, stops, and everybody killed at any moment."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.hooks.support import EPOCH, PLAIN, Hook, alive, until
from tests.journal.support import FINDINGS, entries

from tlswitness.datapoint.views import SEED_VIEW
from tlswitness.hooks.progress import FILE, Progress
from tlswitness.hooks.supervisor import Applied, State
from tlswitness.journal import JournalSettings, Writer


async def test_modules_do_not_hurt_each_other(room: Any) -> None:
    good = room.hook("good").write()
    hangs = room.hook("hangs").write("def core_smtp_tls_reporting(point): told(point); time.sleep(60)")
    dies = room.hook("dies").write("def core_smtp_tls_reporting(point): os._exit(1)")
    broken = room.hook("broken").write("1/0")
    room.append(range(100))
    await room.run(*(hook.spec() for hook in (hangs, dies, broken, good)))
    await room.caught_up("good")
    assert good.told == list(range(100))
    await room.reach(State.FAILED, "broken")
    await until(lambda: room.of("dies").counts.deaths)
    assert [found.name for found in room.supervisor.snapshots()] == ["hangs", "dies", "broken", "good"]


async def test_reload_touches_what_has_changed_alone(room: Any) -> None:
    same, other, gone = (room.hook(name).write() for name in ("same", "other", "gone"))
    await room.run(same.spec(), other.spec(), gone.spec())
    room.append(range(3))
    for name in ("same", "other", "gone"):
        await room.caught_up(name)
    pids = {found.name: found.pid for found in room.supervisor.snapshots()}
    new = room.hook("new").write()
    other.write("def core_smtp_tls_reporting(point): told(point); told(point)")
    applied = await room.supervisor.apply([same.spec(), other.spec(), new.spec()])
    assert applied == Applied(started=("new",), replaced=("other",), stopped=("gone",))
    room.append(range(3, 5))
    for name in ("same", "other", "new"):
        await room.caught_up(name)
    assert room.of("same").pid == pids["same"]
    assert room.of("other").pid != pids["other"]
    assert not alive(pids["gone"])
    assert same.told == [0, 1, 2, 3, 4]
    assert other.told == [0, 1, 2, 3, 3, 4, 4], "its cursor was kept"
    assert new.told == [0, 1, 2, 3, 4]
    assert gone.told == [0, 1, 2]
    assert await room.supervisor.apply([same.spec(), other.spec(), new.spec()]) == Applied()


async def test_a_changed_spec_is_a_new_version(room: Any) -> None:
    hook = room.hook().write()
    await room.run(hook.spec())
    await room.reach(State.RUNNING)
    assert (await room.supervisor.apply([hook.spec(view=SEED_VIEW)])).replaced == ("m",)
    room.append(range(2))
    await room.caught_up()
    assert hook.told == [0, 1]


@pytest.mark.parametrize("code", ["def core_smtp_tls_reporting(: ...", "os._exit(3)", "def init(): 1/0\n" + PLAIN])
async def test_a_new_version_that_does_not_load_leaves_the_old_one_running(
    room: Any, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    hook = room.hook().write()
    await room.run(hook.spec())
    room.append(range(2))
    found = await room.caught_up()
    hook.write(code)
    applied = await room.supervisor.apply([hook.spec()])
    ((name, why),) = applied.refused
    assert name == "m"
    assert (applied.replaced, applied.started) == ((), ())
    assert room.of().refused == why
    assert "its new version does not load, the old one goes on" in caplog.text
    room.append(range(2, 4))
    now = await room.caught_up()
    assert (now.pid, now.state) == (found.pid, State.RUNNING)
    assert hook.told == [0, 1, 2, 3]
    hook.write()
    assert (await room.supervisor.apply([hook.spec()])).replaced == ("m",)
    await room.reach(State.RUNNING)
    assert room.of().refused == ""


async def test_a_module_that_has_failed_is_tried_again_by_a_reload(room: Any) -> None:
    spec = room.hook().spec()
    await room.run(spec)
    await room.reach(State.FAILED)
    room.hook().write()
    await room.run(spec)
    await room.reach(State.RUNNING)


@pytest.mark.parametrize("names", [("a", "a"), ("..",), ("a/b",)])
async def test_names_are_refused_before_anything_is_done(room: Any, names: tuple[str, ...]) -> None:
    good = room.hook("good").write()
    await room.run(good.spec())
    with pytest.raises(ValueError):
        await room.supervisor.apply([room.hook("x").spec(name=name) for name in names])
    assert [found.name for found in room.supervisor.snapshots()] == ["good"]


async def test_a_stop_does_not_wait_for_a_new_version_to_load(room: Any) -> None:
    hook = room.hook().write()
    await room.run(hook.spec())
    await room.reach(State.RUNNING)
    mark = room.path / "loading"
    hook.write(f"open({str(mark)!r}, 'w').close(); time.sleep(60)")
    applying = asyncio.create_task(room.supervisor.apply([hook.spec()]))
    await until(mark.exists)
    start = time.monotonic()
    await room.supervisor.stop()
    assert time.monotonic() - start < 10
    assert (await applying).refused == (("m", "all modules are being stopped"),)
    assert room.of().state is State.STOPPED


async def test_told_within_milliseconds(room: Any) -> None:
    hook = room.hook().write()
    await room.run(hook.spec())
    await room.reach(State.RUNNING)
    took = []
    for number in range(20):
        start = time.monotonic()
        room.append([number])
        await asyncio.to_thread(_spin, hook, number + 1)
        took.append(time.monotonic() - start)
    assert sorted(took)[10] < 0.05, took


def _spin(hook: Hook, count: int) -> None:
    until = time.monotonic() + 10
    while len(hook.told) < count and time.monotonic() < until:
        time.sleep(0.0005)


DAEMON = """
import asyncio, sys
from pathlib import Path
from tests.hooks.support import Hook
from tlswitness.hooks.supervisor import Supervisor

async def main():
    folder = Path(sys.argv[1])
    supervisor = Supervisor(folder / "journal", folder / "hooks")
    await supervisor.apply([Hook(folder, name).spec() for name in ("a", "b")])
    print("up", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
WRITERS = 2


def _pids(folder: Path) -> list[int]:
    """The processes of modules, by their open lock files."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                links = [os.readlink(fd) for fd in (process / "fd").iterdir()]  # noqa: PTH115
            except OSError:
                continue
            if any(link.startswith(str(folder / "hooks")) and link.endswith("/lock") for link in links):
                found.append(int(process.name))
    return found


def test_everybody_killed_at_any_moment_and_nothing_is_passed_over(tmp_path: Path) -> None:
    """Each module is told each point at least once, and in the order of its writer."""
    (tmp_path / "journal").mkdir()
    hooks = [Hook(tmp_path, name).write() for name in ("a", "b")]
    writers = [Writer(JournalSettings(directory=tmp_path / "journal"), f"w{number}") for number in range(WRITERS)]
    chance, total = random.Random(4), 0
    daemons: list[subprocess.Popen[str]] = []

    def daemon() -> subprocess.Popen[str]:
        root = str(Path(__file__).resolve().parents[3])
        process = subprocess.Popen(
            [sys.executable, "-c", DAEMON, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root
        )
        daemons.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process

    def append() -> None:
        nonlocal total
        for number, writer in enumerate(writers):
            writer.append([(EPOCH + number * 1_000_000 + total + at, FINDINGS[at % 10]) for at in range(50)])
        total += 50

    running = daemon()
    for _ in range(12):
        for _ in range(chance.randrange(20)):
            append()
            time.sleep(chance.random() * 0.01)
        if chance.random() < 0.5:
            running.kill()
            running.wait()
            running = daemon()
        else:
            for pid in _pids(tmp_path):
                os.kill(pid, signal.SIGKILL)
    append()
    assert _all_told(hooks, total), [len(hook.told) for hook in hooks]
    running.kill()
    running.wait()
    _gone(tmp_path)
    for hook in hooks:
        for number in range(WRITERS):
            mine = [at - number * 1_000_000 for at in hook.told if at // 1_000_000 == number]
            assert sorted(set(mine)) == list(range(total))
            firsts = list(dict.fromkeys(mine))
            assert firsts == list(range(total)), "in order"
            assert len(mine) - total <= 15, "twice only what was under way"
    for process in daemons:
        assert process.stdout is not None
        process.stdout.close()
    for writer in writers:
        writer.close()
    with Progress.open(tmp_path / "hooks" / "a" / FILE) as progress:
        assert progress.counts.dead_letters == 0


def _all_told(hooks: list[Hook], total: int) -> bool:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if all(len(set(hook.told)) == WRITERS * total for hook in hooks):
            return True
        time.sleep(0.05)
    return False


def _gone(folder: Path) -> None:
    """Without their supervisor modules end at once."""
    end = time.monotonic() + 10
    while _pids(folder):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_death_of_the_daemon_in_a_call_is_held_against_no_point(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    slow = "def core_smtp_tls_reporting(point): told(point); time.sleep(600)"
    hooks = [Hook(tmp_path, name).write(slow) for name in ("a", "b")]
    writer = Writer(JournalSettings(directory=tmp_path / "journal"), "w")
    writer.append(entries(range(1)))
    root = str(Path(__file__).resolve().parents[3])
    for life in range(1, 5):
        with subprocess.Popen(
            [sys.executable, "-c", DAEMON, str(tmp_path)], stdout=subprocess.PIPE, cwd=root
        ) as daemon:
            end = time.monotonic() + 20
            while any(len(hook.told) < life for hook in hooks):
                assert time.monotonic() < end
                time.sleep(0.01)
            daemon.kill()
        _gone(tmp_path)
    with Progress.open(tmp_path / "hooks" / "a" / FILE) as progress:
        assert (progress.counts.deaths, progress.condemned) == (0, None)
        assert progress.running is not None
    writer.close()
