"""Runs every `bench_*.py`, or those whose name holds a word of the command line; `--json` for programs."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from bench.measure import Measure


def main(args: list[str]) -> int:
    words = [arg for arg in args if not arg.startswith("-")]
    names = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    chosen = [name for name in names if not words or any(word in name for word in words)]
    if "--json" in args:
        print(json.dumps([asdict(measure) for measure in _measures(chosen)], indent=2))
        return 0
    for measure in _measures(chosen):
        print(f"{measure.name:<52} {measure.value:>14,.1f} {measure.unit}", flush=True)
    return 0


def _measures(names: list[str]) -> Iterator[Measure]:
    for name in names:
        yield from importlib.import_module(f"bench.{name}").bench()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
