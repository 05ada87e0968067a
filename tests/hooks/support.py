"""Modules that write down what they are told, and waiting for what processes do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tlswitness.datapoint.views import View
from tlswitness.hooks.spec import Kind, ModuleLimits, ModuleSpec, Start

EPOCH = 1_746_712_864

TELLING = """
import os, sys, time
_told = os.open({told!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def told(point):
    number = point.epoch - 1746712864
    os.write(_told, b"\\n%d %d\\n" % (number, number))
    return number
"""
"""`told(point)` writes down the number of a point, and returns it."""
PLAIN = "def core_smtp_tls_reporting(point): told(point)\n"


class Hook:
    """A Python module in a file of its own, and what it has been told."""

    def __init__(self, folder: Path, name: str = "m") -> None:
        self.name = name
        self.file = folder / f"{name}.py"
        self.log = folder / f"{name}.told"

    def write(self, code: str = PLAIN) -> Hook:
        self.file.write_text(TELLING.format(told=str(self.log)) + code)
        return self

    def spec(self, **members: Any) -> ModuleSpec:
        limits = ModuleLimits(**{"nice": 0, **members.pop("limits", {})})
        given = {"name": self.name, "target": str(self.file), "view": View(), "start": Start.BEGINNING, **members}
        return ModuleSpec(kind=Kind.PYTHON, limits=limits, **given)

    @property
    def told(self) -> list[int]:
        """Numbers of points. A SIGKILL may tear a line where a page of the file ends: then it stands alone."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        pairs = [line.partition(" ") for line in lines if line]
        return [int(first) for first, _, second in pairs if first == second]


def alive(pid: int) -> bool:
    """Whether there is such a process."""
    return Path("/proc", str(pid)).exists()


async def until(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for what must come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come"
        await asyncio.sleep(0.01)
