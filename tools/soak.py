"""Endurance: hostile input and the whole lab, again and again. Fails on a fault, and on memory that keeps growing.

python -m tools.soak --minutes 2 --seed 7
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from tlswitness.config import ConfigError, parse_config
from tlswitness.datapoint import DataPointError, compact, decode
from tlswitness.names import parse_domain, parse_host, parse_pattern

ROUND = 2000
"""Inputs between two looks at the memory."""
WARM_UP = 5
"""Rounds before memory counts: caches fill first."""
MAX_GROWTH = 32 << 20
"""Octets by which the process may grow after that."""

SEEDS = (
    '{"epoch":1,"type":1,"policy":{"policy-type":"tlsa","policy-domain":"mx.example","policy-string":["3 1 1 00"]}}',
    '[domain."bücher.example"]\ntls = "required"\nroute = ["[192.0.2.1]:25"]\nexpires = 2030-01-01\n',
    "*.mx.example.com",
    "xn--bcher-kva.example.",
    "\u00df\u200d.example",
)


def main(args: Sequence[str]) -> int:
    options = _parser().parse_args(args)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"soak: {options.minutes:g} minutes, --seed {seed}", flush=True)
    dice = random.Random(seed)
    end = time.monotonic() + options.minutes * 60
    rounds, labs, base = 0, 0, 0
    lab = _lab() if find_spec("tlswitness.cli.lab") else None
    while time.monotonic() < end or rounds <= WARM_UP:
        for _ in range(ROUND):
            _hostile(_mutated(dice))
        rounds += 1
        if rounds == WARM_UP:
            gc.collect()
            base = _memory()
        if lab is not None and rounds % 10 == 1:
            lab()
            labs += 1
    gc.collect()
    growth = _memory() - base
    print(f"soak: {rounds * ROUND} hostile inputs, {labs} runs of the lab, {growth / (1 << 20):+.1f} MiB")
    if growth > MAX_GROWTH:
        print(f"soak: memory grew by more than {MAX_GROWTH >> 20} MiB", file=sys.stderr)
        return 1
    return 0


def _hostile(text: str) -> None:
    """What strangers and operators write may be refused; anything else that is raised ends the soak."""
    parse_host(text), parse_domain(text), parse_pattern(text)
    point = decode(text)
    assert isinstance(point, DataPointError) or decode(compact(point)) == point
    with contextlib.suppress(ConfigError):
        parse_config(text, files=False)


def _mutated(dice: random.Random) -> str:
    text = list(dice.choice(SEEDS))
    for _ in range(dice.randrange(6)):
        place = dice.randrange(len(text) + 1)
        match dice.randrange(3):
            case 0:
                text[place:place] = chr(dice.choice((dice.randrange(128), dice.randrange(0xD800), 0x1F600)))
            case 1:
                del text[place : place + dice.randrange(1, 9)]
            case _:
                text[place:place] = text[: dice.randrange(40)]
    return "".join(text)


def _lab() -> Callable[[], None]:
    def run() -> None:
        subprocess.run([sys.executable, "-c", CALL_LAB], check=True, stdout=subprocess.DEVNULL)

    return run


CALL_LAB = "import sys; from tlswitness.cli import main; sys.exit(main(['lab', '--json']))"


def _memory() -> int:
    """Octets of this process in memory."""
    status = Path("/proc/self/statm")
    if not status.exists():
        return 0
    return int(status.read_text().split()[1]) * 4096


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, help="the inputs of an earlier run again")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
