"""Writes docs/rfc-coverage.md: each section that binds a sender, the modules that carry it out, the tests that show it.

The sections stand in docs/rfc-sections.toml; the tests are found by their marks, `@pytest.mark.rfc(8461, "3.3")`,
without running anything. Fails on a mark of a section that is not listed and on a module that does not exist.
`--check` writes nothing and says whether the page is current.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.page import ROOT, cell, settle

SECTIONS = ROOT / "docs" / "rfc-sections.toml"
PAGE = ROOT / "docs" / "rfc-coverage.md"
TESTS = ROOT / "tests"
SOURCE = ROOT / "src" / "tlswitness"

TITLES = {
    8460: "SMTP TLS Reporting",
    8461: "SMTP MTA Strict Transport Security (MTA-STS)",
    7672: "SMTP Security via Opportunistic DANE TLS",
    7671: "DANE: updates and operational guidance",
    8689: "SMTP Require TLS Option",
}
"""The RFCs whose sections are listed. Marks of others are shown, and not checked."""

HEAD = """\
# What of the RFCs is carried out, where, and shown by which tests

<!-- Written by `make rfc` from docs/rfc-sections.toml and the marks of the tests. Do not edit. -->
"""


@dataclass(frozen=True, order=True)
class Mark:
    """A test that shows a section."""

    rfc: int
    section: str
    file: str
    test: str


@dataclass(frozen=True)
class Section:
    """One entry of docs/rfc-sections.toml."""

    rfc: int
    section: str
    title: str
    level: str
    demand: str
    modules: tuple[str, ...]
    todo: str = ""


@dataclass(frozen=True)
class Coverage:
    """Sections and marks joined."""

    sections: tuple[Section, ...]
    marks: tuple[Mark, ...]
    faults: tuple[str, ...] = field(default=())

    def tests(self, rfc: int, section: str) -> list[Mark]:
        return [mark for mark in self.marks if (mark.rfc, mark.section) == (rfc, section)]


def main(args: Sequence[str]) -> int:
    found = coverage()
    for fault in found.faults:
        print(fault, file=sys.stderr)
    if found.faults:
        return 1
    return settle(PAGE, page(found), check="--check" in args, remedy="make rfc")


def coverage(sections: Path = SECTIONS, tests: Path = TESTS, source: Path = SOURCE) -> Coverage:
    """Read the sections and the marks of all tests, and say what does not fit."""
    listed = read_sections(sections)
    marks: list[Mark] = []
    faults: list[str] = []
    for path in sorted(tests.rglob("test_*.py")):
        name = path.relative_to(tests.parent).as_posix()
        for mark in marks_of(path.read_text(encoding="utf-8"), name):
            (faults if isinstance(mark, str) else marks).append(mark)  # type: ignore[arg-type]
    known = {(section.rfc, section.section) for section in listed}
    faults += [
        f"{mark.file}: {mark.test}: RFC {mark.rfc} section {mark.section} is not in {sections.name}"
        for mark in marks
        if mark.rfc in TITLES and (mark.rfc, mark.section) not in known
    ]
    faults += [
        f"{sections.name}: RFC {section.rfc} section {section.section}: there is no module tlswitness.{module}"
        for section in listed
        for module in section.modules
        if not _exists(source, module)
    ]
    faults += [
        f"{sections.name}: RFC {section.rfc} section {section.section}: neither a module nor a `todo`"
        for section in listed
        if not section.modules and not section.todo
    ]
    return Coverage(listed, tuple(sorted(set(marks))), tuple(faults))


def read_sections(path: Path) -> tuple[Section, ...]:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(Section(**{**entry, "modules": tuple(entry["modules"])}) for entry in table["section"])


def marks_of(source: str, file: str) -> Iterator[Mark | str]:
    """The marks in a test file: those of the module hold for all its tests, those of a class for the tests in it."""
    tree = ast.parse(source)
    everywhere: list[ast.expr] = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets):
            everywhere += node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
    yield from _marks_below(tree.body, everywhere, file)


def _marks_below(body: Sequence[ast.stmt], outer: list[ast.expr], file: str) -> Iterator[Mark | str]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _marks_below(node.body, [*outer, *node.decorator_list], file)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            for expression in (*outer, *node.decorator_list):
                yield from _marks_in(expression, file, node.name)


def _marks_in(expression: ast.expr, file: str, test: str) -> Iterator[Mark | str]:
    """Marks also stand within others: `pytest.param(..., marks=pytest.mark.rfc(...))` of a parametrize."""
    for node in ast.walk(expression):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.rfc")):
            continue
        match [arg.value if isinstance(arg, ast.Constant) else None for arg in node.args]:
            case [int() as rfc, str() as section] if not node.keywords:
                yield Mark(rfc, section, file, test)
            case _:
                yield f'{file}:{node.lineno}: a mark is written rfc(8461, "3.3"), not {ast.unparse(node)}'


def page(found: Coverage) -> str:
    """The whole page."""
    lines = [HEAD, *_summary(found)]
    for rfc, title in TITLES.items():
        lines += [
            f"## RFC {rfc}: {title}",
            "",
            "| section | what is asked of a sender | level | carried out by | shown by |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [_row(section, found) for section in found.sections if section.rfc == rfc]
        lines.append("")
    return "\n".join([*lines, *_open(found), *_others(found), *_names(found)])


def _summary(found: Coverage) -> Iterator[str]:
    yield from (
        "| RFC | sections that bind a sender | carried out | in part | not yet | shown by tests |",
        "| --- | --- | --- | --- | --- | --- |",
    )
    for rfc in TITLES:
        mine = [section for section in found.sections if section.rfc == rfc]
        none = sum(not section.modules for section in mine)
        part = sum(bool(section.modules and section.todo) for section in mine)
        shown = sum(bool(found.tests(rfc, section.section)) for section in mine)
        yield f"| {rfc} | {len(mine)} | {len(mine) - none - part} | {part} | {none} | {shown} |"
    yield ""


def _row(section: Section, found: Coverage) -> str:
    modules = ", ".join(f"`{module}`" for module in section.modules)
    done = " ".join(part for part in (modules, f"not yet: {section.todo}" if section.todo else "") if part)
    tests = _tests(found.tests(section.rfc, section.section)) or ("-" if not section.modules else "none")
    columns = (f"{section.section} {section.title}", section.demand, section.level, done, tests)
    return f"| {' | '.join(cell(column) for column in columns)} |"


def _tests(marks: Sequence[Mark]) -> str:
    """The test files; the names of the tests stand at the end of the page."""
    files = sorted({mark.file for mark in marks})
    return ", ".join(f"[{file.removeprefix('tests/').removesuffix('.py')}](../{file})" for file in files)


def _open(found: Coverage) -> Iterator[str]:
    yield from ("## Not done yet", "")
    for section in found.sections:
        if section.todo:
            yield f"- RFC {section.rfc} section {section.section}, {section.title}: {section.todo}"
    untested = [s for s in found.sections if s.modules and not found.tests(s.rfc, s.section)]
    yield from ("", "## Carried out, but shown by no test", "")
    yield ", ".join(f"RFC {s.rfc} section {s.section}" for s in untested) or "None."
    yield ""


def _others(found: Coverage) -> Iterator[str]:
    groups: Mapping[int, dict[str, list[Mark]]] = defaultdict(lambda: defaultdict(list))
    for mark in found.marks:
        if mark.rfc not in TITLES:
            groups[mark.rfc][mark.section].append(mark)
    if not groups:
        return
    yield from ("## Sections of other RFCs that tests show", "", "| RFC | section | shown by |", "| --- | --- | --- |")
    for rfc, sections in sorted(groups.items()):
        for section in sorted(sections, key=_order):
            yield f"| {rfc} | {section} | {_tests(sections[section])} |"
    yield ""


def _names(found: Coverage) -> Iterator[str]:
    yield from ("## The tests by name", "")
    for rfc, section in sorted({(mark.rfc, mark.section) for mark in found.marks}, key=lambda s: (s[0], _order(s[1]))):
        names = ", ".join(f"`{mark.test}`" for mark in found.tests(rfc, section))
        yield f"- RFC {rfc} section {section}: {names}"
    yield ""


def _order(section: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdigit() else (0, part) for part in section.split("."))


def _exists(source: Path, module: str) -> bool:
    path = source.joinpath(*module.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
