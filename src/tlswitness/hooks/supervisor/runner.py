"""One module: its process, the next one when that has died, and what is told of it.

Separate from the supervisor of all because modules share nothing, not even a delay. Here it is decided what a death
means. In a call it is held against the point: after three the next process puts that point to the dead letters. Outside
of one it is held against nothing. Either way a new process starts, later and later as long as no call is completed. A
module that says why it does not load stays away until it is told to try again, or until its file has changed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from tlswitness.hooks.backoff import Backoff
from tlswitness.hooks.complaints import Complaints
from tlswitness.hooks.contract import HookLoadFailed
from tlswitness.hooks.host.order import (
    DRAIN,
    EXIT_BUSY,
    EXIT_REFUSED,
    STOP,
    Ended,
    Loaded,
    Message,
    Order,
    Refused,
    Trouble,
)
from tlswitness.hooks.progress import BadProgress, Progress
from tlswitness.hooks.spec import LOAD_DEADLINE, ModuleSpec
from tlswitness.hooks.standing import Running, Standing
from tlswitness.hooks.supervisor.child import Child
from tlswitness.hooks.supervisor.death import how, story
from tlswitness.hooks.supervisor.home import prepared
from tlswitness.hooks.supervisor.snapshot import ModuleSnapshot, State
from tlswitness.hooks.supervisor.stderr import StderrLines
from tlswitness.hooks.supervisor.target import Stamp, stamp

RESTART_FIRST = 0.1
RESTART_MOST = 30.0
"""Seconds between two processes of a module, doubling until a call is completed."""
COMPLAIN = 55.0
"""Seconds between two complaints of one kind: a little less than in the process, so that its own pass."""
LOOK_AT_FILE = 1.0
"""Seconds between two looks whether the file of a module that does not load has changed."""

_log = logging.getLogger("tlswitness.hooks")


class ModuleRunner:
    """Keeps one module running. All in one event loop."""

    def __init__(self, spec: ModuleSpec, *, journal: Path, home: Path) -> None:
        self.spec = spec
        self.refused = ""
        """Why its new version does not load, or why it does not; set by whoever tried."""
        self._journal = journal
        self._home = home
        self._progress: Progress | None = None
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._ending = asyncio.Event()
        self._fresh = False
        self._stood = Standing()
        self._state, self._since = State.STOPPED, time.time()
        self._backoff = Backoff(RESTART_FIRST, RESTART_MOST)
        self._complaints = Complaints(spec.name, COMPLAIN, time.monotonic)
        self._stderr = StderrLines(lambda line: _log.warning("hook %s: stderr: %s", self.spec.name, line))
        self._last_error = self._last_death = ""
        self._forget_process()

    def _forget_process(self) -> None:
        """What is known of the process that runs, or ran last."""
        self._loading_since = time.monotonic()
        self._late: Running | None = None
        self._killed_for = ""
        self._expected = self._ended = False
        self._why_not = ""
        self._file = ""
        self._stamp: Stamp | None = None
        self._looked = 0.0
        self._calls = 0

    async def start(self) -> None:
        """Find its place in the journal, and start its process. Its place is kept when this returns."""
        self._ending.clear()
        self._wake.clear()
        self._set(State.STARTING)
        self._fresh = await self._prepare()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self, *, drain: float, deadline: float) -> None:
        """Let it tell what there is for up to `drain` seconds, and finish its call within `deadline` s; or kill it."""
        self._ending.set()
        self._wake.set()
        child, task = self._child, self._task
        if child is not None:
            if drain > 0:
                child.tell(DRAIN)
                await child.wait(drain)
            child.tell(STOP)
            if not await child.wait(deadline):
                self._expected = True
                self._complaints.say("stop", f"its call did not end within {deadline:g} s: its process is killed")
                child.kill()
        if task is not None:
            await task
            self._task = None
        progress, self._progress = self._progress, None
        if progress is not None:
            with suppress(BadProgress):
                self._stood = progress.standing
            progress.close()

    def changed(self, spec: ModuleSpec) -> bool:
        """Whether a reload with `spec` has anything new, or something to try again."""
        return spec != self.spec or self.idle or stamp(spec, self._file) != self._stamp

    @property
    def idle(self) -> bool:
        """Whether nothing of it runs nor will: it does not load, or is stopped."""
        return self._state in (State.FAILED, State.STOPPED)

    def snapshot(self, sizes: Mapping[str, int]) -> ModuleSnapshot:
        """As it is now; `sizes` are those of the segments."""
        progress, child = self._progress, self._child
        running, waiting = None, 0
        with suppress(BadProgress):  # `watch` sees to it
            running = None if progress is None or child is None else progress.running
            if progress is not None:
                self._stood, waiting = progress.standing, progress.waiting_until
        standing, state = self._stood, self._state
        if state is State.RUNNING and waiting:
            state = State.RETRYING
        return ModuleSnapshot(
            name=self.spec.name,
            kind=self.spec.kind,
            target=self.spec.target,
            state=state,
            since=self._since,
            pid=None if child is None else child.pid,
            counts=standing.counts,
            behind=standing.behind(sizes),
            busy=0.0 if running is None else max(0.0, (time.monotonic_ns() - running.since) / 1e9),
            last_error=self._last_error,
            last_death=self._last_death,
            refused=self.refused or self._why_not,
        )

    def watch(self) -> None:
        """Kill a process whose call or loading takes too long. To be called ten times a second or so."""
        child, progress = self._child, self._progress
        if child is not None and not self._killed_for and not self._ended:
            if self._state is State.STARTING:
                if time.monotonic() - self._loading_since > LOAD_DEADLINE:
                    self._why_not = f"loading took more than {LOAD_DEADLINE:g} s"
                    self._kill(self._why_not)
            elif progress is not None:
                self._watch_call(progress)
        elif self._state is State.FAILED and time.monotonic() - self._looked > LOOK_AT_FILE:
            self._looked = time.monotonic()
            if stamp(self.spec) != self._stamp:
                self._wake.set()

    def _watch_call(self, progress: Progress) -> None:
        deadline = self.spec.limits.deadline
        try:
            running = progress.running
        except BadProgress as bad:  # the next process has a new one
            self._kill(f"its progress file is {bad}")
            return
        if running is not None and _overdue(running, deadline):
            self._late = running
            self._kill(f"its call took more than {deadline:g} s")

    def _kill(self, why: str) -> None:
        self._killed_for = why
        if self._child is not None:
            self._child.kill()

    async def _run(self) -> None:
        """One process after the other, until it is stopped."""
        while not self._ending.is_set():
            child = await self._spawned()
            if child is not None:
                self._judge(await child.ended)
            if self._ending.is_set():
                break
            if self._why_not:
                await self._stay_away()
            else:
                self._set(State.BACKING_OFF)
                await self._pause(self._backoff.next())
        self._set(State.STOPPED)

    async def _spawned(self) -> Child | None:
        """A new process; None where the system has none, or no room on its disk."""
        self._forget_process()
        fresh, self._fresh = self._fresh, False
        if not (fresh or await self._prepare()) or self._ending.is_set():
            return None
        assert self._progress is not None
        self._calls = self._count(self._progress)
        self._stamp = stamp(self.spec)
        self._stderr.begin()
        try:
            child = Child(self._order, on_message=self._heard, on_stderr=self._stderr.feed)
        except (OSError, ValueError) as error:
            self._trouble("start", f"no process can be started: {error}")
            return None
        self._child = child
        self._set(State.STARTING)
        return child

    async def _prepare(self) -> bool:
        """Open its progress anew. False where the disk does not let."""
        try:
            progress = await asyncio.to_thread(prepared, self._home, self._journal, self.spec)
        except (OSError, BadProgress) as error:
            self._trouble("start", f"its progress cannot be kept: {error}")
            return False
        old, self._progress = self._progress, progress
        if old is not None:
            old.close()
        return True

    def _order(self, messages: int) -> Order:
        return Order(
            spec=self.spec,
            journal=str(self._journal),
            home=str(self._home),
            messages=messages,
            parent=os.getpid(),
        )

    def _heard(self, message: Message) -> None:
        match message:
            case Loaded(file):
                self._file = file
                self._stamp = stamp(self.spec, file)
                self._set(State.RUNNING)
                self.refused = ""
            case Refused(reason):
                self._why_not = reason
            case Trouble(kind, text):
                self._trouble(kind, text)
            case Ended():
                self._ended = True

    def _judge(self, status: int) -> None:
        """The process is gone: what does it mean?"""
        self._child = None
        self._stderr.end()
        progress = self._progress
        assert progress is not None
        if self._count(progress) > self._calls:
            self._backoff.reset()
        said = bool(self._why_not) and not self._killed_for
        if self._expected or self._ended or (status == EXIT_REFUSED and said):
            with suppress(BadProgress):  # the next process has a new one
                progress.settle()
            if self._ended and status:
                self._trouble("end", f"its process {how(status, self.spec.limits, self._killed_for)} in its own end")
        elif status == EXIT_BUSY and said:
            self._trouble("start", self._why_not)
            self._why_not = ""
        else:
            self._mourn(status, progress)

    def _count(self, progress: Progress) -> int:
        """Calls so far; of a damaged file, those that were known before."""
        with suppress(BadProgress):
            return progress.counts.calls
        return self._calls

    def _mourn(self, status: int, progress: Progress) -> None:
        where, count = "", 0
        with suppress(BadProgress, ValueError):  # the next process has a new one
            running, count = progress.note_death(self._late)
            where = "" if running is None else f"{running.offset} of segment {progress.segment(running.slot)}"
        words = story(how(status, self.spec.limits, self._killed_for), where, count, tuple(self._stderr.last))
        self._last_death = f"{_now()} {words}"
        self._complaints.say("death", words)

    async def _stay_away(self) -> None:
        """It does not load. Until somebody wants it tried again."""
        self._set(State.FAILED)
        _log.error("%s", HookLoadFailed(self.spec.name, self.spec.target, self._why_not))
        await self._wake.wait()
        self._wake.clear()

    async def _pause(self, seconds: float) -> None:
        """Less where it is stopped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    def _set(self, state: State) -> None:
        if state is not self._state:
            self._state, self._since = state, time.time()

    def _trouble(self, kind: str, words: str) -> None:
        self._last_error = f"{_now()} {words}"
        self._complaints.say(kind, words)


def _overdue(running: Running, deadline: float) -> bool:
    return time.monotonic_ns() - running.since > deadline * 1e9


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
