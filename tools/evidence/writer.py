"""A writer that is killed: goes on where the journal says that it stood, until all its points are in.

python -m tools.evidence.writer HOME WRITERS POINTS BATCH SEGMENT_BYTES WRITER
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tlswitness.journal import Writer, claim, read_positions
from tools.evidence.ledger import ACKNOWLEDGED, LIVES, ON_DISK, Ledger
from tools.evidence.plan import Plan, entries, outcomes, source


def main(args: Sequence[str]) -> int:
    home, *numbers = args
    writers, points, batch, segment_bytes, writer = map(int, numbers)
    write(Plan(Path(home), writers, points, batch, segment_bytes), writer)
    return 0


def write(plan: Plan, number: int) -> None:
    """Append what is missing of the points of writer `number`, batch by batch, each with its position."""
    ledger = Ledger(plan.ledger(number))
    ledger[LIVES] += 1
    plan.synced.mkdir(exist_ok=True)
    plan.journal.mkdir(parents=True, exist_ok=True)

    def sync(fd: int) -> None:
        known = ledger[ACKNOWLEDGED]
        _sync(plan, fd)
        ledger[ON_DISK] = max(ledger[ON_DISK], known)

    with claim(plan.journal, source(number)):
        position = read_positions(plan.journal, partial(_sync, plan)).sources.get(source(number))
        at = int(position.text) if position else 0
        writer = Writer(plan.settings(number), f"w{number}", sync=sync)
        found = outcomes(number)
        while at < plan.points:
            end = min(at + plan.batch, plan.points)
            writer.append(entries(found, at, end), source=source(number), position=str(end))
            at = end
            ledger[ACKNOWLEDGED] = at
        writer.close()
        ledger[ON_DISK] = at


def _sync(plan: Plan, fd: int) -> None:
    """Fsync a segment, and note how much of it."""
    size = os.fstat(fd).st_size
    os.fdatasync(fd)
    _note(plan.synced / Path(f"/proc/self/fd/{fd}").readlink().name, size)


def _note(file: Path, size: int) -> None:
    """In one write of a fixed length: to be killed within it leaves the old figure or the new one."""
    fd = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        if int(os.pread(fd, 20, 0) or 0) < size:
            os.pwrite(fd, b"%020d" % size, 0)
    finally:
        os.close(fd)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
