"""How a module's process gives way to the mail: the scheduler's words for it, of which Linux has three.

Separate because two say them: the supervisor as soon as there is a process, for the interpreter's start costs more than
many calls; and the process itself. `nice` alone does little. With the kernel's autogroups each session is weighed as a
whole, and a process that is alone in its session competes with nobody in it; so the session's own niceness is set too.
And SCHED_IDLE makes a process give way at the moment at which anybody else wakes, not at the end of its time slice.
"""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import suppress
from pathlib import Path

TRIES = 50
"""Without root the kernel changes ten sessions a second, on the whole machine; many modules may start at once."""
PAUSE = 0.3
"""Seconds between two tries, at most."""


def give_way(nice: int, pid: int = 0) -> bool:
    """Put the process `pid` (0: this one) behind others; 0 for `nice` leaves it where it is.

    False where its session has not been changed and may be in a moment. A system that does not know one of these, or
    forbids it, has the others.
    """
    if nice <= 0:
        return True
    with suppress(OSError):
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    pid = pid or os.getpid()
    autogroup = Path(f"/proc/{pid}/autogroup")
    try:
        if os.getsid(pid) != pid:
            return True  # the session is others' too: a terminal
        if autogroup.read_text().split()[-1] != str(nice):
            autogroup.write_text(str(nice))
    except BlockingIOError:
        return False
    except (OSError, IndexError):
        pass
    return True


def insist(nice: int) -> None:
    """Put this process behind others, in a while where it cannot be done now."""
    if not give_way(nice):
        threading.Thread(target=_again, args=(nice,), name="priority", daemon=True).start()


def _again(nice: int) -> None:
    for _ in range(TRIES):
        time.sleep(random.uniform(PAUSE / 3, PAUSE))
        if give_way(nice):
            return
