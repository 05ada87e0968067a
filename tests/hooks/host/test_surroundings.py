"""What a module's process does with itself, seen from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tlswitness.hooks.host.surroundings import LOCK, hold_alone


def run(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    head = (
        "import os, sys, signal, resource\nfrom pathlib import Path\nfrom tlswitness.hooks.host.surroundings import *\n"
    )
    return subprocess.run([sys.executable, "-c", head + code, *args], capture_output=True, text=True, check=False)


def test_dies_with_its_parent() -> None:
    code = """
theirs, ours = os.pipe()
parent = os.getpid()
if not os.fork():
    assert die_with(parent)
    os.write(ours, b"x")
    signal.pause()
os.read(theirs, 1)
os.close(ours)
print("gone", flush=True)
os.kill(parent, signal.SIGKILL)
"""
    found = run(code)
    assert found.stdout == "gone\n", found.stderr
    assert found.returncode == -signal.SIGKILL  # and `run` has seen the end of stdout, which the other one held too


def test_knows_that_its_parent_is_gone_already() -> None:
    assert run(f"print(die_with({os.getpid()}), die_with(1))").stdout == "True False\n"


def test_is_ended_by_its_supervisor_alone_but_its_own_programs_by_anybody() -> None:
    code = """
import subprocess
deafen()
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    os.kill(os.getpid(), number)
other = subprocess.Popen(["sleep", "60"])
other.terminate()
print(other.wait())
"""
    assert run(code).stdout == f"{-signal.SIGTERM}\n"


def test_is_nice_and_limited() -> None:
    code = """
from tlswitness.hooks.spec import ModuleLimits
before = os.nice(0)
step_back(ModuleLimits(memory=200, nice=5))
print(os.nice(0) - before, resource.getrlimit(resource.RLIMIT_DATA))
try:
    bytearray(300 * 1024 * 1024)
except MemoryError:
    print("limited")
step_back(ModuleLimits(memory=900, nice=0))
print(resource.getrlimit(resource.RLIMIT_DATA)[0])
"""
    limit = 200 * 1024 * 1024
    assert run(code).stdout == f"5 ({limit}, {limit})\nlimited\n{limit}\n"


HOLD = "print(hold_alone(Path(sys.argv[1]), 0.05), flush=True)\n"


def test_one_process_at_a_time(tmp_path: Path) -> None:
    assert run(HOLD, str(tmp_path)).stdout == "True\n"
    assert (tmp_path / LOCK).exists()
    code = f"{HOLD}sys.stdin.read()"
    head = "import sys\nfrom pathlib import Path\nfrom tlswitness.hooks.host.surroundings import *\n"
    with subprocess.Popen(
        [sys.executable, "-c", head + code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert run(HOLD, str(tmp_path)).stdout == "False\n"
        assert not hold_alone(tmp_path, 0.0)
        holder.kill()
    assert run(HOLD, str(tmp_path)).stdout == "True\n"


def test_a_program_that_a_module_leaves_behind_does_not_keep_the_lock(tmp_path: Path) -> None:
    code = f"""
{HOLD}
if not os.fork():
    os.close(1)
    os.close(2)
    print(os.read(int(sys.argv[2]), 1))
"""
    theirs, ours = os.pipe()
    head = "import os, sys\nfrom pathlib import Path\nfrom tlswitness.hooks.host.surroundings import *\n"
    found = subprocess.run(
        [sys.executable, "-c", head + code, str(tmp_path), str(theirs)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        pass_fds=(theirs,),
    )
    assert found.stdout == "True\n"
    assert run(HOLD, str(tmp_path)).stdout == "True\n", "though the forked one lives"
    os.close(ours)
    os.close(theirs)


def test_cycles_are_looked_for_seldom_but_looked_for():
    code = (
        "import gc, weakref; from tlswitness.hooks.host.surroundings import COLLECT_AFTER, collect_seldom\n"
        "class Node: pass\n"
        "collect_seldom()\n"
        "node = Node(); node.itself = node; gone = weakref.ref(node); del node\n"
        "before = gc.get_stats()[0]['collections']\n"
        "for _ in range(3): rows = [(number, number) for number in range(4000)]\n"
        "assert gc.get_stats()[0]['collections'] == before\n"
        "kept = [[] for _ in range(2 * COLLECT_AFTER)]\n"
        "assert gone() is None\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
