"""Memory of a thousand sessions at once, each with TLS up and its message sent."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator

from bench.child import Child
from bench.measure import Comparison, Contender, Pace, Sample, race

SESSIONS = 1000
SPARE = 100
"""Descriptors for all else."""
PATIENCE = 60.0
KINDS = ("ours", "aiosmtplib", "smtplib")


def bench(pace: Pace) -> Iterator[Comparison]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    number = min(SESSIONS, hard - SPARE)
    with Child("bench.outside") as outside:
        contenders = [_gathers(kind, outside, number) for kind in KINDS]
        versus = [("ours", kind, None) for kind in KINDS[1:]]
        notes = ["smtplib: a thread for each session"]
        yield race(f"memory of one of {number} sessions", "kB", contenders, versus, max(1, pace.rounds // 4), notes)


def _gathers(kind: str, outside: Child, number: int) -> Contender:
    def run() -> Sample:
        with Child("bench.worker", kind, "asyncio", hello=outside.facts) as child:
            before = child.memory
            child.tell({"gather": number})
            end = time.monotonic() + PATIENCE
            while outside.ask("stat")["waiting"] < number:
                if time.monotonic() > end:
                    raise RuntimeError(f"{kind}: fewer than {number} sessions at once")
                time.sleep(0.1)
            after = child.memory
            outside.ask("release")
            child.answer()
        return Sample((after - before) / 1000 / number)

    return Contender(kind, run)
