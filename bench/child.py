"""Processes of ours that are told what to do in JSON lines, and pinned to a core of their own."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = 0
"""The core for whoever sends; one, so that none is faster for having two."""
SERVERS = 1
"""The core for the sink."""


class Child:
    """`python -m MODULE ARGS`, whose first line says that it is ready."""

    def __init__(
        self, module: str, *args: str, under: Sequence[str] = (), fds: Sequence[int] = (), hello: object = None
    ) -> None:
        self._name = module
        command = [*under, sys.executable, "-m", module, *args]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=tuple(fds)
        )
        self.facts: dict[str, Any] = self.ask(hello)

    @property
    def memory(self) -> int:
        """Octets of the process in memory."""
        return int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]) * resource.getpagesize()

    def ask(self, order: object) -> dict[str, Any]:
        """The answer to an order; raises RuntimeError where the process has ended."""
        self.tell(order)
        return self.answer()

    def tell(self, order: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """For a while, and then where one was before."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    pin(core)
    try:
        yield
    finally:
        if before:
            os.sched_setaffinity(0, before)


def pin(core: int) -> None:
    """Stay on one core, where there are two; and take as many descriptors as we may."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) > 1:
            os.sched_setaffinity(0, {cores[core % len(cores)]})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def say(answer: Mapping[str, object]) -> None:
    """One answer."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
