"""Writes docs/rfc-coverage.md: each section that binds a sender, the modules that carry it out, what shows it.

The sections stand in docs/rfc-sections.toml. They are shown by tests, found by their marks
`@pytest.mark.rfc(8461, "3.3")`, and by the cells of the lab's decision table, each of which is a test. Nothing is run.
Fails on a mark or a cell of a section that is not listed, and on a module that does not exist.
`--check` writes nothing and says whether the page is current.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.page import ROOT, cell, settle

SECTIONS = ROOT / "docs" / "rfc-sections.toml"
PAGE = ROOT / "docs" / "rfc-coverage.md"
TESTS = ROOT / "tests"
SOURCE = ROOT / "src" / "tlswitness"
TABLE = SOURCE / "lab" / "outcomes.toml"
LAB_TESTS = "tests/lab/test_run.py"
"""Runs each cell of the table that loopback can show."""
CELLS_NAMED = 3
"""Cells that a row of the page names; all of them stand at its end."""

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

<!-- Written by `make rfc` from docs/rfc-sections.toml, the tests' marks and the lab's decision table. Do not edit. -->

A section is shown by tests that are marked with it, and by cells of the lab's decision table
(`src/tlswitness/lab/outcomes.toml`): row/column, an event under a policy, played by real sessions and held against
what the table says. `-`: there is nothing to show yet.
"""


@dataclass(frozen=True, order=True)
class Mark:
    """A test that shows a section."""

    rfc: int
    section: str
    file: str
    test: str


@dataclass(frozen=True)
class LabCell:
    """A cell of the decision table that loopback shows."""

    rfc: int
    section: str
    row: str
    column: str

    def __str__(self) -> str:
        return f"{self.row}/{self.column}"


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
    choice: str = ""


@dataclass(frozen=True)
class Coverage:
    """Sections, marks and cells joined."""

    sections: tuple[Section, ...]
    marks: tuple[Mark, ...]
    cells: tuple[LabCell, ...] = ()
    faults: tuple[str, ...] = field(default=())

    def tests(self, rfc: int, section: str) -> list[Mark]:
        return [mark for mark in self.marks if (mark.rfc, mark.section) == (rfc, section)]

    def lab(self, rfc: int, section: str) -> list[LabCell]:
        """In the order of the table."""
        return [found for found in self.cells if (found.rfc, found.section) == (rfc, section)]

    def shown(self, section: Section) -> bool:
        return bool(self.tests(section.rfc, section.section) or self.lab(section.rfc, section.section))


def main(args: Sequence[str]) -> int:
    found = coverage()
    for fault in found.faults:
        print(fault, file=sys.stderr)
    if found.faults:
        return 1
    return settle(PAGE, page(found), check="--check" in args, remedy="make rfc")


def coverage(
    sections: Path = SECTIONS, tests: Path = TESTS, source: Path = SOURCE, table: Path | None = None
) -> Coverage:
    """Read the sections, the marks of all tests and the cells, and say what does not fit."""
    listed = read_sections(sections)
    marks: list[Mark] = []
    cells: list[LabCell] = []
    faults: list[str] = []
    for path in sorted(tests.rglob("test_*.py")):
        name = path.relative_to(tests.parent).as_posix()
        for mark in marks_of(path.read_text(encoding="utf-8"), name):
            (faults if isinstance(mark, str) else marks).append(mark)  # type: ignore[arg-type]
    for shown in cells_of(table or TABLE):
        (faults if isinstance(shown, str) else cells).append(shown)  # type: ignore[arg-type]
    named = [(mark.rfc, mark.section, f"{mark.file}: {mark.test}") for mark in marks]
    named += [(shown.rfc, shown.section, f"{TABLE.name}: {shown}") for shown in cells]
    known = {(section.rfc, section.section) for section in listed}
    faults += [
        f"{where}: RFC {rfc} section {section} is not in {sections.name}"
        for rfc, section, where in named
        if rfc in TITLES and (rfc, section) not in known
    ]
    faults += [f"{sections.name}: {fault}" for section in listed for fault in _section_faults(section, source)]
    return Coverage(listed, tuple(sorted(set(marks))), tuple(cells), tuple(faults))


def read_sections(path: Path) -> tuple[Section, ...]:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(Section(**{**entry, "modules": tuple(entry["modules"])}) for entry in table["section"])


def cells_of(table: Path) -> Iterator[LabCell | str]:
    """The cells of the decision table that are played. A cell shows the section that its row names."""
    for event in tomllib.loads(table.read_text(encoding="utf-8"))["event"]:
        rfc, _, section = event["rfc"].partition(" ")
        if not rfc.isdecimal() or not section:
            yield f"{table.name}: {event['id']}: a row names a section as in `8461 3.3`, not {event['rfc']!r}"
            continue
        for column, body in event["cells"].items():
            if "not_shown" not in body:
                yield LabCell(int(rfc), section, event["id"], column)


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


