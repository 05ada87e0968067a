"""How fast a command answers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from bench.measure import Measure, duration

COMMANDS = (("--help",), ("config", "--help"), ("config", "check"))


def bench() -> Iterator[Measure]:
    for args in COMMANDS:
        command = [sys.executable, "-c", "from tlswitness.cli import main; main()", *args]
        yield duration(f"tlswitness {' '.join(args)}", lambda: subprocess.run(command, check=True, capture_output=True))  # noqa: B023
