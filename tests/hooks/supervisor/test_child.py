"""One process as the supervisor holds it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.hooks.support import Hook, alive, until

from tlswitness.hooks.host.order import DRAIN, STOP, Ended, Loaded, Message, Order, Refused
from tlswitness.hooks.progress import FILE, Progress
from tlswitness.hooks.supervisor import child as module
from tlswitness.hooks.supervisor.child import Child


class Room:
    def __init__(self, path: Path) -> None:
        self.hook = Hook(path).write()
        self.home = path / "home"
        self.journal = path / "journal"
        self.home.mkdir()
        self.journal.mkdir()
        Progress.create(self.home / FILE, {}).close()
        self.heard: list[Message] = []
        self.stderr = b""

    def start(self, config: str = "") -> Child:
        def order(messages: int) -> Order:
            spec = self.hook.spec(config=config)
            return Order(
                spec=spec, journal=str(self.journal), home=str(self.home), messages=messages, parent=os.getpid()
            )

        def take(octets: bytes) -> None:
            self.stderr += octets

        return Child(order, on_message=self.heard.append, on_stderr=take)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


@pytest.fixture
def descriptors() -> Callable[[], int]:
    return lambda: sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_starts_speaks_ends_and_leaves_nothing_open(room: Room, descriptors: Callable[[], int]) -> None:
    before = descriptors()
    child = room.start()
    await until(lambda: room.heard)
    assert not await child.wait(0.01)
    child.tell(STOP)
    assert await child.ended == 0
    assert room.heard == [Loaded(str(room.hook.file)), Ended()]
    child.tell(STOP)
    child.kill()
    assert descriptors() == before


async def test_killed(room: Room) -> None:
    child = room.start()
    child.kill()
    assert await child.ended == -signal.SIGKILL


async def test_what_it_said_last_is_heard(room: Room) -> None:
    room.hook.write("os.write(2, b'last words\\n'); os._exit(5)")
    child = room.start()
    assert await child.ended == 5
    assert room.stderr == b"last words\n"


LEAVING = """
import subprocess
program = subprocess.Popen(["sleep", "60"])
os.write(2, b"%d" % program.pid)
def core_smtp_tls_reporting(point): ...
"""


async def test_a_program_that_it_leaves_behind_does_not_keep_it_alive(room: Room) -> None:
    room.hook.write(LEAVING)
    child = room.start()
    await until(lambda: room.stderr)
    child.tell(STOP)
    assert await asyncio.wait_for(child.ended, 10) == 0
    program = int(room.stderr)
    assert alive(program), "it may have been left to do something"
    os.kill(program, signal.SIGKILL)


@pytest.mark.parametrize("code", ["os._exit(5)", "time.sleep(60)"])
async def test_programs_of_a_process_that_dies_or_is_killed_go_with_it(room: Room, code: str) -> None:
    room.hook.write(LEAVING + code)
    child = room.start()
    await until(lambda: room.stderr)
    if "sleep" in code:
        child.kill()
    assert await asyncio.wait_for(child.ended, 10) != 0
    await until(lambda: not running(int(room.stderr)))


def running(pid: int) -> bool:
    """Not counting what only waits to be reaped."""
    return alive(pid) and ") Z " not in Path("/proc", str(pid), "stat").read_text()


async def test_messages_in_pieces_and_noise(room: Room) -> None:
    """A module may write to any descriptor of its process."""
    room.hook.write("""
import stat
fds = [int(fd) for fd in os.listdir("/proc/self/fd") if int(fd) > 2]
pipes = [fd for fd in fds if os.path.exists(f"/proc/self/fd/{fd}") and stat.S_ISFIFO(os.fstat(fd).st_mode)]
assert len(pipes) == 1
os.write(pipes[0], b'{"type":"loa')
time.sleep(0.05)
os.write(pipes[0], b'ded"}\\nnonsense\\n' + b'x' * 100000 + b'\\n')
def core_smtp_tls_reporting(point): ...
""")
    child = room.start()
    await until(lambda: len(room.heard) >= 2)
    child.tell(DRAIN)
    assert await child.ended == 0
    assert room.heard == [Loaded(), Loaded(str(room.hook.file)), Ended()]


async def test_a_long_order(room: Room) -> None:
    room.hook.write("def init(config): assert len(config) == 900_000\ndef core_smtp_tls_reporting(point): ...")
    child = room.start("x" * 900_000)
    child.tell(STOP)
    assert await child.ended == 0
    assert Ended() in room.heard


async def test_an_order_that_is_too_long_is_an_error(room: Room, descriptors: Callable[[], int]) -> None:
    before = descriptors()
    with pytest.raises(ValueError, match="at most"):
        room.start("x" * 1_100_000)
    assert descriptors() == before


async def test_no_process_no_leak(room: Room, monkeypatch: pytest.MonkeyPatch, descriptors: Callable[[], int]) -> None:
    before = descriptors()
    monkeypatch.setattr(module, "_COMMAND", ("/no/such/interpreter",))
    with pytest.raises(OSError):
        room.start()
    assert descriptors() == before


async def test_the_service_managers_variables_are_not_for_modules(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/notify")
    monkeypatch.setenv("TLSW_TEST", "kept")
    room.hook.write("raise ValueError(os.environ.get('NOTIFY_SOCKET'), os.environ['TLSW_TEST'])")
    child = room.start()
    await child.ended
    (refused,) = room.heard
    assert isinstance(refused, Refused)
    assert "(None, 'kept')" in refused.reason


async def test_gives_way_from_its_first_moment_on(room: Room) -> None:
    """Not only when it has come to its order: the interpreter's start costs more than many calls."""
    spec = room.hook.spec(limits={"nice": 5})

    def order(messages: int) -> Order:
        return Order(spec=spec, journal=str(room.journal), home=str(room.home), messages=messages, parent=os.getpid())

    child = Child(order, on_message=room.heard.append, on_stderr=lambda _: None)
    assert os.sched_getscheduler(child.pid) == os.SCHED_IDLE
    await until(lambda: room.heard)
    assert os.getpriority(os.PRIO_PROCESS, child.pid) == min(19, os.nice(0) + 5)
    child.tell(STOP)
    assert await child.ended == 0
