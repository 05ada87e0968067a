"""Where real servers cannot be had, each of these tests says so by name; on a prepared machine that is a failure."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import debian

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SUITE = "tests/real/test_smtp.py"


@pytest.fixture
def run(tmp_path):
    def run(ci: str, **environ: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", SUITE]
        environ = {**os.environ, "TLSWITNESS_CI": ci, **environ}
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environ)

    return run


def without_unshare(directory: Path) -> str:
    """A PATH on which there is everything but that."""
    for place in os.environ["PATH"].split(os.pathsep):
        for tool in ("mount", "sh", "env"):
            if (Path(place) / tool).exists() and not (directory / tool).exists():
                (directory / tool).symlink_to(Path(place) / tool)
    return str(directory)


WAYS = {
    "no packages": (lambda directory: {"TLSWITNESS_CACHE": str(directory)}, "needs: postfix, exim4, unbound"),
    "no namespaces": (lambda directory: {"PATH": without_unshare(directory)}, "needs: namespaces"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ci", ["", "1"], ids=["elsewhere", "CI"])
def test_what_is_missing_is_named(run, tmp_path, way, ci):
    change, reason = WAYS[way]
    if way == "no namespaces" and (debian.missing() or os.geteuid() != 0 or shutil.which("unshare") is None):
        pytest.skip("needs: root and Debian's servers (`make servers`), to show what else is missing")
    done = run(ci, **change(tmp_path))
    tests = int(re.search(r"(\d+) (skipped|errors)", done.stdout.splitlines()[-1])[1])
    assert tests > 20
    assert reason in done.stdout
    assert f"{tests} {'errors' if ci else 'skipped'}" in done.stdout
    assert done.returncode == (1 if ci else 0)
