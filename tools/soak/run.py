"""The run: turns among the targets, what was found, what it cost. Ends with 1 on a fault and on memory that grows.

A fault is told with its input and the command that shows it again.
"""

from __future__ import annotations

import argparse
import base64
import gc
import random
import subprocess
import sys
import time
import traceback
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.soak import config, dns, http, journal, names, points, policy, smtp, tlsa, tlsrpt
from tools.soak.mutate import mutated
from tools.soak.target import Target

MINUTES = 10.0
TURN = 0.25
"""Seconds for a target before it is the next one's turn."""
LEAST = 100
"""Inputs of each target, however short the run."""
MAX_CORPUS = 1000
"""Inputs kept of each target; then new ones take the place of old ones."""
MAX_SECONDS = 2.0
"""Of the processor, for one input of at most 16 KiB: what takes longer is a fault."""
MAX_SEEN = 10_000
"""Outcomes of each target that are told apart; behind them nothing is new."""
WARM_UP = 0.3
"""Part of the time before memory counts: caches and corpora fill first."""
MAX_GROWTH = 48 << 20
"""Octets by which the process may grow after that."""
LAB_EVERY = 150.0
"""Seconds between two runs of the lab, each in a process of its own."""

TARGETS: tuple[Target, ...] = (
    smtp.TARGET,
    dns.TARGET,
    http.TARGET,
    policy.RECORD,
    policy.BODY,
    tlsrpt.RECORD,
    tlsrpt.RUA,
    tlsa.TARGET,
    points.TARGET,
    names.TARGET,
    config.TARGET,
    journal.TARGET,
)


class FaultFound(Exception):  # noqa: N818 - what was looked for
    """An input that a target's oracle does not let pass."""

    def __init__(self, target: Target, data: bytes) -> None:
        super().__init__(f"{target.name}: a fault")
        self.target = target
        self.data = data


@dataclass
class Hunt:
    """One target under way."""

    target: Target
    dice: random.Random
    corpus: list[bytes] = field(default_factory=list)
    seen: set[Hashable] = field(default_factory=set)
    tried: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        for seed in self.target.seeds:
            self.corpus.append(seed)
            self.attempt(seed)

    def go(self, seconds: float, least: int) -> None:
        started, first = time.monotonic(), self.tried
        while time.monotonic() - started < seconds or self.tried - first < least:
            base = self.dice.choice(self.corpus)
            data = mutated(base, self.corpus, self.target.words, self.dice)
            if self.attempt(data):
                self._keep(data)
        self.seconds += time.monotonic() - started

    def attempt(self, data: bytes) -> bool:
        """Whether something new came of it."""
        self.tried += 1
        started = time.process_time()
        try:
            told = self.target.attempt(data)
            spent = time.process_time() - started
            assert spent < MAX_SECONDS, f"it took {spent:.1f} s of the processor"
        except Exception as error:
            raise FaultFound(self.target, data) from error
        if told in self.seen or len(self.seen) >= MAX_SEEN:
            return False
        self.seen.add(told)
        return True

    def _keep(self, data: bytes) -> None:
        if len(self.corpus) < MAX_CORPUS:
            self.corpus.append(data)
        else:
            self.corpus[self.dice.randrange(len(self.target.seeds), MAX_CORPUS)] = data


def main(args: Sequence[str]) -> int:
    options = _parser().parse_args(args)
    targets = [target for target in TARGETS if not options.target or target.name in options.target]
    if options.input is not None:
        return _again(targets[0], base64.b64decode(options.input))
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"soak: {options.minutes:g} minutes, --seed {seed}", flush=True)
    hunts: list[Hunt] = []
    try:
        return _run(hunts, targets, seed, options.minutes * 60, lab=not options.no_lab)
    except FaultFound as fault:
        _tell(fault, seed)
        return 1
    finally:
        for hunt in hunts:
            rate = hunt.tried / hunt.seconds if hunt.seconds else 0.0
            print(f"  {hunt.target.name:14} {hunt.tried:>10,} inputs {rate:>8,.0f}/s  {len(hunt.seen):>6} outcomes")


def _run(hunts: list[Hunt], targets: Iterable[Target], seed: int, seconds: float, *, lab: bool) -> int:
    started = time.monotonic()
    hunts.extend(Hunt(target, random.Random(f"{seed} {target.name}")) for target in targets)
    labs, next_lab, base = 0, 0.0, 0
    while (now := time.monotonic() - started) < seconds or not all(hunt.tried >= LEAST for hunt in hunts):
        for hunt in hunts:
            hunt.go(min(TURN, seconds) * hunt.target.share, LEAST if not seconds else 1)
        if not base and now >= seconds * WARM_UP:
            gc.collect()
            base = _memory()
        if lab and now >= next_lab:
            _lab()
            labs, next_lab = labs + 1, now + LAB_EVERY
    gc.collect()
    growth = _memory() - base
    print(f"soak: {sum(hunt.tried for hunt in hunts):,} inputs, {labs} runs of the lab, {growth / (1 << 20):+.1f} MiB")
    if growth > MAX_GROWTH:
        print(f"soak: memory grew by more than {MAX_GROWTH >> 20} MiB", file=sys.stderr)
        return 1
    return 0


def _again(target: Target, data: bytes) -> int:
    """One input, and what becomes of it."""
    try:
        print(f"soak: {target.name}: {target.attempt(data)}")
    except Exception:  # noqa: BLE001 - the fault that was looked for
        traceback.print_exc()
        return 1
    return 0


def _tell(fault: FaultFound, seed: int) -> None:
    traceback.print_exception(fault.__cause__)
    name, data = fault.target.name, base64.b64encode(fault.data).decode("ascii")
    print(f"soak: {name}: a fault, found with --seed {seed}, at the input {fault.data!r}", file=sys.stderr)
    print(f"soak: again: python -m tools.soak --target {name} --input {data}", file=sys.stderr)


def _lab() -> None:
    subprocess.run([sys.executable, "-c", CALL_LAB], check=True, stdout=subprocess.DEVNULL)


CALL_LAB = "import sys; from tlswitness.cli import main; sys.exit(main(['lab', '--json']))"


def _memory() -> int:
    """Octets of this process in memory."""
    status = Path("/proc/self/statm")
    if not status.exists():
        return 0
    return int(status.read_text().split()[1]) * 4096


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="soak", description="Hostile input, and the whole lab now and then.")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--seed", type=int, help="the inputs of an earlier run again, as far as the time goes")
    names = [target.name for target in TARGETS]
    parser.add_argument("--target", action="append", choices=names, help="this one alone; may be given again")
    parser.add_argument("--input", help="one input of one target, in base64: the fault that a run told")
    parser.add_argument("--no-lab", action="store_true", help="hostile input only")
    return parser
