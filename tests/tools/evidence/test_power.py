"""What a played power cut takes, and what it must leave."""

from __future__ import annotations

import random

from tools.evidence.plan import Plan
from tools.evidence.power import cut_power
from tools.evidence.writer import write


def test_what_was_fsynced_stays(tmp_path):
    plan = Plan(tmp_path, writers=1, points=1000)
    write(plan, 0)
    (segment,) = plan.journal.glob("*.seg")
    octets = segment.read_bytes()
    kept = int((plan.synced / segment.name).read_text())
    cut_power(plan.journal, plan.synced, random.Random(1))
    assert segment.read_bytes()[:kept] == octets[:kept]


def test_of_the_rest_a_part_is_gone_and_has_holes(tmp_path):
    plan = Plan(tmp_path, writers=1, points=5000)
    write(plan, 0)
    (segment,) = plan.journal.glob("*.seg")
    octets = segment.read_bytes()
    seen = set()
    for seed in range(20):
        segment.write_bytes(octets)
        (plan.synced / segment.name).write_text("5000")
        gone = cut_power(plan.journal, plan.synced, random.Random(seed))
        left = segment.read_bytes()
        assert left[:5000] == octets[:5000]
        assert gone >= len(octets) - len(left)
        assert cut_power(plan.journal, plan.synced, random.Random(seed)) == 0, "what is left is on the disk"
        seen.add((len(left) < len(octets), b"\0" * 4096 in left))
    assert {(True, True), (True, False)} <= seen
