"""Five modules that do harm beside one that does not, in one real daemon: each comes to the end that it earns."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.journal.support import entries
from tests.support.native import build, hook

from tlswitness import decode
from tlswitness.hooks.contract import HOOK
from tlswitness.hooks.host.deadletter import DEAD_LETTERS
from tlswitness.journal import JournalSettings, Writer, new_chain

EPOCH = 1_746_712_864
POINTS = 2000
KILLER = 1000
"""The point that the module in C dies of."""
FEW = (17, 1200, 1999)
"""Those that the others choke on: each costs three deaths, or a time."""
NUMBER = f"point.epoch - {EPOCH}"
TELLING = f"""
import os, sys, time
out = os.open({{told!r}}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def {HOOK}(point):
    number = {NUMBER}
    if number in {FEW}: harm()
    os.write(out, b"%d\\n" % number)
"""
HARM = {
    "good": "pass",
    "sleeping": "time.sleep(10)",
    "hog": "hoard = []\n    while True: hoard.append(bytearray(1 << 20))",
    "exiting": "sys.exit(3)",
}
DEADLINE = {"sleeping": 0.5, "endless": 30}
DEATHS = {
    "sleeping": "was killed: its call took more than 0.5 s",
    "hog": "ran out of its 96 MiB of memory",
    "exiting": "ended by itself with exit status 3",
    "null": "died of SIGSEGV",
}
"""How those die that die."""
MOST = 300 << 20
"""Octets of the daemon, and of all its modules together but for the hog: far more than they should have."""


class Place:
    """The daemon's directory, its modules, its journal."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = directory / "state"
        self.file = directory / "tlswitness.toml"
        text = f'state_dir = "{self.state}"\n[serve]\nmetrics = ""\ndrain = 0\n'
        self.file.write_text(text + "".join(self._modules()))

    def _modules(self) -> Iterator[str]:
        for name, harm in HARM.items():
            code = TELLING.format(told=str(self.told_file(name))) + f"def harm():\n    {harm}\n"
            yield self._module(name, "python", ".py", code, "memory = 96\n" if name == "hog" else "")
        body = (
            f"local n = js.epoch - {EPOCH}\n"
            f"if n == {FEW[0]} or n == {FEW[1]} or n == {FEW[2]} then while true do end end\nprint(n)"
        )
        script = f'require("msys.core")\nlocal mod = {{}}\nfunction mod:{HOOK}(js) {body} end\n'
        yield self._module("endless", "lua", ".lua", script + 'msys.registerModule("endless", mod)\n')
        source = hook(
            f'long n = EPOCH(json) - {EPOCH}L; if (n == {KILLER}) *(volatile int *)0 = 1;printf("%ld\\n", n); return 0;'
        )
        file = build(source, self.directory / "null.so")
        yield f'[[hook]]\nname = "null"\nc = "{file}"\nstart = "beginning"\n'

    def _module(self, name: str, kind: str, ending: str, text: str, more: str = "") -> str:
        file = self.directory / (name + ending)
        file.write_text(text)
        deadline = f"deadline = {DEADLINE.get(name, 30)}\n"
        return f'[[hook]]\n{kind} = "{file}"\nstart = "beginning"\n{deadline}{more}'

    def told_file(self, name: str) -> Path:
        return self.directory / f"{name}.told"

    def told(self, name: str) -> list[int]:
        """The numbers of the points whose calls a module has completed, in order."""
        if name in HARM:
            return [int(line) for line in self.told_file(name).read_text().splitlines()]
        log = self.state / "hooks" / name / "paniclog"
        return [int(line.rpartition(" ")[2]) for line in log.read_text().splitlines()]

    def letters(self, name: str) -> list[int]:
        """The numbers of the points in its dead letters."""
        file = self.state / "hooks" / name / DEAD_LETTERS
        points = [decode(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [point.epoch - EPOCH for point in points]  # type: ignore[union-attr]

    def write(self) -> None:
        writer = Writer(JournalSettings(directory=self.state / "journal"), new_chain("test"))
        writer.append(entries(range(POINTS)))
        writer.close()

    def ask(self, *words: str) -> dict[str, Any]:
        """What a command prints with --json."""
        command = [sys.executable, "-m", "tlswitness", "--config", str(self.file), *words, "--json"]
        found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
        return found

    def list(self) -> dict[str, dict[str, Any]]:
        found = self.ask("hooks", "list")
        assert found["daemon"]
        return {row["name"]: row for row in found["modules"]}

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-m", "tlswitness", "--config", str(self.file), "serve"]
        with (self.directory / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def memory(pid: int) -> int:
    """Octets of a process that are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def until(holds: Callable[[], bool], seconds: float = 50.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.2)


@pytest.mark.slow
def test_each_comes_to_its_own_end(place: Place) -> None:
    place.write()
    most = 0

    def all_done() -> bool:
        nonlocal most
        most = max(most, memory(daemon.pid))
        assert daemon.poll() is None, (place.directory / "log").read_text()
        rows = (place.ask("hooks", "list"))["modules"]
        return len(rows) == 6 and all(row["behind"] == 0 for row in rows)

    with place.serving() as daemon:
        until(lambda: (place.state / "status.sock").exists())
        until(all_done)
        rows, status = place.list(), place.ask("status")
        assert daemon.poll() is None

    everything = list(range(POINTS))
    assert place.told("good") == everything, "once each, in order, whatever the others do"
    assert figures(rows["good"]) == (POINTS, 0, 0, 0)
    assert place.told("null") == [number for number in everything if number != KILLER]
    assert place.letters("null") == [KILLER]
    assert figures(rows["null"]) == (POINTS - 1, 0, 3, 1)
    for name in ("sleeping", "hog", "exiting"):
        assert place.told(name) == [number for number in everything if number not in FEW], name
        assert place.letters(name) == list(FEW), f"nothing is lost by {name}"
        errors = 9 if name == "exiting" else 0
        assert figures(rows[name]) == (POINTS - 3, errors, 9, 3), name
    assert place.told("endless") == [number for number in everything if number not in FEW]
    assert figures(rows["endless"]) == (POINTS, 3, 0, 0), "an error of its call, and the process lives"
    assert rows["endless"]["slow"] >= 3, "others may have had to wait for the machine"
    assert "instructions" in rows["endless"]["last-error"] or "seconds" in rows["endless"]["last-error"]
    for name, words in DEATHS.items():
        assert words in rows[name]["last-death"], name
        assert "(death 3 of 3 on it)" in rows[name]["last-death"]
    told = {module["now"]["name"]: module["now"] for module in status["modules"]}
    for name, row in rows.items():
        assert (row["state"], told[name]["state"]) == ("running", "running"), name
        assert told[name]["last-death"] == row["last-death"]
        assert told[name]["counts"]["dead-letters"] == row["dead-letters"]
    assert most < MOST


def figures(row: dict[str, Any]) -> tuple[int, int, int, int]:
    return row["calls"], row["errors"], row["deaths"], row["dead-letters"]


@pytest.mark.slow
def test_what_is_said_in_the_midst_of_it(place: Place) -> None:
    """A call that does not end is seen as long as it lasts; a module that dies of each point, as one that waits."""
    config = place.file.read_text().replace("deadline = 0.5", "deadline = 30")
    place.file.write_text(config)
    dying = place.directory / "exiting.py"
    dying.write_text(f"import sys\ndef {HOOK}(point): sys.exit(3)\n")
    place.write()
    with place.serving():
        until(lambda: (place.state / "status.sock").exists())
        until(lambda: place.list()["sleeping"]["busy"] > 0.5)
        until(lambda: place.list()["exiting"]["deaths"] >= 4)
        until(lambda: place.list()["exiting"]["state"] == "backing off")
        again = "hook exiting is being started again"
        until(lambda: any(again in trouble for trouble in place.ask("status")["troubles"]))
        rows = place.list()
        assert rows["sleeping"]["state"] == "running"
        assert rows["sleeping"]["calls"] == FEW[0]
        assert rows["sleeping"]["behind"] > 0
        assert "ended by itself with exit status 3" in rows["exiting"]["last-death"]
        assert place.letters("exiting")[:1] == [0]
        until(lambda: place.list()["good"]["behind"] == 0)
        assert place.told("good") == list(range(POINTS))
