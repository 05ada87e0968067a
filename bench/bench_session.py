"""How much of a session is the handshake, the verdict, and telling of it."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from bench import parts
from bench.child import Child
from bench.measure import Comparison, Figure, Pace, Target, ratios_of

TOLD = "data points and hook"


def bench(pace: Pace) -> Iterator[Comparison]:
    with Child("bench.outside") as outside, Child("bench.worker", "watched", "asyncio", hello=outside.facts) as child:
        for at_once in (1, 20):
            yield _shares(child, pace, at_once)


def _shares(child: Child, pace: Pace, at_once: int) -> Comparison:
    runs = [child.ask({"send": [pace.seconds, False, at_once]}) for _ in range(pace.rounds)]

    def each(*names: str) -> float:
        return float(median(sum(run["parts"].get(name, 0) for name in names) / 1000 / run["count"] for run in runs))

    figures = (
        Figure("session", median(run["cpu"] * 1e6 / run["count"] for run in runs)),
        Figure("handshake", each(parts.HANDSHAKE)),
        Figure("verdict", each(parts.VERDICT)),
        Figure(TOLD, each(parts.REPORT, parts.HOOK)),
    )
    versus = [
        ("handshake", "session", None),
        ("verdict", "session", None),
        (TOLD, "session", Target(0.03, at_least=False)),
    ]
    return Comparison(f"CPU of our part in a session, {at_once} at a time", "us", figures, ratios_of(figures, versus))
