"""`python -m tlswitness.hooks.host.trial`: a module in a process of its own that is told what its parent gives it.

Separate from the process that serves the journal because it has neither cursor nor lock nor dead letters: `hooks test`
and `hooks replay` tell a module points, and want to know what came of each. The parent writes an order and then points
on descriptor 0, lines of JSON both, and reads one answer to each from a pipe of its own, where an empty line says that
a call is over and more are to come. The end of 0 ends the module.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from tlswitness.datapoint.finding import Finding
from tlswitness.datapoint.reader import DataPointError
from tlswitness.hooks.complaints import error_words
from tlswitness.hooks.contract import HookLoadFailed, Retry
from tlswitness.hooks.host.callee import BatchCallee, Callee
from tlswitness.hooks.host.ending import end_with
from tlswitness.hooks.host.kinds import load
from tlswitness.hooks.host.paniclog import Paniclog
from tlswitness.hooks.host.surroundings import deafen, die_with, step_back
from tlswitness.hooks.spec import Kind, ModuleSpec

MAX_KEPT = 10_000
"""Findings that are kept, so that a host finds again what it made of them."""
MAX_SHOWN = 2000
"""Characters of a returned value."""
BEAT = 1.0
"""Seconds after which the parent hears that a call is over, where there is no answer yet: each has its own deadline."""

_OURS_TO_FILES = (Kind.PANICLOG, Kind.JSONL)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOrder:
    """All that the process has to know."""

    spec: ModuleSpec
    answers: int
    """The descriptor for the answers."""
    parent: int
    show: bool
    """What it prints, and what ours write, goes into the answers, and into no file."""


class Tell(msgspec.Struct, frozen=True):
    """Points to tell in one go: each as its epoch and the text of its finding, as the module's view shows it."""

    points: list[tuple[int, str]]


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of loading, of the points of one `Tell`, or of the end."""

    printed: str = ""
    """As lines of a paniclog."""
    seconds: float = 0.0
    returned: str | None = None
    """The value of the last call, as Python writes it."""
    errors: int = 0
    slow: int = 0
    error: str = ""
    """The last one, in words."""
    retry: float | None = None
    """It asks to be told again, after so many seconds; negative: it does not say."""
    told: int = 0
    """Points that need not be told again."""


class _Lines:
    """Keeps what is printed until it is asked for."""

    def __init__(self) -> None:
        self._held = bytearray()

    def append(self, octets: bytes) -> None:
        self._held += octets

    def take(self) -> str:
        held, self._held = self._held, bytearray()
        return held.decode("utf-8", "backslashreplace")

    def close(self) -> None: ...


class _File(_Lines):
    """What one of ours writes, in place of its file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._at = 0

    def take(self) -> str:
        with self._path.open("rb") as file:
            file.seek(self._at)
            octets = file.read()
        self._at += len(octets)
        return octets.decode("utf-8", "backslashreplace")


def main(orders: int = 0) -> int:
    """Carry out the order that comes on the descriptor `orders`. The exit status."""
    with os.fdopen(orders, "rb", closefd=False) as stream:
        order = msgspec.json.decode(stream.readline(), type=TrialOrder)
        if not die_with(order.parent):
            return 1
        deafen()
        step_back(order.spec.limits)
        # A module is called in a thread that is not the main one, as the daemon does it.
        thread = threading.Thread(target=_run, args=(order, stream), name=f"hook {order.spec.name}")
        thread.start()
        thread.join()
    return 0


def _run(order: TrialOrder, lines: Iterator[bytes]) -> None:
    try:
        _carry_out(order, lines)
    except MemoryError as error:
        end_with(error)


