"""A module's process: its order, its surroundings, its two threads, its end.

Separate from the loop because this is about the process. Everything of the module happens in one thread, which is not
the main thread: that one listens to the supervisor. So a stop is heard at once, a library that wants one thread for all
it does gets it, and C modules are called where the seed says that they may be.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from tlswitness.hooks.complaints import Complaints, error_words
from tlswitness.hooks.contract import HookLoadFailed
from tlswitness.hooks.host.callee import BatchCallee, Callee
from tlswitness.hooks.host.control import Control
from tlswitness.hooks.host.kinds import load
from tlswitness.hooks.host.loop import Loop
from tlswitness.hooks.host.order import (
    EXIT_BUSY,
    EXIT_MEMORY,
    EXIT_REFUSED,
    MAX_ORDER,
    Ended,
    Loaded,
    Order,
    Refused,
    read_order,
)
from tlswitness.hooks.host.paniclog import Paniclog
from tlswitness.hooks.host.shown import Shown
from tlswitness.hooks.host.speech import Speech
from tlswitness.hooks.host.surroundings import collect_seldom, deafen, die_with, hold_alone, leave_a_trace, step_back
from tlswitness.hooks.progress import FILE, BadProgress, Progress
from tlswitness.hooks.spec import ModuleSpec
from tlswitness.journal.reader import Reader

COMPLAIN = 60.0
"""Seconds between two complaints of one kind."""
EXIT_ORPHAN = 243
"""Nobody reads this exit status: the supervisor is gone."""


def main(orders: int = 0) -> int:
    """Carry out the order that comes on the descriptor `orders`. The exit status."""
    order = read_order(_line(orders))
    if not die_with(order.parent):
        return EXIT_ORPHAN
    leave_a_trace()
    deafen()
    step_back(order.spec.limits)
    return ModuleProcess(order).run(orders)


class ModuleProcess:
    """One life of one module."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._home = Path(order.home)
        self._speech = Speech(order.messages)
        self._control = Control()
        self._status = 1

    def run(self, orders: int) -> int:
        """The exit status. Returns when the module's thread is over."""
        thread = threading.Thread(target=self._live, name=f"hook {self._order.spec.name}")
        thread.start()
        self._control.listen(orders)
        thread.join()
        return self._status

    def _live(self) -> None:
        try:
            self._status = self._check() if self._order.check else self._serve()
        except MemoryError:
            os._exit(EXIT_MEMORY)
        finally:
            self._over()

    def _over(self) -> None:
        try:
            self._control.over()
        except OSError:  # the module has closed what is not its own: the main thread cannot be woken
            os._exit(self._status or 1)

    def _check(self) -> int:
        """Does it load? Its calls, and what it may have to do alone, are another process's."""
        callee = self._load(_paniclog(self._order.spec, to_file=False))
        if callee is None:
            return EXIT_REFUSED
        self._close(callee)
        return 0

    def _serve(self) -> int:
        if not hold_alone(self._home):
            self._speech.say(Refused("another process of this module is still running"))
            return EXIT_BUSY
        order = self._order
        printer = _paniclog(order.spec)
        os.register_at_fork(after_in_child=printer.forget)
        callee = self._load(printer)
        if callee is None:
            return EXIT_REFUSED
        collect_seldom()
        complaints = Complaints(order.spec.name, COMPLAIN, time.monotonic, self._speech.trouble)
        try:
            with Progress.open(self._home / FILE) as progress, _reader(order, progress) as reader:
                Loop(
                    callee,
                    reader=reader,
                    progress=progress,
                    shown=Shown(order.spec.view),
                    budget=order.spec.limits.budget,
                    home=self._home,
                    stamp=printer,
                    control=self._control,
                    complaints=complaints,
                ).run()
        except (BadProgress, OSError) as error:
            os.write(2, f"{error}\n".encode(errors="replace"))
            return 1
        self._speech.say(Ended())
        self._close(callee)
        printer.close()
        return 0

    def _load(self, printer: Paniclog) -> Callee | BatchCallee | None:
        """The module, and a word to the supervisor."""
        callee = load(self._order.spec, printer)
        if isinstance(callee, HookLoadFailed):
            self._speech.say(Refused(callee.reason))
            return None
        self._speech.say(Loaded(str(getattr(callee, "file", ""))))
        return callee

    def _close(self, callee: Callee | BatchCallee) -> None:
        try:
            callee.close()
        except BaseException as error:  # noqa: BLE001 - it is the module's, and we are through with it
            self._speech.trouble("end", f"its end failed: {error_words(error)}")


class _Stderr:
    """Lines for the supervisor's log."""

    def append(self, octets: bytes) -> None:
        os.write(2, octets)

    def close(self) -> None: ...


def _paniclog(spec: ModuleSpec, *, to_file: bool = True) -> Paniclog:
    """What takes the lines that a module prints: its file, or stderr where none is named."""
    if spec.output and to_file:
        return Paniclog.to(Path(spec.output), microseconds=spec.microseconds)
    return Paniclog(_Stderr(), microseconds=spec.microseconds)


def _reader(order: Order, progress: Progress) -> Reader:
    return Reader(Path(order.journal), progress.cursor())


def _line(fd: int) -> bytes:
    """The first line, and nothing behind it. Raises ValueError."""
    line = bytearray()
    while octet := os.read(fd, 1):
        line += octet
        if octet == b"\n":
            return bytes(line)
        if len(line) > MAX_ORDER:
            break
    raise ValueError("no order for a module's process")
