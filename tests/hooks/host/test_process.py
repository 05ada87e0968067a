"""A module's process as a whole, started as the supervisor starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.hooks.support import Hook
from tests.journal.support import entries

from tlswitness.hooks.host.order import (
    DRAIN,
    EXIT_BUSY,
    EXIT_MEMORY,
    EXIT_REFUSED,
    STOP,
    Ended,
    Loaded,
    Message,
    Order,
    Refused,
    Trouble,
    order_line,
    read_message,
)
from tlswitness.hooks.host.process import EXIT_ORPHAN
from tlswitness.hooks.progress import FILE, Progress
from tlswitness.journal import JournalSettings, Writer


class Started:
    """A process, and what it says."""

    def __init__(self, order: Order, messages: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tlswitness.hooks.host"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(order.messages,),
        )
        self.messages = messages
        self.tell(order_line(order))

    def tell(self, words: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(words)
        self.process.stdin.flush()

    def end(self, words: bytes | None = None) -> tuple[int, list[Message], str]:
        """Exit status, messages, stderr. With `words` it is told them first; else the end of its stdin must do."""
        if words is None:
            _, err = self.process.communicate(timeout=30)
        else:
            self.tell(words)
            status = self.process.wait(30)
            _, err = self.process.communicate()
            assert status == self.process.returncode
        heard = b""
        while octets := os.read(self.messages, 65536):
            heard += octets
        messages = [message for line in heard.splitlines() if (message := read_message(line)) is not None]
        return self.process.returncode, messages, err.decode()


class Room:
    """A journal and a module's home."""

    def __init__(self, path: Path) -> None:
        self.hook = Hook(path)
        self.home = path / "home"
        self.journal = path / "journal"
        self.home.mkdir()
        self.journal.mkdir()
        self.writer = Writer(JournalSettings(directory=self.journal), "test")
        Progress.create(self.home / FILE, {}).close()
        self.open: list[int] = []
        self.started: list[Started] = []

    def start(self, *, check: bool = False, parent: int | None = None, **members: Any) -> Started:
        ours, theirs = os.pipe()
        order = Order(
            spec=self.hook.spec(**members),
            journal=str(self.journal),
            home=str(self.home),
            messages=theirs,
            parent=os.getpid() if parent is None else parent,
            check=check,
        )
        started = Started(order, ours)
        os.close(theirs)
        self.open.append(ours)
        self.started.append(started)
        return started

    def progress(self) -> Progress:
        return Progress.open(self.home / FILE)

    def wait_told(self, count: int) -> None:
        until = time.monotonic() + 30
        while len(self.hook.told) < count:
            assert time.monotonic() < until, self.hook.told
            time.sleep(0.01)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.writer.close()
    for started in made.started:
        started.process.kill()
        started.process.communicate()
    for fd in made.open:
        os.close(fd)


def test_tells_what_is_there_and_ends(room: Room) -> None:
    room.hook.write()
    room.writer.append(entries(range(5)))
    status, messages, err = room.start().end(DRAIN)
    assert (status, messages, err) == (0, [Loaded(str(room.hook.file)), Ended()], "")
    assert room.hook.told == [0, 1, 2, 3, 4]
    assert room.start().end(DRAIN)[0] == 0
    assert room.hook.told == [0, 1, 2, 3, 4], "the cursor is kept"


def test_tells_what_comes_until_its_supervisor_is_gone(room: Room) -> None:
    room.hook.write("def core_smtp_tls_reporting(point): told(point)\ndef deinit(): told(type('P', (), {'epoch': 0}))")
    started = room.start()
    for number in range(3):
        room.writer.append(entries([number]))
        room.wait_told(number + 1)
    status, messages, _ = started.end()
    assert (status, messages[-1]) == (0, Ended())
    assert room.hook.told[:3] == [0, 1, 2]
    assert len(room.hook.told) == 4, "and its deinit was called"


def test_finishes_the_call_under_way(room: Room) -> None:
    room.hook.write("def core_smtp_tls_reporting(point):\n    told(point); time.sleep(0.3); told(point)")
    room.writer.append(entries(range(3)))
    started = room.start()
    room.wait_told(1)
    assert started.end(STOP)[0] == 0
    assert room.hook.told == [0, 0]
    with room.progress() as progress:
        assert (progress.counts.calls, progress.running) == (1, None)


