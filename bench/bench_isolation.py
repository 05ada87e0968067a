"""How long a delivery takes while modules misbehave, beside modules that do nothing, and beside no daemon at all.

One engine delivers into its journal, in one process for all contenders. The daemon's modules are, in turn, five empty
ones, and five that do harm: a module in C dereferences NULL on point 1,000, one in Lua loops without end, and of three
in Python one sleeps ten seconds a call, one allocates without end, one calls `exit()`. Everything has its defaults.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from statistics import quantiles

from bench.child import Child
from bench.daemons import HARMFUL, HARMLESS, Daemon, Modules, serving
from bench.measure import Comparison, Contender, Pace, Sample, Target, Versus, race
from tlswitness.hooks.supervisor import ModuleSnapshot

NUMBER = 1500
"""Deliveries of one run: the module in C meets its point in their midst."""
WAYS = ((1, NUMBER), (20, NUMBER))
"""How many are under way at the same time, and how many there are."""
ALONE, WELL, ILL = "no daemon", "five that do nothing", "five that do harm"
TARGET = Target(1.15, at_least=False)
VERSUS: tuple[Versus, ...] = ((ILL, ALONE, TARGET), (ILL, WELL, TARGET), (WELL, ALONE, None))


def bench(pace: Pace) -> Iterator[Comparison]:
    if shutil.which("cc") is None:
        yield Comparison("deliver() beside modules", "ms", (), notes=("needs: cc, a C compiler",))
        return
    with Child("bench.outside") as outside:
        state = Path(outside.facts["directory"]) / "state"
        hello = outside.facts | {"state": str(state)}
        with Child("bench.worker", "ours", "asyncio", hello=hello) as worker:
            for at_once, number in WAYS:
                yield from _beside(worker, state, at_once, number, pace.rounds)


def _beside(worker: Child, state: Path, at_once: int, number: int, rounds: int) -> Iterator[Comparison]:
    contenders: dict[str, Modules] = {ALONE: {}, WELL: HARMLESS, ILL: HARMFUL}
    found: dict[str, list[list[float]]] = {name: [] for name in contenders}
    notes: tuple[str, ...] = ()
    for _ in range(rounds):
        for name, modules in contenders.items():
            with serving(state, modules) if modules else nullcontext() as daemon:
                found[name].append(worker.ask({"each": [number, at_once]})["milliseconds"])
                notes = _story(daemon) if name == ILL and daemon is not None else notes
    for what, at in (("median", 49), ("p99", 98)):
        yield race(
            f"deliver(), {at_once} at a time, {what}",
            "ms",
            [Contender(name, _one_by_one(runs, at)) for name, runs in found.items()],
            VERSUS,
            rounds,
            [f"{os.cpu_count()} cores for the engine, the sink and the modules", *notes] if at == 98 else (),
        )


def _one_by_one(runs: list[list[float]], at: int) -> Percentile:
    return Percentile(iter(runs), at)


class Percentile:
    """Of one run after the other."""

    def __init__(self, runs: Iterator[list[float]], at: int) -> None:
        self._runs = runs
        self._at = at

    def __call__(self) -> Sample:
        return Sample(quantiles(next(self._runs), n=100)[self._at])


def _story(daemon: Daemon) -> tuple[str, ...]:
    return tuple(map(_words, daemon.modules()))


def _words(module: ModuleSnapshot) -> str:
    counts = module.counts
    told = f"{module.name}: {module.state}, {counts.calls} calls, {counts.slow} slow, {counts.errors} errors"
    return f"{told}, {counts.deaths} deaths, {counts.dead_letters} dead letters"
