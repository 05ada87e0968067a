"""Runs every `bench_*.py`, or those whose name holds one of the words given, and prints what came of it.

Each of ours runs beside its peer in turns, so that a ratio means something on any machine; the numbers that it is made
of hold for this one alone.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from bench import page
from bench.measure import NORMAL, QUICK, Comparison, Pace

FIRST = ("smtp", "session")
"""What matters most."""


def main(args: Sequence[str]) -> int:
    options = _parser().parse_args(args)
    names = [name for name in _names() if not options.words or any(word in name for word in options.words)]
    if not names:
        print(f"bench: there are: {', '.join(_names())}", file=sys.stderr)
        return 2
    pace = QUICK if options.quick else NORMAL
    start = time.monotonic()
    found: dict[str, list[Comparison]] = {}
    for name in names:
        found[name] = []
        for comparison in _comparisons(name, pace):
            found[name].append(comparison)
            if not options.json:
                print("\n".join(_lines(comparison)), flush=True)
    if options.json:
        print(json.dumps({name: [asdict(each) for each in made] for name, made in found.items()}, indent=2))
    else:
        print(f"{time.monotonic() - start:.0f} seconds")
    if options.write:
        page.write(found)
    return 0


def _comparisons(name: str, pace: Pace) -> Iterator[Comparison]:
    yield from importlib.import_module(f"bench.bench_{name}").bench(pace)


def _names() -> list[str]:
    found = {path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py")}
    return [*FIRST, *sorted(found - set(FIRST))]


def _lines(made: Comparison) -> Iterator[str]:
    yield made.what
    for figure in made.figures:
        spread = f"{figure.spread:>5.0%} apart" if figure.spread else ""
        cpu = f"  {figure.cpu * 1e6:>9,.0f} us of CPU each" if figure.cpu else ""
        yield f"    {figure.name:<28}{figure.value:>12,.1f} {made.unit:<3}{spread}{cpu}".rstrip()
    for ratio in made.ratios:
        cpu = f", of its CPU {ratio.cpu:.2f}" if ratio.cpu else ""
        yield f"  {ratio.of} / {ratio.to} = {ratio.value:.3g}{cpu}{page.target_words(ratio)}"
    for note in made.notes:
        yield f"  ({note})"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("words", nargs="*", metavar="WORD", help=f"of {', '.join(_names())}")
    parser.add_argument("--quick", action="store_true", help="shorter and fewer runs: does it work at all?")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--write", action="store_true", help=f"write the ratios into {page.PAGE.name}")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
