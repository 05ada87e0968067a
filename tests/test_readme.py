"""What the README promises to programmers holds: its example is run, its links and commands exist."""

import ast
import re
from pathlib import Path

import tlswitness
from tlswitness.cli.app import VERBS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_the_example_is_python_and_uses_public_names() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    imported = {
        alias.name
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom) and node.module == "tlswitness"
        for alias in node.names
    }
    assert imported
    assert imported <= set(tlswitness.__all__)


def test_each_command_is_one() -> None:
    named = set(re.findall(r"^    tlswitness (\w+)", README, re.MULTILINE))
    assert named
    assert named <= set(VERBS)


def test_each_make_target_is_one() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", README)) <= targets


def test_each_file_is_there() -> None:
    for path in re.findall(r"\]\(([^)]+)\)|`(src/[^`]+)`", README):
        assert (ROOT / (path[0] or path[1])).exists()
