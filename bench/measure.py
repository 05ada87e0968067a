"""Racing contenders against each other, and what is printed of it.

Contenders take turns (A B C A B C ...), so that a disturbed moment disturbs all; the median of each one's runs counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Pace:
    """How long to measure."""

    seconds: float
    """Of one run of one contender."""
    rounds: int
    """Runs of each contender."""


NORMAL = Pace(seconds=0.5, rounds=5)
QUICK = Pace(seconds=0.25, rounds=3)


@dataclass(frozen=True)
class Sample:
    """One run."""

    value: float
    """In the comparison's unit."""
    cpu: float = 0.0
    """Seconds of the contender's CPU for one of what is counted; 0 where that was not measured."""


@dataclass(frozen=True)
class Contender:
    """Who runs."""

    name: str
    run: Callable[[], Sample]


@dataclass(frozen=True)
class Figure:
    """The medians of one contender."""

    name: str
    value: float
    cpu: float = 0.0
    spread: float = 0.0
    """From the lowest run to the highest, in parts of the median: how far the machine was at rest."""


@dataclass(frozen=True)
class Target:
    """What a ratio should be."""

    limit: float
    at_least: bool = True

    def met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g}"


@dataclass(frozen=True)
class Ratio:
    """Ours by a peer's."""

    of: str
    to: str
    value: float
    cpu: float = 0.0
    """The same of the CPU that one takes; 0 where that was not measured."""
    target: Target | None = None


@dataclass(frozen=True)
class Comparison:
    """One line of the table and what it comes from."""

    what: str
    unit: str
    figures: tuple[Figure, ...]
    ratios: tuple[Ratio, ...] = ()
    notes: tuple[str, ...] = ()


Versus = tuple[str, str, Target | None]
"""Whose figure is divided by whose."""


def race(
    what: str,
    unit: str,
    contenders: Sequence[Contender],
    versus: Sequence[Versus],
    rounds: int,
    notes: Sequence[str] = (),
) -> Comparison:
    """The comparison of interleaved runs; ratios whose contenders are not all here are left out."""
    samples: dict[str, list[Sample]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            samples[contender.name].append(contender.run())
    figures = tuple(_figure(name, runs) for name, runs in samples.items())
    return Comparison(what, unit, figures, ratios_of(figures, versus), tuple(notes))


def _figure(name: str, runs: Sequence[Sample]) -> Figure:
    values = sorted(run.value for run in runs)
    middle = median(values)
    spread = (values[-1] - values[0]) / middle if middle else 0.0
    return Figure(name, middle, median(run.cpu for run in runs), spread)


def ratios_of(figures: Sequence[Figure], versus: Sequence[Versus]) -> tuple[Ratio, ...]:
    """The ratios that can be made of these figures."""
    known = {figure.name: figure for figure in figures}
    ratios = []
    for of, to, target in versus:
        ours, peer = known.get(of), known.get(to)
        if ours is not None and peer is not None and peer.value:
            cpu = ours.cpu / peer.cpu if peer.cpu else 0.0
            ratios.append(Ratio(of, to, ours.value / peer.value, cpu, target))
    return tuple(ratios)


def rate(call: Callable[[], object], seconds: float, *, of: int = 1) -> Sample:
    """How often in a second `call` does what it does `of` times, and the CPU of once."""
    count, start, cpu = 0, time.perf_counter(), time.process_time()
    while (elapsed := time.perf_counter() - start) < seconds:
        call()
        count += of
    return Sample(count / elapsed, (time.process_time() - cpu) / count)


def calls(name: str, call: Callable[[], object], pace: Pace) -> Contender:
    """A contender that is a call in this process."""
    return Contender(name, lambda: rate(call, pace.seconds / 2))


def duration(call: Callable[[], object]) -> Sample:
    """Milliseconds that one `call` takes."""
    start = time.perf_counter()
    call()
    return Sample((time.perf_counter() - start) * 1000)
