"""The public names: what programs may rely on. A change here is one that the CHANGELOG tells."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import tlswitness

PUBLIC = {
    "Config",
    "ConfigError",
    "DataPoint",
    "DataPointError",
    "Deferred",
    "Delivered",
    "DeliveryOutcome",
    "Engine",
    "Envelope",
    "Failed",
    "FurtherFailure",
    "Policy",
    "PolicyType",
    "RecipientOutcome",
    "ResultType",
    "Retry",
    "Tag",
    "__version__",
    "compact",
    "decode",
    "load_config",
    "paniclog",
}
PACKAGES = [
    "config",
    "datapoint",
    "delivery",
    "dns",
    "engine",
    "hooks",
    "hooks.host.builtin",
    "hooks.host.lua",
    "hooks.host.native",
    "hooks.inprocess",
    "hooks.supervisor",
    "journal",
    "lab",
    "names",
    "net",
    "policy",
    "tlsrpt",
]


def test_the_public_names_are_these():
    assert set(tlswitness.__all__) == PUBLIC
    assert len(tlswitness.__all__) == len(PUBLIC)
    assert set(dir(tlswitness)) >= PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_each_is_there_and_documented(name):
    value = getattr(tlswitness, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value), name


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(tlswitness.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0]
    seen = {alias.name: node.module for node in imports for alias in node.names if node.module != "typing"}
    del seen["annotations"]
    assert seen == tlswitness._HOME


def test_others_are_not():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tlswitness.nothing


def test_importing_the_package_imports_nothing_else():
    code = "import sys, tlswitness; print([m for m in sys.modules if m.startswith('tlswitness.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("package", PACKAGES)
def test_each_room_says_what_it_hands_out(package):
    module = importlib.import_module(f"tlswitness.{package}")
    for name in getattr(module, "__all__", ()):
        assert hasattr(module, name), name
