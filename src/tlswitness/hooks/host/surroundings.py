"""What a module's process does with itself before it loads anything: dies with its supervisor, steps back, is limited.

Separate because it is about the operating system alone.
"""

from __future__ import annotations

import ctypes
import faulthandler
import fcntl
import gc
import os
import resource
import signal
import time
from contextlib import suppress
from pathlib import Path

from tlswitness.hooks.priority import insist
from tlswitness.hooks.spec import ModuleLimits

LOCK = "lock"
"""The file in a module's own directory that its one process has locked."""
LOCK_PATIENCE = 2.0
"""Seconds that a new process waits for the last one to be gone, which is dying."""

COLLECT_AFTER = 200_000
"""Objects more than before, after which cycles are looked for: a module's own garbage is bounded."""

_PR_SET_PDEATHSIG = 1
_M_ARENA_MAX = -8
"""mallopt(3)"""
_LOOK = 0.02


def die_with(parent: int) -> bool:
    """From now on the death of the process `parent` is ours. False where it has died already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    return os.getppid() == parent


def leave_a_trace() -> None:
    """Where a crash leaves no exception, say on stderr what Python was at."""
    faulthandler.enable(all_threads=False)


def deafen() -> None:
    """A service manager or a terminal may send these to all processes of the service; ours ends when it is told to.

    Handlers, because what is ignored would be ignored by a module's own programs too.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)


def step_back(limits: ModuleLimits) -> None:
    """Be nice, and limited in memory. A limit that the system has set lower holds."""
    os.nice(max(0, limits.nice))
    insist(limits.nice)
    wanted = limits.octets
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, wanted))
    # One heap for all threads: else, at the limit, each small object is looked for in the other heaps too, in a dozen
    # system calls, and who allocates without end comes to the deadline before he comes to an error.
    with suppress(AttributeError):  # another libc
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def hold_alone(home: Path, patience: float = LOCK_PATIENCE) -> bool:
    """Lock the module for as long as this process lives. False where another one of it does, also after a while.

    A lock of the process, not of the open file: programs that a module forks do not keep it.
    """
    fd = os.open(home / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= until:
                os.close(fd)
                return False
            time.sleep(_LOOK)
        else:
            return True


def collect_seldom() -> None:
    """After loading: points come by the thousand and are freed by their counts; to look at all of them for cycles now
    and then takes as long as all the rest of the reading.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)
