import pytest
from tools.rfc_coverage import TABLE as OUTCOMES
from tools.rfc_coverage import LabCell, Mark, cells_of, coverage, main, marks_of, page, read_sections

from tlswitness.lab.table import cells

SECTIONS = """\
[[section]]
rfc = 8461
section = "3.1"
title = "Records"
level = "MUST"
demand = "One | record."
modules = ["names.host"]
[[section]]
rfc = 8461
section = "3.10"
title = "Later"
level = "SHOULD"
demand = "More."
modules = []
todo = "Later."
[[section]]
rfc = 8461
section = "10.5"
title = "Never"
level = "RECOMMENDED"
demand = "Something."
modules = []
choice = "It does harm."
"""
TABLE = """\
[[event]]
id = "A4"
rfc = "8461 3.1"
cells.cache = { mail = "tls" }
cells.nocache = { mail = "tls" }
cells.none = { not_shown = "not here" }
[[event]]
id = "C1"
rfc = "8461 3.1"
cells.enforce = { mail = "deferred" }
cells.both = { mail = "deferred" }
[[event]]
id = "N1"
rfc = "7505 3"
cells.none = { mail = "failed" }
"""
TEST = """\
import pytest
pytestmark = [pytest.mark.rfc(8461, "3.1"), pytest.mark.slow]

@pytest.mark.rfc(5321, "5.1")
def test_one(): ...

@pytest.mark.rfc(8461, "3.10")
class TestMore:
    @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.rfc(7505, "3"))])
    async def test_two(self, x): ...

def helper(): ...
"""


@pytest.fixture
def project(tmp_path):
    def make(sections=SECTIONS, test=TEST, table=TABLE):
        (tmp_path / "sections.toml").write_text(sections)
        (tmp_path / "outcomes.toml").write_text(table)
        (tmp_path / "tests").mkdir()
        (tmp_path / "tests" / "test_x.py").write_text(test)
        source = tmp_path / "src"
        (source / "names").mkdir(parents=True)
        (source / "names" / "host.py").touch()
        return coverage(tmp_path / "sections.toml", tmp_path / "tests", source, tmp_path / "outcomes.toml")

    return make


def test_marks_of_module_class_function_and_parameter():
    assert set(marks_of(TEST, "t.py")) == {
        Mark(8461, "3.1", "t.py", "test_one"),
        Mark(5321, "5.1", "t.py", "test_one"),
        Mark(8461, "3.1", "t.py", "test_two"),
        Mark(8461, "3.10", "t.py", "test_two"),
        Mark(7505, "3", "t.py", "test_two"),
    }


def test_the_cells_are_those_that_the_lab_shows():
    shown = [cell for cell in cells() if cell.not_shown is None]
    assert [(str(found), f"{found.rfc} {found.section}") for found in cells_of(OUTCOMES)] == [
        (cell.id, cell.rfc) for cell in shown
    ]


def test_cells_of_a_section(project):
    found = project()
    assert found.lab(7505, "3") == [LabCell(7505, "3", "N1", "none")]
    assert [str(cell) for cell in found.lab(8461, "3.1")] == ["A4/cache", "A4/nocache", "C1/enforce", "C1/both"]


def test_the_page(project):
    found = project()
    text = page(found)
    assert found.faults == ()
    assert "| 8461 | 3 | 1 | 0 | 1 | 1 | 2 |" in text
    tests, lab = "[test_x](../tests/test_x.py)", "[lab cells](../tests/lab/test_run.py)"
    shown = f"{tests}, {lab} A4/cache, A4/nocache, C1/enforce and 1 more"
    assert f"| 3.1 Records | One \\| record. | MUST | `names.host` | {shown} |" in text
    assert f"| 3.10 Later | More. | SHOULD | not yet: Later. | {tests} |" in text
    assert "| 10.5 Never | Something. | RECOMMENDED | on purpose: It does harm. | - |" in text
    assert "- RFC 8461 section 3.10, Later: Later." in text
    assert "- RFC 8461 section 10.5, Never: It does harm." in text
    assert f"| 5321 | 5.1 | {tests} |" in text
    assert f"| 7505 | 3 | {tests}, {lab} N1/none |" in text
    assert "- RFC 8461 section 3.1: `test_one`, `test_two`, lab cells A4/cache, nocache; C1/enforce, both" in text


def test_what_nothing_shows_is_listed(project):
    text = page(project(test="", table=TABLE.replace("8461 3.1", "3207 4")))
    assert "## Carried out, but shown by no test\n\n- RFC 8461 section 3.1, Records: One | record.\n" in text
    assert "| `names.host` | none |" in text


@pytest.mark.parametrize(
    ("sections", "test", "table", "fault"),
    [
        (SECTIONS, TEST.replace('"3.1"', '"9.9"'), TABLE, "t_x.py: test_one: RFC 8461 section 9.9 is not in sections"),
        (SECTIONS, TEST, TABLE.replace("8461 3.1", "8461 9.9"), "A4/cache: RFC 8461 section 9.9 is not in sections"),
        (SECTIONS, TEST, TABLE.replace("8461 3.1", "8461-3.1"), "A4: a row names a section as in `8461 3.3`"),
        (SECTIONS.replace("names.host", "names.none"), TEST, TABLE, "there is no module tlswitness.names.none"),
        (SECTIONS.replace('todo = "Later."', ""), TEST, TABLE, "neither a module nor a `todo` nor a `choice`"),
        (SECTIONS, TEST.replace('8461, "3.1"', "8461, 3.1"), TABLE, "a mark is written"),
    ],
)
def test_faults(project, sections, test, table, fault):
    assert any(fault in text for text in project(sections, test, table).faults)


def test_no_section_is_listed_twice():
    from tools.rfc_coverage import SECTIONS as PATH

    keys = [(section.rfc, section.section) for section in read_sections(PATH)]
    assert len(keys) == len(set(keys))


def test_the_page_of_the_project_is_current(capsys):
    assert main(["--check"]) == 0, capsys.readouterr().err