@pytest.mark.parametrize(
    ("code", "reason"),
    [("", "it has no core_smtp_tls_reporting"), ("1/0", "ZeroDivisionError"), ("raise SystemExit(0)", "SystemExit: 0")],
)
def test_what_does_not_load_says_why(room: Room, code: str, reason: str) -> None:
    room.hook.write(code)
    status, (refused,), _ = room.start().end()
    assert status == EXIT_REFUSED
    assert isinstance(refused, Refused)
    assert reason in refused.reason


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def core_smtp_tls_reporting(point): sys.exit(9)", 9),
        ("def core_smtp_tls_reporting(point): exit('words')", 1),
        ("def core_smtp_tls_reporting(point): sys.exit()", 1),
        ("def core_smtp_tls_reporting(point): os._exit(0)", 0),
        ("def core_smtp_tls_reporting(point): os.kill(os.getpid(), 9)", -signal.SIGKILL),
        ("def core_smtp_tls_reporting(point): os.abort()", -signal.SIGABRT),
        ("import ctypes\ndef core_smtp_tls_reporting(point): ctypes.string_at(0)", -signal.SIGSEGV),
        ("hold = []\ndef core_smtp_tls_reporting(point):\n    while 1: hold.append(bytearray(1 << 20))", EXIT_MEMORY),
        ("hold = []\ndef core_smtp_tls_reporting(point):\n    while 1: hold.append(point.epoch * 1.5)", EXIT_MEMORY),
    ],
)
def test_a_death_in_a_call_leaves_the_point_running(room: Room, code: str, expected: int) -> None:
    room.hook.write(code)
    room.writer.append(entries(range(2)))
    status, messages, _ = room.start(limits={"memory": 200}).end(DRAIN)
    assert status == expected
    assert Ended() not in messages
    with room.progress() as progress:
        running = progress.running
        assert running is not None
        assert progress.segment(running.slot) in progress.cursor()
        assert progress.counts.calls == 0


def test_a_module_that_is_short_of_memory_once_is_told_again_by_a_new_process(room: Room) -> None:
    mark = room.home / "mark"
    room.hook.write(f"""
def core_smtp_tls_reporting(point):
    number = told(point)
    if number == 1 and not os.path.exists({str(mark)!r}):
        open({str(mark)!r}, "w").close()
        raise MemoryError
""")
    room.writer.append(entries(range(3)))
    assert room.start().end(DRAIN)[0] == EXIT_MEMORY
    assert room.start().end(DRAIN)[0] == 0
    assert room.hook.told == [0, 1, 1, 2]


def test_errors_are_said(room: Room) -> None:
    room.hook.write("def core_smtp_tls_reporting(point): raise ValueError(told(point))\ndef deinit(): 1/0")
    room.writer.append(entries(range(3)))
    status, messages, _ = room.start().end(DRAIN)
    assert status == 0
    troubles = [message for message in messages if isinstance(message, Trouble)]
    assert [trouble.kind for trouble in troubles] == ["error", "end"]
    assert troubles[0].text.startswith("ValueError: 0 at ")


def test_prints_go_to_its_output_with_the_points_time(room: Room) -> None:
    room.hook.write("print('hello')\ndef core_smtp_tls_reporting(point): print('told', point.type)")
    room.writer.append(entries(range(2)))
    output = room.home / "paniclog"
    assert room.start(output=str(output)).end(DRAIN)[0] == 0
    first, *rest = output.read_text().splitlines()
    assert first.endswith(":scriptlet: hello")
    assert abs(int(first.partition(":")[0]) - time.time()) < 60
    assert rest == ["1746712864:scriptlet: told 1", "1746712865:scriptlet: told 1"]


def test_prints_go_to_stderr_where_there_is_no_output(room: Room) -> None:
    room.hook.write("def core_smtp_tls_reporting(point): print('told')")
    room.writer.append(entries(range(1)))
    assert room.start().end(DRAIN)[2] == "1746712864:scriptlet: told\n"


def test_check_loads_and_does_no_more(room: Room) -> None:
    room.hook.write(PRINTING)
    room.writer.append(entries(range(1)))
    holding = room.start()
    room.wait_told(1)
    status, messages, err = room.start(check=True).end()
    assert (status, messages) == (0, [Loaded(str(room.hook.file))])
    assert err.endswith(":scriptlet: deinit\n")
    assert room.hook.told == [0]
    holding.end(STOP)


PRINTING = "def core_smtp_tls_reporting(point): told(point)\ndef deinit(): print('deinit')"


def test_a_second_process_of_one_module_does_not_start(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.hook.write()
    room.writer.append(entries(range(1)))
    first = room.start()
    room.wait_told(1)
    second = room.start()
    status, (refused,), _ = second.end()
    assert status == EXIT_BUSY
    assert refused == Refused("another process of this module is still running")
    assert first.end(STOP)[0] == 0


def test_the_module_has_one_thread_for_all_and_it_is_not_the_main_thread(room: Room) -> None:
    room.hook.write("""
import threading
at = threading.current_thread()
assert at is not threading.main_thread()
def init(): assert threading.current_thread() is at
def core_smtp_tls_reporting(point):
    told(point)
    assert threading.current_thread() is at
""")
    room.writer.append(entries(range(1)))
    status, messages, _ = room.start().end(DRAIN)
    assert (status, messages[1:]) == (0, [Ended()])


def test_without_its_supervisor_it_does_not_begin(room: Room) -> None:
    room.hook.write()
    room.writer.append(entries(range(1)))
    status, messages, _ = room.start(parent=1).end()
    assert (status, messages) == (EXIT_ORPHAN, [])
    assert room.hook.told == []


def test_a_damaged_progress_file_ends_it_in_words(room: Room) -> None:
    room.hook.write()
    (room.home / FILE).write_bytes(b"x" * 8192)
    status, _, err = room.start().end()
    assert status == 1
    assert "no progress file" in err
