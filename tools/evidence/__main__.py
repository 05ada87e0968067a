"""Fails where a point is missing, is there twice, or was not told.

python -m tools.evidence --points 10000000 --kills 100 --power-cuts 5 --seed 7
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tools.evidence.plan import Plan
from tools.evidence.run import Run

WRITERS = 4


def main(args: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="evidence", description=__doc__)
    parser.add_argument("--points", type=int, default=10_000_000, help="of all writers together")
    parser.add_argument("--kills", type=int, default=100, help="with SIGKILL, at random moments")
    parser.add_argument("--power-cuts", type=int, default=5, help="all at once, and what was not fsynced is lost")
    parser.add_argument("--seed", type=int, help="the moments of an earlier run again")
    parser.add_argument("--keep", action="store_true", help="leave the files of the run behind")
    options = parser.parse_args(args)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    home = Path(tempfile.mkdtemp(prefix="tlswitness-evidence-"))
    print(f"evidence: {options.points:,} points, {options.kills} kills, --seed {seed}", flush=True)
    began = time.monotonic()
    plan = Plan(home, WRITERS, options.points // WRITERS)
    outcome = Run(plan, options.kills, options.power_cuts, random.Random(seed)).carry_out()
    print(f"{outcome.words()}; {len(outcome.faults)} faults ({time.monotonic() - began:.0f} s)", flush=True)
    for fault in outcome.faults:
        print(f"evidence: {fault}", file=sys.stderr)
    if options.keep or outcome.faults:
        print(f"the files are in {home}")
    else:
        shutil.rmtree(home)
    return int(bool(outcome.faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
