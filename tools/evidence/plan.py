"""Which points there are: each is one of a kind, and tells whose it is and which.

Writer `w` writes the points 0, 1, 2, ... of its own: the epoch counts them, the outcome names the writer. So whoever
sees a point can say whether one is missing before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tlswitness.datapoint import DataPoint, Finding, Policy, PolicyType
from tlswitness.journal import Entry, Fsync, JournalSettings

BEGIN = 1_000_000_000
OUTCOMES = 50
"""Of each writer."""
SOURCE = "evidence"


@dataclass(frozen=True)
class Plan:
    """One run."""

    home: Path
    writers: int
    points: int
    """Of each writer."""
    batch: int = 500
    segment_bytes: int = 4 * 1024 * 1024
    """Small: rotation is part of what is tried."""

    @property
    def journal(self) -> Path:
        return self.home / "state" / "journal"

    @property
    def synced(self) -> Path:
        """Where writers note how much of each segment they have fsynced."""
        return self.home / "synced"

    def ledger(self, writer: int) -> Path:
        return self.home / f"writer{writer}.ledger"

    def settings(self, writer: int) -> JournalSettings:
        """One of the writers fsyncs each batch, the others now and then."""
        fsync = Fsync.ALWAYS if writer == 0 else Fsync.INTERVAL
        return JournalSettings(directory=self.journal, fsync=fsync, interval=0.05, segment_bytes=self.segment_bytes)


def source(writer: int) -> str:
    return f"{SOURCE}{writer}"


def outcomes(writer: int) -> list[Finding]:
    """What writer `writer` finds, in turn."""
    return [
        Finding(
            DataPoint(
                epoch=0,
                type=1,
                policy=Policy(policy_type=PolicyType.STS, policy_domain=f"w{writer}.o{number}.example"),
            )
        )
        for number in range(OUTCOMES)
    ]


def entries(found: list[Finding], begin: int, end: int) -> list[Entry]:
    """The points `begin` to `end` of the writer whose outcomes are `found`."""
    return [(BEGIN + number, found[number % OUTCOMES]) for number in range(begin, end)]


def identify(epoch: int, policy_domain: str) -> tuple[int, int]:
    """Writer and number of a point."""
    return int(policy_domain.partition(".")[0][1:]), epoch - BEGIN
