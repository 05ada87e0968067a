"""The suite's own rules: which skips a prepared machine must not have, and in which order tests run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = {
    "pytest.ini": "[pytest]\nmarkers = slow: slow\n",
    "conftest.py": Path(__file__).with_name("conftest.py").read_text(encoding="utf-8"),
    "test_a.py": """\
import pytest

@pytest.mark.slow
def test_slow(): ...

def test_beside_slow(): ...
""",
    "test_b.py": """\
import pytest

@pytest.mark.skip(reason="needs: unbound")
def test_needs(): ...

@pytest.mark.skip(reason="not on this system")
def test_other(): ...

def test_fast(): ...
""",
    "test_c.py": "import pytest\npytest.importorskip('no_such_module')\n",
}


@pytest.fixture
def run(tmp_path):
    for name, text in SUITE.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def run(ci: str) -> str:
        command = [sys.executable, "-m", "pytest", "-v", "--continue-on-collection-errors", "-p", "no:cacheprovider"]
        environ = {**os.environ, "TLSWITNESS_CI": ci}
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environ).stdout

    return run


def test_a_prepared_machine_skips_nothing_for_want_of_something(run):
    out = run("1")
    assert "2 errors" in out
    assert "1 skipped" in out
    assert out.count("a prepared machine must not skip") >= 2


def test_elsewhere_skips_are_skips_and_fast_tests_come_first(run):
    out = run("")
    assert "3 skipped" in out
    assert "failed" not in out
    order = [line.split("::")[1].split()[0] for line in out.splitlines() if "PASSED" in line]
    assert order == ["test_fast", "test_beside_slow", "test_slow"]
