"""What is killed: a process that delivers without a pause and says each thing as soon as it is known, one write a line.

Forked off a process that has imported everything and done nothing, so that a life costs no start. A line is one write
to a pipe, which a kill cannot tear (pipe(7), PIPE_BUF).
"""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

from tlswitness.cli import main
from tlswitness.config import Config
from tlswitness.delivery.outcome import Deferred, Envelope, RecipientOutcome
from tlswitness.engine import Engine, Surroundings
from tlswitness.lab.mx import MxServer, server_context
from tlswitness.lab.mxsession import Received, Suite
from tlswitness.names import Domain
from tlswitness.policy.sts import Entry, PolicyStore
from tlswitness.policy.sts import store as store_module
from tools.faults.account import UNCERTAIN
from tools.faults.town import MX, name_of, policy_of

_Say = Callable[[str], None]

SENDER = "me@sender.test"
WORKERS = 6
"""Messages at the same time."""
REFRESHERS = 3
"""Refreshes of policies at the same time, besides those that deliveries cause."""
SYNC = 0.002
"""Seconds between a message's being taken and the 250: a real server syncs its queue."""
LONG = 300
"""Lines of every fifth message: its content is more than the kernel's buffers take at once."""


@dataclass(frozen=True, slots=True)
class Life:
    """What one process is to do until it is killed."""

    name: str
    """Message ids begin with it."""
    config: Config
    surroundings: Surroundings
    domains: tuple[str, ...]


def message(name: str, lines: int = 0) -> bytes:
    """A message whose last line shows that it is whole."""
    return b"Subject: %b\r\n\r\n%bend of %b\r\n" % (name.encode(), lines * (b"x" * 990 + b"\r\n"), name.encode())


def word_for(outcome: RecipientOutcome) -> str:
    """What the account calls it."""
    return UNCERTAIN if isinstance(outcome, Deferred) and outcome.uncertain else type(outcome).__name__


def deliver(life: Life, pipe: Connection) -> None:
    """Deliver and refresh for ever."""
    asyncio.run(_deliver(life, pipe.fileno()))


def send(name: str, recipients: tuple[str, ...], args: tuple[str, ...], pipe: Connection) -> None:
    """`tlswitness send`, its output and its errors to the pipe."""
    os.dup2(pipe.fileno(), 1)
    os.dup2(pipe.fileno(), 2)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as the interpreter opens them
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdin = io.TextIOWrapper(io.BytesIO(message(name)))
    sys.exit(main([*args, "send", "-v", "-f", SENDER, *recipients]))


def serve(certificate: Path, address: str, port: int, pipe: Connection) -> None:
    """Be an MX for ever; the id of a message is said before it is answered for."""
    asyncio.run(_serve(certificate, address, port, pipe.fileno()))


def put(directory: Path, entry: Entry, line: int) -> None:
    """Write a policy, and die at the `line`th line of the store's code that is executed."""
    store = PolicyStore(directory)
    left = itertools.count(line, -1)

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename != store_module.__file__:
            return None
        if event == "line" and next(left) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    store.put(entry)
    sys.settrace(None)


class _Told(list[Received]):
    """Messages that are told, not kept."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def append(self, message: Received) -> None:
        os.write(self._pipe, name_of(message) + b"\n")
        time.sleep(SYNC)


async def _serve(certificate: Path, address: str, port: int, pipe: int) -> None:
    context = server_context(Suite.MODERN)
    context.load_cert_chain(certificate)
    await MxServer(MX, address, context, port=port, received=_Told(pipe)).start()
    await asyncio.Event().wait()


async def _deliver(life: Life, pipe: int) -> None:
    def say(line: str) -> None:
        os.write(pipe, f"{line}\n".encode())

    engine = Engine(life.config, surroundings=life.surroundings)
    _tell_of_puts(engine, say)
    numbers = itertools.count()
    async with engine, asyncio.TaskGroup() as group:
        say("up")
        for worker in range(WORKERS):
            group.create_task(_mail(engine, life, numbers, worker, say))
        for worker in range(REFRESHERS):
            group.create_task(_refresh(engine, life.domains[worker::REFRESHERS]))


def _tell_of_puts(engine: Engine, say: _Say) -> None:
    """Say of each policy when its write begins and, from the thread that wrote it, when it is over."""
    store = engine.policies.store
    put = store.put

    def told(entry: Entry) -> None:
        policy = policy_of(entry)
        words = f"{policy.domain} {policy.id} {policy.version}"
        say(f"put {words}")
        put(entry)
        say(f"kept {words}")

    store.put = told  # type: ignore[method-assign]


async def _mail(engine: Engine, life: Life, numbers: Iterator[int], worker: int, say: _Say) -> None:
    for number in numbers:
        name = f"{life.name}-{number}"
        domain = life.domains[(number * 7 + worker) % len(life.domains)]
        content = message(name, LONG if number % 5 == 0 else 0)
        done = await engine.deliver(content, Envelope(SENDER, (f"{name}@{domain}",)))
        say(f"mail {name} {word_for(done.recipients[0])}")


async def _refresh(engine: Engine, domains: tuple[str, ...]) -> None:
    for domain in itertools.cycle(domains):
        await engine.policies.refresh(Domain(domain))
