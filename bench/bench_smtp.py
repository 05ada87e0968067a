"""Sessions and messages with STARTTLS into one sink, beside aiosmtplib, smtplib and Debian's Postfix.

A session carries one message. Messages are counted on connections that carry a hundred each; for each of them five
deliveries of ours are under way, as a queue would have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec

from bench.child import Child
from bench.measure import Comparison, Contender, Pace, Sample, Target, Versus, race
from bench.postfix import AT_ONCE, Postfix, lacking

MODES: tuple[tuple[str, bool, int], ...] = (
    ("sessions", False, 1),
    ("sessions", False, AT_ONCE),
    ("messages", True, 1),
    ("messages", True, AT_ONCE),
)
"""What is counted, whether connections are used again, and how many there are at the same time."""
TARGETS = {"sessions": Target(1.5), "messages": Target(5)}
"""Beside aiosmtplib."""


def bench(pace: Pace) -> Iterator[Comparison]:
    loops = ("asyncio", "uvloop") if find_spec("uvloop") else ("asyncio",)
    with ExitStack() as stack:
        missing = lacking()
        postfix = None if missing else Postfix(stack)
        fds = [postfix.listener] if postfix else []
        outside = stack.enter_context(Child("bench.outside", *map(str, fds), fds=fds))
        if postfix is not None:
            postfix.start(outside.facts)
        kinds = [("ours", loop) for loop in loops] + [("aiosmtplib", loop) for loop in loops] + [("smtplib", "asyncio")]
        children = {
            _name(kind, loop): stack.enter_context(Child("bench.worker", kind, loop, hello=outside.facts))
            for kind, loop in kinds
        }
        for what, reuse, at_once in MODES:
            contenders = [_sends(name, child, pace, reuse, at_once) for name, child in children.items()]
            notes = []
            if at_once == AT_ONCE and postfix is not None:
                contenders.append(postfix.sends(outside, pace, reuse))
            elif at_once == AT_ONCE:
                notes = [str(missing)]
            versus = _versus(what, loops)
            yield race(_title(what, at_once), "/s", contenders, versus, pace.rounds, notes)


def _title(what: str, at_once: int) -> str:
    if what == "sessions":
        return f"sessions, {at_once} at a time"
    return f"messages, on {at_once} connection{'s' if at_once > 1 else ''}"


def _name(kind: str, loop: str) -> str:
    return kind if loop == "asyncio" else f"{kind} on {loop}"


def _sends(name: str, child: Child, pace: Pace, reuse: bool, at_once: int) -> Contender:
    def run() -> Sample:
        done = child.ask({"send": [pace.seconds, reuse, at_once]})
        return Sample(done["count"] / done["seconds"], done["cpu"] / done["count"])

    return Contender(name, run)


def _versus(what: str, loops: tuple[str, ...]) -> list[Versus]:
    target = TARGETS[what]
    versus: list[Versus] = [(_name("ours", loop), _name("aiosmtplib", loop), target) for loop in loops]
    least = Target(1) if what == "messages" else None
    return [*versus, ("ours", "smtplib", None), *((_name("ours", loop), "Postfix", least) for loop in loops)]
