import pytest
from tools.rfc_coverage import Mark, coverage, main, marks_of, page, read_sections

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
    def make(sections=SECTIONS, test=TEST):
        (tmp_path / "sections.toml").write_text(sections)
        (tmp_path / "tests").mkdir()
        (tmp_path / "tests" / "test_x.py").write_text(test)
        source = tmp_path / "src"
        (source / "names").mkdir(parents=True)
        (source / "names" / "host.py").touch()
        return coverage(tmp_path / "sections.toml", tmp_path / "tests", source)

    return make


def test_marks_of_module_class_function_and_parameter():
    assert set(marks_of(TEST, "t.py")) == {
        Mark(8461, "3.1", "t.py", "test_one"),
        Mark(5321, "5.1", "t.py", "test_one"),
        Mark(8461, "3.1", "t.py", "test_two"),
        Mark(8461, "3.10", "t.py", "test_two"),
        Mark(7505, "3", "t.py", "test_two"),
    }


def test_the_page(project):
    text = page(project())
    assert "| 3.1 Records | One \\| record. | MUST | `names.host` | [test_x](../tests/test_x.py) |" in text
    assert "| 3.10 Later | More. | SHOULD | not yet: Later. | [test_x](../tests/test_x.py) |" in text
    assert "- RFC 8461 section 3.10, Later: Later." in text
    assert "| 5321 | 5.1 | [test_x](../tests/test_x.py) |" in text
    assert "- RFC 8461 section 3.1: `test_one`, `test_two`" in text


@pytest.mark.parametrize(
    ("sections", "test", "fault"),
    [
        (SECTIONS, TEST.replace('"3.1"', '"9.9"'), "RFC 8461 section 9.9 is not in sections.toml"),
        (SECTIONS.replace("names.host", "names.none"), TEST, "there is no module tlswitness.names.none"),
        (SECTIONS.replace('todo = "Later."', ""), TEST, "neither a module nor a `todo`"),
        (SECTIONS, TEST.replace('8461, "3.1"', "8461, 3.1"), "a mark is written"),
    ],
)
def test_faults(project, sections, test, fault):
    assert any(fault in text for text in project(sections, test).faults)


def test_no_section_is_listed_twice():
    from tools.rfc_coverage import SECTIONS as PATH

    keys = [(section.rfc, section.section) for section in read_sections(PATH)]
    assert len(keys) == len(set(keys))


def test_the_page_of_the_project_is_current(capsys):
    assert main(["--check"]) == 0, capsys.readouterr().err