def _carry_out(order: TrialOrder, lines: Iterator[bytes]) -> None:
    os.set_inheritable(order.answers, False)
    with tempfile.TemporaryDirectory() if order.show and order.spec.kind in _OURS_TO_FILES else nullcontext() as place:
        spec = order.spec if place is None else replace(order.spec, target=str(Path(place) / "file"))
        shown = _Lines() if place is None else _File(Path(spec.target))
        printer = _printer(spec, shown, show=order.show)
        callee = load(spec, printer)
        if isinstance(callee, HookLoadFailed):
            _say(order.answers, Answer(printed=_Lines.take(shown), error=callee.reason, errors=1))
            return
        telling = _Telling(spec, callee, printer, shown, lambda: _write(order.answers, b"\n"))
        _say(order.answers, Answer(printed=shown.take()))
        for line in lines:
            _say(order.answers, telling.tell(msgspec.json.decode(line, type=Tell)))
        _say(order.answers, telling.end())


def _printer(spec: ModuleSpec, shown: _Lines, *, show: bool) -> Paniclog:
    if show or not spec.output:
        return Paniclog(shown, microseconds=spec.microseconds)
    return Paniclog.to(Path(spec.output), microseconds=spec.microseconds)


class _Telling:
    """A loaded module, and what comes of telling it."""

    def __init__(
        self,
        spec: ModuleSpec,
        callee: Callee | BatchCallee,
        printer: Paniclog,
        shown: _Lines,
        beat: Callable[[], None],
    ) -> None:
        """`beat` is called now and then between two calls."""
        self._budget = spec.limits.budget
        self._beat = beat
        self._callee = callee
        self._printer = printer
        self._shown = shown
        self._findings: dict[str, Finding] = {}

    def tell(self, tell: Tell) -> Answer:
        """Tell the points in their order, up to one that is to be told again."""
        points = [(epoch, self._finding(text)) for epoch, text in tell.points]
        if isinstance(self._callee, BatchCallee):
            callee = self._callee
            calls = [points[at : at + callee.batch] for at in range(0, len(points), callee.batch)]
        else:
            calls = [[point] for point in points]
        answer = Answer()
        heard = time.monotonic()
        for call in calls:
            answer = self._call(call, answer)
            if answer.retry is not None:
                break
            if time.monotonic() - heard > BEAT:
                self._beat()
                heard = time.monotonic()
        return msgspec.structs.replace(answer, printed=self._shown.take())

    def end(self) -> Answer:
        """The module's own end."""
        error = ""
        try:
            self._callee.close()
        except BaseException as raised:  # noqa: BLE001 - it is the module's
            error = f"its end failed: {error_words(raised)}"
        self._printer.flush()
        return Answer(printed=_Lines.take(self._shown), error=error, errors=int(bool(error)))

    def _call(self, points: Sequence[tuple[int, Finding]], before: Answer) -> Answer:
        returned, error, retry = None, before.error, None
        self._printer.epoch = points[0][0]
        begun = time.monotonic()
        failed = False
        try:
            if isinstance(self._callee, BatchCallee):
                value = self._callee.call_batch(points)
            else:
                value = self._callee.call(*points[0])
            returned = None if value is None else repr(value)[:MAX_SHOWN]
        except Retry as asked:
            retry = -1.0 if asked.after is None else asked.after
            error = f"it asks to be told again: {asked}"
        except BaseException as raised:  # noqa: BLE001 - whatever it is: this is the wall
            end_with(raised)
            failed, error = True, error_words(raised)
        seconds = time.monotonic() - begun
        self._printer.epoch = None
        self._printer.flush()
        return Answer(
            seconds=before.seconds + seconds,
            returned=returned,
            errors=before.errors + failed,
            slow=before.slow + (seconds > self._budget),
            error=error,
            retry=retry,
            told=before.told + (0 if retry is not None else len(points)),
        )

    def _finding(self, text: str) -> Finding:
        known = self._findings.get(text)
        if known is not None:
            return known
        finding = Finding.decode(text)
        if isinstance(finding, DataPointError):
            raise ValueError(str(finding))  # noqa: TRY004 - the parent has sent what is no finding
        if len(self._findings) >= MAX_KEPT:
            self._findings.clear()
        self._findings[text] = finding
        return finding


def _say(fd: int, answer: Answer) -> None:
    _write(fd, msgspec.json.encode(answer) + b"\n")


def _write(fd: int, octets: bytes) -> None:
    while octets:
        octets = octets[os.write(fd, octets) :]


if __name__ == "__main__":
    sys.exit(main())
