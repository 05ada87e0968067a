"""How fast a command answers, beside Python itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from bench.measure import Comparison, Contender, Pace, Sample, duration, race

COMMANDS = (("--help",), ("config", "--help"), ("config", "check"))


def bench(pace: Pace) -> Iterator[Comparison]:
    ours = [
        _command(f"tlswitness {' '.join(args)}", "from tlswitness.cli import main; main()", *args) for args in COMMANDS
    ]
    versus = [(contender.name, "python", None) for contender in ours]
    yield race("a command", "ms", [*ours, _command("python", "pass")], versus, pace.rounds)


def _command(name: str, code: str, *args: str) -> Contender:
    def run() -> Sample:
        command = [sys.executable, "-c", code, *args]
        return duration(lambda: subprocess.run(command, check=True, capture_output=True))

    return Contender(name, run)
