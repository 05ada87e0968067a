"""What docs/hooks.md says is so: its commands are run as they stand, its tables are held against the code."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.native import compiler, jsonc_flags, jsonc_include

from tlswitness.cli.app import main
from tlswitness.config.hook import FITS
from tlswitness.datapoint import DataPoint, Policy
from tlswitness.datapoint.model import POINT_MEMBERS, POLICY_MEMBERS, SEED_TEXT_MEMBERS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/hooks.md").read_text("utf-8")
DEADLINE = 45
"""Seconds for one script of the page; each takes two or three."""
WAIT = """\
until [ -s state/hooks/notify/paniclog ] && [ -s state/hooks/notify-lua/paniclog ]; do sleep 0.1; done
until [ "$(tlswitness --config tlswitness.toml hooks list | grep -c ' running ')" = 2 ]; do sleep 0.1; done"""
"""In place of the page's `sleep 2`, which may be too short. What the daemon tells is up to a second old."""


def sections(heading: str) -> list[str]:
    """What stands between each heading of this text and the next one. Python, Lua and C have a short and a long one."""
    page = re.sub(r"```.*?```", lambda block: block[0].replace("#", "\0"), PAGE, flags=re.DOTALL)
    found = re.findall(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", page, re.DOTALL | re.MULTILINE)
    assert found, heading
    return [text.replace("\0", "#") for text in found]


def blocks(heading: str, kind: str) -> list[str]:
    """The blocks of the first such section."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", sections(heading)[0], re.DOTALL | re.MULTILINE)


def run(tmp_path: Path, *scripts: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """What bash makes of the page's beginning and `scripts`. Whatever they leave running is ended."""
    script = "\n".join(["set -euo pipefail", *blocks("Five minutes with each language", "sh"), *scripts])
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        **environ,
    }
    process = subprocess.Popen(
        ["bash", "-c", script],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=DEADLINE)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.parametrize("language", ["Python", "Lua"])
def test_five_minutes(tmp_path, language):
    (expected,) = blocks(language, "text")
    done = run(tmp_path, *blocks(language, "sh"))
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


def test_five_minutes_with_c(tmp_path):
    """With Debian's package, or with what `tools.debian` has unpacked of it."""
    compiler()
    if shutil.which("pkg-config") is None:
        pytest.skip("needs: pkg-config")
    include = [flag.removeprefix("-I") for flag in jsonc_include()]
    environ = {}
    if include:
        # The package's own files say /usr; its library's link is dangling without the installed one.
        links = tmp_path / "lib"
        links.mkdir()
        (links / "libjson-c.so").write_text(f"INPUT({' '.join(jsonc_flags())})\n")
        (described,) = Path(include[0]).parent.glob("lib/*/pkgconfig")
        environ = {"C_INCLUDE_PATH": include[0], "LIBRARY_PATH": str(links), "PKG_CONFIG_PATH": str(described)}
    (expected,) = blocks("C", "text")
    (script, *more) = blocks("C", "sh")
    assert not more
    done = run(tmp_path, script, **environ)
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


def test_then_run_it(tmp_path):
    (script,) = blocks("Then run it", "sh")
    (expected,) = blocks("Then run it", "text")
    assert script.count("\nsleep 2\n") == 1
    script = script.replace("sleep 2", WAIT) + "kill %1\nwait\n"
    done = run(tmp_path, *blocks("Python", "sh"), *blocks("Lua", "sh"), script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(expected)
    assert "points.jsonl: 2 points imported\n" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("notify")]
    assert [row[:3] for row in rows] == [["notify", "python", "running"], ["notify-lua", "lua", "running"]]
    assert " ready: 2 modules of " in done.stderr
    assert done.stderr.splitlines()[-1].endswith(" ended")


def rows() -> list[tuple[list[str], list[str], str]]:
    """Of the table of members: those of JSON, the attributes, and what they are."""
    cells = [
        line.strip("| ").split(" | ") for line in sections("What a module is told")[0].splitlines() if line[:3] == "| `"
    ]
    return [
        (re.findall(r"`([^`]+)`", member), re.findall(r"`([^`]+)`", names), words) for member, names, words in cells
    ]


def test_each_member_is_in_the_table_and_no_other():
    members = [member for found, _, _ in rows() for member in found]
    assert len(members) == len(set(members))
    inside = {f"policy.{member}" for member in POLICY_MEMBERS}
    assert set(members) == (POINT_MEMBERS - {"policy"}) | inside


def test_the_attributes_are_those_of_the_model():
    named = [name for _, found, _ in rows() for name in found]
    for name in named:
        owner, attribute = (Policy, name.removeprefix("policy.")) if name.startswith("policy.") else (DataPoint, name)
        assert hasattr(owner, attribute), name
    ours = {name for name in DataPoint.__slots__ if name not in ("policy", "unknown")}
    inside = {f"policy.{name}" for name in Policy.__slots__ if name != "unknown"}
    assert set(named) == ours | inside | {"failed"}
    for (member,), (name, *_), _ in rows():
        assert name == member.replace("-", "_")


def test_the_seed_ends_where_the_page_says():
    members = [member for (member,), _, _ in rows()]
    assert "The members down to `receiving-ip` are those" in " ".join(sections("What a module is told")[0].split())
    first = members[: members.index("receiving-ip") + 1]
    policy = {"policy.policy-type", "policy.policy-domain", "policy.policy-string"}
    assert set(first) == {"epoch", "type", *SEED_TEXT_MEMBERS} | policy


def test_options_of_the_text_are_options_of_those_kinds():
    """`config` is what the sections about Python and C promise, `allow` the one about Lua."""
    for option, kinds in FITS.items():
        for heading in ("Python", "Lua", "C"):
            told = [text for text in sections(heading) if f"`{option}`" in text or f"`{option} =" in text]
            assert not told or heading.lower() in kinds, (option, heading)
    assert any("the option `config`" in " ".join(text.split()) for text in sections("Python"))
    assert any("`allow = " in text for text in sections("Lua"))


def test_each_command_is_one(capsys):
    named = set(re.findall(r"^(?:    )?tlswitness (?:--config \S+ )?((?:hooks|journal) \S+|\w+)", PAGE, re.MULTILINE))
    assert {"hooks test", "hooks list", "hooks replay", "journal tail", "journal import", "serve", "status"} <= named
    for command in named:
        assert main([*command.split(), "--help"]) == 0, command
        assert f"Usage: tlswitness {command} " in capsys.readouterr().out


def test_each_file_is_there():
    named = re.findall(r"\]\(([^)#]+)\)", PAGE) + [
        f"../{path}" for path in re.findall(r"`((?:contrib|examples)/[^`]*)`", PAGE)
    ]
    assert len(named) > 2
    for path in named:
        assert (ROOT / "docs" / path).exists(), path
