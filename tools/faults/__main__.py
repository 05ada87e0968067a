"""Fails where what a killed process had said is not true.

python -m tools.faults --kills 100 --seed 7
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Sequence

from tools.faults.kill import kill_engine, kill_send, kill_server


def main(args: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of each kind of process")
    parser.add_argument("--seed", type=int, help="the moments of an earlier run again")
    options = parser.parse_args(args)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"faults: {options.kills} kills of each, --seed {seed}", flush=True)
    failed = False
    for kill in (kill_engine, kill_send, kill_server):
        began = time.monotonic()
        tally = asyncio.run(kill(options.kills, random.Random(seed)))
        print(f"{tally.words()} ({time.monotonic() - began:.0f} s)", flush=True)
        for fault in tally.faults[:20]:
            print(f"faults: {fault}", file=sys.stderr)
        failed |= bool(tally.faults)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
