"""The headers say what the model says, compile everywhere, and are installed; the example prints the seed's lines."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.native import ROOT, Host, compiler, jsonc_flags, jsonc_include

from tlswitness.datapoint import Finding, PolicyType, ResultType, decode
from tlswitness.datapoint.model import FAILURE, POINT_MEMBERS, POLICY_MEMBERS, SUCCESS
from tlswitness.hooks.contract import HOOK
from tlswitness.hooks.host.native.headers import include_dir
from tlswitness.hooks.host.native.host import DEINIT, INIT

HEADERS = ("tlsrpt.h", "hooks/core/smtp_tls_reporting.h")
WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
USE = """
#include "hooks/core/smtp_tls_reporting.h"
#include "tlsrpt.h"
#include "hooks/core/smtp_tls_reporting.h"
int core_smtp_tls_reporting(void *closure, struct json_object *json) { (void)closure; return json == 0; }
int tlswitness_module_init(void **closure, const char *config) { *closure = 0; return config[0]; }
void tlswitness_module_deinit(void *closure) { (void)closure; }
"""


def _macros() -> dict[str, str]:
    text = (include_dir() / "tlsrpt.h").read_text()
    return dict(re.findall(r'^#define (TLSRPT_\w+) "?([\w-]+)"?', text, re.MULTILINE))


def _named(prefix: str, values) -> dict[str, str]:
    return {prefix + value.upper().replace("-", "_"): value for value in values}


def test_the_headers_hold_all_that_the_model_holds_and_no_more():
    expected = _named("TLSRPT_JSON_", {*POINT_MEMBERS, *POLICY_MEMBERS})
    expected |= _named("TLSRPT_POLICY_", PolicyType) | _named("TLSRPT_RESULT_", ResultType)
    expected |= {"TLSRPT_TYPE_FAILURE": str(FAILURE), "TLSRPT_TYPE_SUCCESS": str(SUCCESS)}
    assert _macros() == expected
    assert len(ResultType) == 11


def test_the_functions_are_those_that_the_host_calls():
    text = (include_dir() / HEADERS[1]).read_text()
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    assert re.findall(r"(\w+)\(", code) == [HOOK, INIT, DEINIT]


@pytest.mark.parametrize(
    ("tool", "language"), [("cc", "c99"), ("cc", "c11"), ("g++", "c++98"), ("g++", "c++17")], ids=str
)
def test_they_compile_without_a_warning(tmp_path, tool, language):
    source = tmp_path / f"use.{'cc' if tool == 'g++' else 'c'}"
    source.write_text(USE)
    output = tmp_path / "use.o"
    command = [compiler(tool), f"-std={language}", *WARNINGS, f"-I{include_dir()}", "-c", "-o", output, source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"_Z" not in output.read_bytes(), "names of C++: extern C is missing"


def test_they_are_installed_with_the_package(tmp_path):
    source, built = tmp_path / "source", tmp_path / "built"
    source.mkdir()
    copied = ["cp", "-r", ROOT / "src", ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "LICENSE", source]
    subprocess.run(copied, check=True)
    script = "import sys; from setuptools import setup; setup(script_args=['build_py', '--build-lib', sys.argv[1]])"
    command = [sys.executable, "-c", script, built]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    installed = built / "tlswitness" / "include"
    found = {str(path.relative_to(installed)): path.read_bytes() for path in installed.rglob("*.h")}
    assert found == {name: (include_dir() / name).read_bytes() for name in HEADERS}


def test_the_example_prints_the_lines_of_the_seed(tmp_path, momentum_log):
    """Built by its own Makefile, without a warning."""
    built = tmp_path / "c"
    subprocess.run(["cp", "-r", ROOT / "examples" / "c", built], check=True)
    (built / "tlsrpt.so").unlink(missing_ok=True)
    order = {
        "CC": compiler(),
        "CFLAGS": "-O2 -Wall -Wextra -Werror",
        "JSON_CFLAGS": " ".join(jsonc_include()),
        "JSON_LIBS": " ".join(jsonc_flags()),
        "INCLUDE": str(include_dir()),
    }
    make = [compiler("make"), *(f"{name}={value}" for name, value in order.items())]
    done = subprocess.run(make, cwd=built, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = []
    with Host(built / "tlsrpt.so") as host:
        for line in momentum_log:
            _, whole, json = line.partition("tls report:   ")
            if whole:
                point = decode(json)
                answer = host.call(point.epoch, Finding(point).text)
                printed += [f"{point.epoch}:scriptlet: {text}" for text in answer["printed"]]
    assert printed == momentum_log


@pytest.fixture
def momentum_log() -> list[str]:
    lines = (Path(ROOT) / "tests" / "data" / "momentum_paniclog.txt").read_text().splitlines()
    assert len(lines) == 4
    return lines
