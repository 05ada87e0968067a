"""The shape of the source: how long its modules and functions are. Prints it; the limits are a test's."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from tools.page import ROOT

SOURCE = ROOT / "src" / "tlswitness"
MAX_MODULE = 600
MAX_P95 = 50


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    lines: int
    documented: bool
    functions: tuple[tuple[str, int], ...]
    """Each with its lines, from its `def` to its end."""


def modules(source: Path = SOURCE) -> list[Module]:
    """All modules, in the order of their names."""
    return [_module(path, source) for path in sorted(source.rglob("*.py"))]


def p95(lengths: list[int]) -> float:
    """The length that 95 of 100 do not exceed."""
    return quantiles(lengths, n=20, method="inclusive")[-1] if len(lengths) > 1 else float(sum(lengths))


def summary(found: list[Module]) -> str:
    """The shape in one line each for modules and functions."""
    lines = [module.lines for module in found]
    lengths = [(length, f"{module.name}.{name}") for module in found for name, length in module.functions]
    plain = [length for length, _ in lengths]
    longest, where = max(lengths)
    largest = max(found, key=lambda module: module.lines)
    return (
        f"{len(found)} modules, {sum(lines)} lines: "
        f"median {median(lines):g}, longest {largest.lines} ({largest.name})\n"
        f"{len(plain)} functions: median {median(plain):g}, p95 {p95(plain):g}, longest {longest} ({where})"
    )


def _module(path: Path, source: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    functions = tuple(
        (node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    name = path.relative_to(source).with_suffix("").as_posix().replace("/", ".")
    return Module(name, len(text.splitlines()), ast.get_docstring(tree) is not None, functions)


if __name__ == "__main__":
    print(summary(modules()))
    sys.exit(0)
