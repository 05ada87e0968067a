"""A module in a process of its own, for as long as somebody tells it points: the parent's end of `host/trial.py`.

Separate from the supervisor because it serves a command that waits: one module, no cursor, no second life.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import msgspec

from tlswitness.datapoint.finding import Finding
from tlswitness.hooks.host.trial import BEAT, Answer, Tell, TrialOrder
from tlswitness.hooks.spec import LOAD_DEADLINE, ModuleSpec
from tlswitness.hooks.supervisor.death import how

MAX_ANSWER = 64 * 1024 * 1024
"""Octets: a module that prints without end must not fill the memory of the command."""
_PIECE = 1024 * 1024
_COMMAND = (sys.executable, "-P", "-m", "tlswitness.hooks.host.trial")


class Died(Exception):  # noqa: N818 - the module's process did
    """The process is gone, or was killed: how, in words."""


class Trial:
    """A loaded module. Use as a context manager; leaving it ends the process, whatever it does."""

    def __init__(self, spec: ModuleSpec, *, show: bool) -> None:
        """Start and load it. With `show` what it prints is in the answers, else in its file.

        `loaded.error` says why it does not load. Raises Died and OSError.
        """
        self._spec = spec
        self._answers, theirs = os.pipe()
        self._held = bytearray()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                _COMMAND, stdin=subprocess.PIPE, stdout=2, pass_fds=(theirs,), start_new_session=True
            )
        except BaseException:
            os.close(self._answers)
            raise
        finally:
            os.close(theirs)
        try:
            order = TrialOrder(spec=spec, answers=theirs, parent=os.getpid(), show=show)
            self._write(msgspec.json.encode(order))
            self.loaded = self._answer(LOAD_DEADLINE, "loading")
        except BaseException:
            self._kill()
            raise

    def tell(self, points: Sequence[tuple[int, Finding]]) -> Answer:
        """Tell `points`, each as the module's view shows it. Raises Died."""
        self._write(msgspec.json.encode(Tell([(epoch, finding.text) for epoch, finding in points])))
        return self._answer(self._spec.limits.deadline, "the call")

    def end(self) -> Answer:
        """Its own end. Raises Died."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._answer(LOAD_DEADLINE, "its end")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._kill()

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Died(self._how()) from None

    def _answer(self, deadline: float, what: str) -> Answer:
        while not (line := self._line(deadline, what)):
            pass  # a call is over, and the next one has its own deadline
        return msgspec.json.decode(line, type=Answer)

    def _line(self, deadline: float, what: str) -> bytes:
        """What the process says next, without the end of the line. Raises Died."""
        until = time.monotonic() + deadline + BEAT
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            while b"\n" not in self._held:
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise Died(self._killed(f"{what} took more than {deadline:g} s"))
                octets = os.read(self._answers, _PIECE)
                if not octets:
                    raise Died(self._how())
                self._held += octets
                if len(self._held) > MAX_ANSWER:
                    raise Died(self._killed("it printed too much in one call"))
        line, _, rest = bytes(self._held).partition(b"\n")
        self._held = bytearray(rest)
        return line

    def _how(self) -> str:
        """How it ended. It is gone, or about to be."""
        try:
            status = self._process.wait(LOAD_DEADLINE)
        except subprocess.TimeoutExpired:
            return self._killed("it closed its pipe")
        return how(status, self._spec.limits, "")

    def _killed(self, why: str) -> str:
        return how(-signal.SIGKILL, self._spec.limits, why)

    def _kill(self) -> None:
        if self._process.poll() is None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self._process.kill()
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()
        os.close(self._answers)
