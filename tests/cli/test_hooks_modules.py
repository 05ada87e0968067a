import pytest

from tlswitness.cli.hooks_modules import configured, module_of, points_of
from tlswitness.config import Config, parse_config
from tlswitness.datapoint import Members
from tlswitness.datapoint.limits import MAX_TEXT
from tlswitness.hooks.spec import Kind, ModuleSpec
from tlswitness.journal.importer import BadLine


@pytest.fixture
def config():
    return parse_config('[[hook]]\nlua = "/x/seed.lua"\nmembers = "full"', files=False)


@pytest.mark.parametrize(
    ("module", "kind", "found"),
    [
        ("a.py", None, Kind.PYTHON),
        ("d/a.lua", None, Kind.LUA),
        ("a.so", None, Kind.C),
        ("https://x.example/", None, Kind.WEBHOOK),
        ("a.b", "python", Kind.PYTHON),
        ("seed", None, Kind.LUA),
        ("seed", "jsonl", Kind.JSONL),
    ],
)
def test_which_module_is_meant(config, module, kind, found):
    spec = module_of(config, module, kind)
    assert isinstance(spec, ModuleSpec)
    assert spec.kind is found
    assert (spec.view.members is Members.FULL) == (found not in (Kind.LUA, Kind.C) or module == "seed")


def test_which_is_not(config):
    assert "(configured are: seed)" in module_of(config, "nothing", None)
    assert "(none is configured)" in module_of(Config(), "nothing", None)
    assert "it is a source" in module_of(config, "notify.c", None)
    assert configured(config, "nothing") is None


def test_long_lines_do_not_fill_the_memory(tmp_path):
    path = tmp_path / "points"
    path.write_bytes(b"x" * (3 * MAX_TEXT) + b"\n{}\n")
    with points_of(path) as lines:
        first, second = list(lines)
    assert first == BadLine(1, f"longer than {MAX_TEXT} octets")
    assert isinstance(second, BadLine)
    assert second.number == 2
