"""The shape of the house: what a module may be, who may import whom, and that each module has its tests."""

import ast
import tomllib
from pathlib import Path

import pytest
from tools.shape import MAX_MODULE, MAX_P95, SOURCE, modules, p95, summary

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"

ALLOWED: dict[str, set[str]] = {
    "names": set(),
    "net": set(),
    "memory": set(),
    "datapoint": {"names"},
    "dns": {"names"},
    "tlsrpt": {"dns", "names"},
    "policy": {"dns", "names", "datapoint", "net", "memory"},
    "delivery": {"policy", "dns", "names", "datapoint", "net", "memory"},
    "journal": {"datapoint", "names"},
    "hooks": {"journal", "datapoint", "names"},
    "config": {"names"},
}
"""Each room and what it may import. Above them, in layers: engine, lab, service, cli."""
LAYERS = ["cli", "service", "lab", "engine"]
ALONE = {room for room, allowed in ALLOWED.items() if not allowed}
"""One contract for all of them."""

NO_TESTS_OF_THEIR_OWN = {
    "cli.serve_run": "tests/cli/test_serve.py",
    "journal.settings": "tests/journal/test_writer.py",
    "hooks.host.trial": "tests/hooks/test_trial.py",
    "hooks.host.callee": "tests/hooks/test_contract.py",
    "datapoint.reader": "tests/datapoint/test_decode.py",
    "delivery.verdict.chain": "tests/delivery/verdict/test_judge.py",
    "delivery.verdict.checks": "tests/delivery/verdict/test_judge_table.py",
    "delivery.verdict.demand": "tests/delivery/verdict/test_memo.py",
    "delivery.verdict.presented": "tests/delivery/verdict/test_judge.py",
    "dns.answer": "tests/dns/test_interpret.py",
    "policy.dane.model": "tests/policy/dane/test_walk.py",
    "policy.plan.model": "tests/policy/plan/test_make.py",
    "policy.plan.reasons": "tests/policy/plan/test_make.py",
    "policy.sts.model": "tests/policy/sts/test_service.py",
}
"""Modules without a test file of the same name, and the file that shows them. Those without a function need none."""

FOUND = modules()


def test_shape():
    print(summary(FOUND))  # noqa: T201 - for `pytest -rP`; `make check` prints it too
    lengths = [length for module in FOUND for _, length in module.functions]
    assert p95(lengths) <= MAX_P95


@pytest.mark.parametrize("module", FOUND, ids=lambda module: module.name)
def test_a_module_fits_in_a_head(module):
    assert module.documented, "a module opens with a few lines that say what it is for"
    assert module.lines <= MAX_MODULE


@pytest.mark.parametrize("package", sorted(path for path in SOURCE.rglob("__init__.py") if path.parent != SOURCE))
def test_a_package_opens_with_names_and_no_code(package):
    for node in ast.parse(package.read_text(encoding="utf-8")).body[1:]:
        assert isinstance(node, ast.ImportFrom | ast.Assign), f"line {node.lineno}: only imports and __all__"


def test_each_module_has_its_tests():
    missing = [
        module.name
        for module in FOUND
        if module.functions and not module.name.endswith("__init__") and not _tests(module.name)
    ]
    unexplained = [name for name in missing if name not in NO_TESTS_OF_THEIR_OWN]
    assert not unexplained, f"neither tests nor a reason: {unexplained}"


def test_each_reason_is_needed():
    names = {module.name for module in FOUND}
    stale = [name for name in NO_TESTS_OF_THEIR_OWN if name not in names or _tests(name)]
    assert not stale, f"gone, or with tests by now: {stale}"
    assert all((ROOT / path).exists() for path in NO_TESTS_OF_THEIR_OWN.values())


def _tests(module: str) -> bool:
    *folders, name = module.split(".")
    return TESTS.joinpath(*folders, f"test_{name.lstrip('_')}.py").exists()


def test_each_package_has_its_contract():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert packages == {*ALLOWED, *LAYERS}
    forbidden: dict[str, set[str]] = {}
    for contract in contracts:
        if contract["type"] == "layers":
            assert contract["layers"] == [f"tlswitness.{layer}" for layer in LAYERS]
        for source in contract.get("source_modules", ()):
            forbidden[source.removeprefix("tlswitness.")] = {
                name.removeprefix("tlswitness.") for name in contract["forbidden_modules"]
            }
    assert set(forbidden) == set(ALLOWED)
    for room, allowed in ALLOWED.items():
        together = ALONE if room in ALONE else {room}
        assert forbidden[room] == packages - allowed - together, room
