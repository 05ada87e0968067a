"""Points from the journal to hook modules in processes of their own, beside the same calls in the program.

The modules in Python and C do nothing, so that what is measured is the way to them: read, view, progress before and
after, clock, call. The one in Lua is the seed's script, which writes two lines for each point into its log. A process
is measured from its thousandth call to its last one: it has started by then.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.bench_journal import BATCH, mix
from bench.bench_lua import _seeds_script
from bench.bench_native import SOURCE
from bench.measure import Comparison, Contender, Pace, Sample, race
from tlswitness.datapoint import SEED_VIEW, Members, Sessions, View
from tlswitness.datapoint.finding import Finding
from tlswitness.hooks.contract import HookLoadFailed
from tlswitness.hooks.host.callee import BatchCallee, Callee
from tlswitness.hooks.host.kinds import load
from tlswitness.hooks.host.paniclog import Paniclog
from tlswitness.hooks.progress import FILE, Progress
from tlswitness.hooks.spec import Kind, ModuleLimits, ModuleSpec, Start
from tlswitness.hooks.supervisor import Supervisor
from tlswitness.journal import Entry, Fsync, JournalSettings, Writer

POINTS = 400_000
WARM = 1000
"""Calls that are not measured."""
SINGLE = 200
"""Points of which each is awaited before the next one is appended."""
PATIENCE = 300.0
"""Seconds for a module to be told everything."""
PAUSE = 0.005
"""Seconds between two of them: the machine is idle."""

EMPTY = "def core_smtp_tls_reporting(point):\n    pass\n"
STAMPING = """
import os, struct, time
out = os.open({out!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def core_smtp_tls_reporting(point):
    os.write(out, struct.pack("Q", time.monotonic_ns()))
"""


@dataclass(frozen=True)
class Module:
    """One that is told."""

    name: str
    kind: Kind
    file: str
    text: str
    target: int
    """Points a second that it should be told on one core."""
    view: View
    notes: tuple[str, ...] = ()


MODULES = (
    Module("Python", Kind.PYTHON, "empty.py", EMPTY, 200_000, View(Members.FULL, Sessions.ALL)),
    Module("Python, the seed's view", Kind.PYTHON, "empty.py", EMPTY, 200_000, SEED_VIEW),
    Module(
        "Lua, the seed's script",
        Kind.LUA,
        "seed.lua",
        _seeds_script(),
        100_000,
        SEED_VIEW,
        ("of 12 us of CPU Lua takes 5.5, two prints 3, their write 0.2, the way to it 2.5",),
    ),
    Module("C", Kind.C, "empty.so", SOURCE, 200_000, SEED_VIEW),
)


def bench(pace: Pace) -> Iterator[Comparison]:
    batch = mix(POINTS // 4 if pace.rounds < 5 else POINTS)
    for module in MODULES:
        if module.kind is Kind.C and shutil.which("cc") is None:
            yield Comparison(f"points told to {module.name}", "/s", (), notes=("needs: cc, a C compiler",))
        else:
            yield _told(module, batch, pace.rounds)
    yield _latency(pace.rounds)


def _told(module: Module, batch: list[Entry], rounds: int) -> Comparison:
    with _directory() as directory:
        _append(directory, batch)
        spec = _spec(directory, module)
        return race(
            f"points told to {module.name}",
            "/s",
            [
                Contender("from the journal", lambda: asyncio.run(_through(directory, spec, len(batch)))),
                Contender("plain calls", lambda: _plain(spec, batch)),
            ],
            [("from the journal", "plain calls", None)],
            rounds,
            notes=[f"the target is {module.target:,} points a second on one core", *module.notes],
        )


def _latency(rounds: int) -> Comparison:
    return race(
        "from append to the call, the median of points one by one",
        "ms",
        [Contender("Python", lambda: Sample(asyncio.run(_one_by_one())))],
        [],
        rounds,
    )


def _spec(directory: Path, module: Module) -> ModuleSpec:
    target = directory / module.file
    if module.kind is Kind.C:
        source = target.with_suffix(".c")
        source.write_text(module.text)
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", target, source], check=True)
    else:
        target.write_text(module.text)
    return ModuleSpec(
        name="bench",
        kind=module.kind,
        target=str(target),
        view=module.view,
        start=Start.BEGINNING,
        limits=ModuleLimits(nice=0),
        output=str(directory / "paniclog"),
    )


async def _through(directory: Path, spec: ModuleSpec, points: int) -> Sample:
    """Points a second of the real process under the real supervisor, and its CPU for each."""
    hooks = directory / "hooks"
    shutil.rmtree(hooks, ignore_errors=True)
    supervisor = Supervisor(directory / "journal", hooks)
    await supervisor.apply([spec])
    with Progress.open(hooks / spec.name / FILE) as progress:
        await _until(lambda: progress.counts.calls >= WARM)
        (pid,) = (found.pid for found in supervisor.snapshots())
        assert pid is not None
        first, start, cpu = progress.counts.calls, time.perf_counter(), _cpu(pid)
        await _until(lambda: progress.counts.calls >= points)
        told, took = points - first, time.perf_counter() - start
        sample = Sample(told / took, (_cpu(pid) - cpu) / told)
    await supervisor.stop()
    return sample


def _plain(spec: ModuleSpec, batch: list[Entry]) -> Sample:
    """Off the main thread, as C modules want it."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_called_here, spec, batch).result()


def _called_here(spec: ModuleSpec, batch: list[Entry]) -> Sample:
    log = Paniclog.to(Path(spec.output))
    callee = load(spec, log)
    assert not isinstance(callee, HookLoadFailed | BatchCallee)
    shown = {id(finding): finding.seen(spec.view) for _, finding in batch}
    calls = [(epoch, seen) for epoch, finding in batch if (seen := shown[id(finding)]) is not None]
    log.epoch = batch[0][0]  # as in one long call: what is printed is written in large pieces
    start, cpu = time.perf_counter(), time.process_time()
    _call_all(callee, calls)
    took = time.perf_counter() - start
    used = time.process_time() - cpu
    callee.close()
    log.close()
    return Sample(len(calls) / took, used / len(calls))


def _call_all(callee: Callee, calls: list[tuple[int, Finding]]) -> None:
    call: Callable[[int, Finding], object] = callee.call
    for epoch, finding in calls:
        call(epoch, finding)


async def _one_by_one() -> float:
    """Milliseconds."""
    with _directory() as directory:
        (directory / "journal").mkdir()
        out = directory / "stamps"
        module = Module("", Kind.PYTHON, "stamping.py", STAMPING.format(out=str(out)), 0, View())
        writer = Writer(JournalSettings(directory=directory / "journal", fsync=Fsync.INTERVAL), "bench")
        supervisor = Supervisor(directory / "journal", directory / "hooks")
        await supervisor.apply([_spec(directory, module)])
        appended = []
        for entry in mix(SINGLE):
            appended.append(time.monotonic_ns())
            writer.append([entry])
            await _until(lambda: out.exists() and out.stat().st_size >= 8 * len(appended), PAUSE)
        await supervisor.stop()
        writer.close()
        called = struct.unpack(f"{SINGLE}Q", out.read_bytes())
        return float(median(after - before for before, after in zip(appended[1:], called[1:], strict=True)) / 1e6)


async def _until(true: Callable[[], bool], pause: float = 0.002) -> None:
    """Look every `pause` seconds. Raises TimeoutError where it does not come."""
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("a module was not told everything")
        await asyncio.sleep(pause)


def _append(directory: Path, batch: list[Entry]) -> None:
    (directory / "journal").mkdir()
    writer = Writer(JournalSettings(directory=directory / "journal", fsync=Fsync.NEVER), "bench")
    for start in range(0, len(batch), BATCH):
        writer.append(batch[start : start + BATCH])
    writer.close()


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _directory() -> Iterator[Path]:
    found = Path(tempfile.mkdtemp(prefix="tlswitness-bench-"))
    try:
        yield found
    finally:
        shutil.rmtree(found)
