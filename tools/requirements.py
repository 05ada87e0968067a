"""Writes docs/requirements.md: each demand on a sender of RFC 8461, 7672, 7671, 5321 and 3207, and what shows it.

Separate from rfc_coverage, which goes by sections: one section has many demands, and a mark does not say which of them
a test shows. The demands stand in docs/requirements.toml. Fails on a test, a row or a cell that does not exist, and on
a demand that nothing shows and no `choice` explains. `--check` writes nothing and says whether the page is current.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.page import ROOT, cell, settle
from tools.rfc_coverage import TABLE, TESTS, LabCell, cells_of

DEMANDS = ROOT / "docs" / "requirements.toml"
PAGE = ROOT / "docs" / "requirements.md"

HEAD = """\
# What is demanded of a sender, one by one, and what shows it

<!-- Written by `make rfc` from docs/requirements.toml. Do not edit. -->

Rows and cells are those of the lab's decision table (`src/tlswitness/lab/outcomes.toml`), played by real sessions;
tests stand below `tests/`. By sections: [rfc-coverage.md](rfc-coverage.md).

| id | RFC | level | demand | shown by |
| --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Demand:
    """One entry of docs/requirements.toml."""

    id: str
    rfc: str
    level: str
    demand: str
    shown: tuple[str, ...] = ()
    choice: str = ""


def main(args: Sequence[str]) -> int:
    found = read(DEMANDS)
    wrong = list(faults(found))
    for fault in wrong:
        print(fault, file=sys.stderr)
    return 1 if wrong else settle(PAGE, page(found), check="--check" in args, remedy="make rfc")


def read(path: Path) -> tuple[Demand, ...]:
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["requirement"]
    return tuple(Demand(**{**entry, "shown": tuple(entry.get("shown", ()))}) for entry in entries)


def faults(demands: Sequence[Demand], tests: Path = TESTS, table: Path = TABLE) -> Iterator[str]:
    """What does not fit."""
    played = {str(each): each.row for each in cells_of(table) if isinstance(each, LabCell)}
    seen: set[str] = set()
    for demand in demands:
        if demand.id in seen:
            yield f"{demand.id}: there are two of it"
        seen.add(demand.id)
        if bool(demand.shown) == bool(demand.choice):
            yield f"{demand.id}: either something shows it, or a `choice` says why nothing does"
        for reference in demand.shown:
            if not _exists(reference, played, tests):
                yield f"{demand.id}: there is no {reference!r}"


def _exists(reference: str, played: dict[str, str], tests: Path) -> bool:
    kind, _, name = reference.partition(" ")
    if kind == "row":
        return name in played.values()
    if kind == "cell":
        return name in played
    file, _, test = reference.partition("::")
    path = tests / f"{file}.py"
    return path.is_file() and test in _functions(path)


def _functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def page(demands: Sequence[Demand]) -> str:
    """The whole page."""
    return HEAD + "".join(f"{_row(demand)}\n" for demand in demands)


def _row(demand: Demand) -> str:
    shown = ", ".join(_words(reference) for reference in demand.shown) or f"on purpose not: {demand.choice}"
    columns = (demand.id, demand.rfc, demand.level, demand.demand, shown)
    return f"| {' | '.join(cell(column) for column in columns)} |"


def _words(reference: str) -> str:
    file, _, test = reference.partition("::")
    return f"[{test}](../tests/{file}.py)" if test else reference


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
