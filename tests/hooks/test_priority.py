"""What the system says of processes that have given way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tlswitness.hooks import priority

needs_autogroups = pytest.mark.skipif(
    not Path("/proc/self/autogroup").exists(), reason="needs: a kernel with autogroups (CONFIG_SCHED_AUTOGROUP)"
)
HEAD = "import os\nfrom pathlib import Path\nfrom tlswitness.hooks import priority\n"
TELL = "print(os.sched_getscheduler(0) == os.SCHED_IDLE, *Path('/proc/self/autogroup').read_text().split()[1:])\n"


def run(code: str, *, session: bool = True) -> list[str]:
    """The lines that a process of its own session prints."""
    command = [sys.executable, "-c", HEAD + code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=session)
    return done.stdout.splitlines()


@needs_autogroups
def test_a_process_gives_way_with_its_session() -> None:
    assert run("priority.insist(7)\n" + TELL) == ["True nice 7"]


@needs_autogroups
def test_zero_leaves_it_where_it_is() -> None:
    assert run("priority.insist(0)\n" + TELL) == ["False nice 0"]


@needs_autogroups
def test_a_session_that_is_others_too_is_left_alone() -> None:
    code = f"pid = os.fork()\nif pid: os.waitpid(pid, 0)\nelse:\n    priority.insist(7)\n    {TELL}"
    assert run(code) == ["True nice 0"]


@needs_autogroups
def test_another_process_is_put_behind() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as child:
        try:
            for _ in range(priority.TRIES):  # without root, others may have used up this moment
                if priority.give_way(9, child.pid):
                    break
                time.sleep(priority.PAUSE)
            assert os.sched_getscheduler(child.pid) == os.SCHED_IDLE
            assert Path(f"/proc/{child.pid}/autogroup").read_text().split()[1:] == ["nice", "9"]
        finally:
            child.kill()


def test_a_process_that_is_gone_is_no_trouble() -> None:
    with subprocess.Popen(["true"]) as child:
        child.wait()
        assert priority.give_way(9, child.pid)


@needs_autogroups
def test_it_is_tried_again_where_the_kernel_has_no_time() -> None:
    code = """
import threading
write, times = Path.write_text, []
def busy(path, text):
    times.append(1)
    if len(times) < 3: raise BlockingIOError
    return write(path, text)
Path.write_text = busy
priority.PAUSE = 0.01
priority.insist(7)
for thread in threading.enumerate():
    if thread is not threading.main_thread(): thread.join()
print(len(times))
"""
    assert run(code + TELL) == ["3", "True nice 7"]


def test_a_system_that_forbids_it_is_let_be() -> None:
    code = """
def no(*_): raise PermissionError
os.sched_setscheduler = Path.read_text = no
print(priority.give_way(7))
"""
    assert run(code) == ["True"]
