"""Segments of a journal: whatever the octets, nothing false is read, and all three readers agree."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from tlswitness.datapoint import DataPoint, Finding, Policy, PolicyType
from tlswitness.journal import SegmentName, Tally, read_positions
from tlswitness.journal.positions import Positions
from tlswitness.journal.scan import Scan
from tlswitness.journal.segment import Segment
from tlswitness.journal.tally import DAY
from tools.soak.target import Target

FINDINGS = [
    Finding(DataPoint(epoch=0, type=1, policy=Policy(policy_type=PolicyType.STS, policy_domain=f"d{number}.example")))
    for number in range(4)
]
ENTRIES = [(1_746_712_864 + 40_000 * number, FINDINGS[number % 4]) for number in range(12)]


def _written() -> bytes:
    """Sessions, batches of two sources, sessions."""
    segment = Segment(FILE.parent, NAME)
    segment.append(ENTRIES[:3])
    segment.append(ENTRIES[3:6], (1, "log", "1"))
    segment.append(ENTRIES[6:8], (7, "other", "é"))
    segment.append(ENTRIES[8:10], (2, "log", "2"))
    segment.append(ENTRIES[10:])
    segment.close()
    return FILE.read_bytes()


NAME = SegmentName("soak", 1, "1f2e3d4c5b6a7988", 1_746_712_864)
FILE = Path(tempfile.mkdtemp(prefix="tlswitness-soak-")) / NAME.file
atexit.register(shutil.rmtree, FILE.parent, ignore_errors=True)
OCTETS = _written()


def attempt(data: bytes) -> object:
    FILE.write_bytes(data)
    scan = Scan(FILE.parent, NAME)
    rows = []
    while found := scan.read(3):
        rows += found
    scan.close()
    told = [(epoch, finding) for epoch, finding, _, _ in rows]
    assert not set(told) - set(ENTRIES), "a point that nobody wrote"
    tally = Tally(FILE.parent, NAME)
    counts = Counter({(count.day, count.finding): count.sessions for count in tally.count()})
    tally.close()
    one_by_one = Counter((epoch // DAY, finding) for epoch, finding in told)
    # A finding that stands behind its sessions, as no writer puts it, is known to the tally all the same.
    assert sum((counts - one_by_one).values()) == scan.lost - tally.lost
    assert not one_by_one - counts
    assert (tally.offset, bool(tally.damaged)) == (scan.offset, bool(scan.damaged))
    sources = read_positions(FILE.parent, lambda _: None).sources
    marks = Positions()
    marks.learn(scan.marks)
    assert sources == marks.sources
    return min(scan.damaged, 3), len(told), scan.lost, len(sources), scan.ended is None


TARGET = Target(
    "journal", (OCTETS, OCTETS[:-11], OCTETS[: len(OCTETS) // 2]), attempt, (b"\n", b"@ ", b"= 1 ", b"\0" * 64)
)
