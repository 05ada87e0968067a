"""One run: writers, the daemon and its modules work, and are killed at random moments until all points are in."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tools.evidence.audit import audit_journal, audit_positions, audit_seen
from tools.evidence.ledger import ACKNOWLEDGED, Ledger
from tools.evidence.modules import Told, configuration, make_modules
from tools.evidence.plan import Plan
from tools.evidence.power import cut_power

NO_DAEMON = 69
"""What `tlswitness status` answers then."""
PATIENCE = 3600.0
"""Seconds for the modules to be told the rest, in the end."""


@dataclass
class Outcome:
    """What came of a run, in numbers; `faults` in words."""

    numbers: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def add(self, name: str, number: int = 1) -> None:
        self.numbers[name] = self.numbers.get(name, 0) + number

    def words(self) -> str:
        return ", ".join(f"{number:,} {name}" for name, number in self.numbers.items())


class Run:
    """The processes of one run."""

    def __init__(self, plan: Plan, kills: int, power_cuts: int, dice: random.Random) -> None:
        self.plan = plan
        self.outcome = Outcome()
        self._kills = kills
        self._power_cuts = power_cuts
        self._dice = dice
        self._told = make_modules(plan.home)
        self._config = configuration(plan.home, self._told)
        self._counted: dict[str, tuple[int, int]] = {}
        """By module: octets of its record that were looked at, and the lines in them."""
        self._writers: dict[int, subprocess.Popen[bytes]] = {}
        self._daemon: subprocess.Popen[bytes] | None = None
        self._log = (plan.home / "daemon.log").open("ab")

    def carry_out(self) -> Outcome:
        """Until all points are written and told; then the books are compared."""
        try:
            self._work()
            self._drain()
        finally:
            self._kill_all()
            self._log.close()
        self.outcome.faults += audit_journal(self.plan)
        for told in self._told:
            self.outcome.faults += audit_seen(self.plan, told.record, told.name)
            self.outcome.add(f"lines of the module in {told.name}", _lines(told))
        self.outcome.add("points", self.plan.writers * self.plan.points)
        return self.outcome

    def _work(self) -> None:
        """Kill as the points are written and told: the next victim dies when its share of the work is done."""
        everything = self.plan.writers * self.plan.points * (1 + len(self._told))
        moments = sorted(self._dice.uniform(0, everything) for _ in range(self._kills + self._power_cuts))
        cuts = set(self._dice.sample(range(len(moments)), self._power_cuts))
        for number, moment in enumerate(moments):
            while self._done() < moment:
                self._keep_running()
                time.sleep(0.01)
            self._keep_running()
            time.sleep(self._dice.uniform(0, 0.05))
            if number in cuts:
                self._fail_power()
            else:
                self._kill_somebody()
        while self._keep_running():
            time.sleep(0.02)

    def _keep_running(self) -> bool:
        """Start whoever is missing. Whether there is something to be written."""
        self._check_daemon()
        if self._daemon is None:
            self._daemon = subprocess.Popen([*self._command(), "serve"], stdout=self._log, stderr=self._log)
            self.outcome.add("lives of the daemon")
        for number in range(self.plan.writers):
            process = self._writers.get(number)
            if process is not None and process.poll() not in {None, 0, -signal.SIGKILL}:
                self.outcome.faults.append(f"writer {number} ended with {process.returncode}")
            if process is None or process.poll() not in {None, 0}:
                self._writers[number] = self._start_writer(number)
        return any(process.poll() is None for process in self._writers.values())

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "tlswitness", "--config", str(self._config)]

    def _check_daemon(self) -> None:
        if self._daemon is not None and self._daemon.poll() is not None:
            if self._daemon.returncode != -signal.SIGKILL:
                self.outcome.faults.append(f"the daemon ended with {self._daemon.returncode}")
            self._daemon = None

    def _start_writer(self, number: int) -> subprocess.Popen[bytes]:
        plan = self.plan
        numbers = (plan.writers, plan.points, plan.batch, plan.segment_bytes, number)
        command = [sys.executable, "-m", "tools.evidence.writer", str(plan.home), *map(str, numbers)]
        self.outcome.add("lives of writers")
        return subprocess.Popen(command, cwd=Path(__file__).resolve().parents[2])

    def _written(self) -> int:
        """Points that the writers were acknowledged."""
        total = 0
        for number in range(self.plan.writers):
            ledger = Ledger(self.plan.ledger(number))
            total += ledger[ACKNOWLEDGED]
            ledger.close()
        return total

    def _done(self) -> int:
        """Points written and told; those told again count again."""
        return self._written() + sum(self._lines_of(told) for told in self._told)

    def _lines_of(self, told: Told) -> int:
        at, lines = self._counted.get(told.name, (0, 0))
        with suppress(FileNotFoundError), told.record.open("rb") as record:
            record.seek(at)
            new = record.read()
            at, lines = self._counted[told.name] = at + len(new), lines + new.count(b"\n")
        return lines

    def _kill_somebody(self) -> None:
        modules = _children(self._daemon)
        victims: list[tuple[str, int]] = [
            ("writer", process.pid) for process in self._writers.values() if process.poll() is None
        ]
        victims += [("module", pid) for pid in modules]
        if self._daemon is not None:
            victims.append(("daemon", self._daemon.pid))
        if victims:
            kind, pid = self._dice.choice(victims)
            _kill(pid)
            self.outcome.add(f"{kind}s killed")
            for process in self._everybody():
                if process.pid == pid:
                    process.wait()

    def _fail_power(self) -> None:
        self._kill_all()
        self.outcome.faults += audit_positions(self.plan, after_power_cut=False)
        gone = cut_power(self.plan.journal, self.plan.synced, self._dice)
        self.outcome.faults += audit_positions(self.plan, after_power_cut=True)
        self.outcome.add("power cuts")
        self.outcome.add("octets lost in them", gone)

    def _kill_all(self) -> None:
        for pid in [
            *(process.pid for process in self._everybody() if process.poll() is None),
            *_children(self._daemon),
        ]:
            _kill(pid)
        for process in self._everybody():
            process.wait()
        self._daemon = None

    def _everybody(self) -> list[subprocess.Popen[bytes]]:
        return [*self._writers.values(), *([self._daemon] if self._daemon else [])]

    def _drain(self) -> None:
        """The daemon ends when its modules have been told all."""
        self._keep_running()
        while subprocess.run([*self._command(), "status"], capture_output=True, check=False).returncode == NO_DAEMON:
            self._keep_running()
            time.sleep(0.05)
        assert self._daemon is not None
        self._daemon.terminate()
        if self._daemon.wait(PATIENCE) != 0:
            self.outcome.faults.append(f"the daemon ended with {self._daemon.returncode} when it was told to")
        self._daemon = None


def _children(process: subprocess.Popen[bytes] | None) -> list[int]:
    """The modules' processes. (Not every kernel has a list of children.)"""
    if process is None:
        return []
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = status.read_text().rpartition(")")[2].split()[1]
            if int(parent) == process.pid:
                found.append(int(status.parent.name))
    return found


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _lines(told: Told) -> int:
    with told.record.open("rb") as lines:
        return sum(1 for _ in lines)