def _section_faults(section: Section, source: Path) -> Iterator[str]:
    where = f"RFC {section.rfc} section {section.section}"
    yield from (f"{where}: there is no module tlswitness.{m}" for m in section.modules if not _exists(source, m))
    if not (section.modules or section.todo or section.choice):
        yield f"{where}: neither a module nor a `todo` nor a `choice`"


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
        "| RFC | sections that bind a sender | carried out | in part | not yet | left out on purpose | shown |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    )
    for rfc in TITLES:
        mine = [section for section in found.sections if section.rfc == rfc]
        not_yet = sum(bool(section.todo and not section.modules) for section in mine)
        part = sum(bool(section.todo and section.modules) for section in mine)
        left_out = sum(not section.todo and not section.modules for section in mine)
        whole = len(mine) - not_yet - part - left_out
        shown = sum(found.shown(section) for section in mine)
        yield f"| {rfc} | {len(mine)} | {whole} | {part} | {not_yet} | {left_out} | {shown} |"
    yield ""


def _row(section: Section, found: Coverage) -> str:
    modules = ", ".join(f"`{module}`" for module in section.modules)
    todo = f"not yet: {section.todo}" if section.todo else ""
    choice = f"on purpose: {section.choice}" if section.choice else ""
    done = "; ".join(part for part in (modules, todo, choice) if part)
    shown = _shown(found, section.rfc, section.section) or ("none" if section.modules else "-")
    columns = (f"{section.section} {section.title}", section.demand, section.level, done, shown)
    return f"| {' | '.join(cell(column) for column in columns)} |"


def _shown(found: Coverage, rfc: int, section: str) -> str:
    """The test files, and some of the cells; the names of all stand at the end of the page."""
    files = sorted({mark.file for mark in found.tests(rfc, section)})
    parts = [f"[{file.removeprefix('tests/').removesuffix('.py')}](../{file})" for file in files]
    cells = [str(each) for each in found.lab(rfc, section)]
    if cells:
        more = f" and {len(cells) - CELLS_NAMED} more" if len(cells) > CELLS_NAMED else ""
        parts.append(f"[lab cells](../{LAB_TESTS}) {', '.join(cells[:CELLS_NAMED])}{more}")
    return ", ".join(parts)


def _open(found: Coverage) -> Iterator[str]:
    yield from _list("Not done yet", [(section, section.todo) for section in found.sections if section.todo])
    yield from _list("Left out on purpose", [(section, section.choice) for section in found.sections if section.choice])
    bare = [section for section in found.sections if section.modules and not found.shown(section)]
    yield from _list("Carried out, but shown by no test", [(section, section.demand) for section in bare])


def _list(title: str, items: Sequence[tuple[Section, str]]) -> Iterator[str]:
    yield from (f"## {title}", "")
    for section, text in items:
        yield f"- RFC {section.rfc} section {section.section}, {section.title}: {text}"
    if not items:
        yield "None."
    yield ""


def _others(found: Coverage) -> Iterator[str]:
    named = [item for item in _named(found) if item[0] not in TITLES]
    if not named:
        return
    yield from ("## Sections of other RFCs that are shown", "", "| RFC | section | shown by |", "| --- | --- | --- |")
    for rfc, section in named:
        yield f"| {rfc} | {section} | {cell(_shown(found, rfc, section))} |"
    yield ""


def _names(found: Coverage) -> Iterator[str]:
    yield from ("## Tests and cells by name", "")
    for rfc, section in _named(found):
        names = [f"`{mark.test}`" for mark in found.tests(rfc, section)]
        rows: dict[str, list[str]] = {}
        for shown in found.lab(rfc, section):
            rows.setdefault(shown.row, []).append(shown.column)
        if rows:
            names.append("lab cells " + "; ".join(f"{row}/{', '.join(columns)}" for row, columns in rows.items()))
        yield f"- RFC {rfc} section {section}: {', '.join(names)}"
    yield ""


def _named(found: Coverage) -> list[tuple[int, str]]:
    """Each section that a test or a cell names, in order."""
    named = {(mark.rfc, mark.section) for mark in found.marks} | {(each.rfc, each.section) for each in found.cells}
    return sorted(named, key=lambda item: (item[0], _order(item[1])))


def _order(section: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdigit() else (0, part) for part in section.split("."))


def _exists(source: Path, module: str) -> bool:
    path = source.joinpath(*module.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
