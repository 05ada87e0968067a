"""What runs in a process of its own while its disk fails: an engine that delivers twice to each domain."""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401 - a user without rights may not be able to import it later
import ctypes
import itertools
import logging
import os
import resource
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

from tools.faults.child import SENDER, message

from tlswitness.config import Config
from tlswitness.datapoint import DataPoint
from tlswitness.delivery.outcome import Delivered, Envelope
from tlswitness.engine import Engine, Surroundings
from tlswitness.policy.sts import Refresher

NOBODY = 65534
CLONE_NEWNS = 0x20000
"""unshare(2)"""


@dataclass(frozen=True)
class Job:
    config: Config
    surroundings: Surroundings
    place: Path
    domains: tuple[str, ...]
    fault: str
    late: bool = False
    """The fault comes after a first message to each domain, else before it."""


def deliver(job: Job, pipe: Connection) -> None:
    def say(line: str) -> None:
        os.write(pipe.fileno(), f"{line}\n".encode())

    store = job.place / "state" / "mta-sts"
    if job.fault == "no room":
        _small_disk(job.place / "state")
    if os.geteuid() == 0 and job.fault != "no room":
        os.setgroups([])
        if job.fault != "another owner":
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        else:
            os.setegid(NOBODY)
            os.seteuid(NOBODY)
    logging.getLogger("tlswitness").addHandler(_Said(say))
    asyncio.run(_deliver(job, store, say))


class _Said(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        self._say("log " + text.replace("\n", " | "))


async def _deliver(job: Job, store: Path, say: Callable[[str], None]) -> None:
    journal = job.place / "state" / "journal"
    config = replace(
        job.config,
        state_dir=job.place / "state",
        mta_sts_policy_store=store,
        tls_ca=job.place / "ca.pem",
        journal=replace(job.config.journal, directory=journal),
    )
    points: list[DataPoint] = []
    engine = Engine(config, hooks=[points.append], surroundings=job.surroundings)
    async with engine:
        if not job.late:
            journal.mkdir(mode=0o700)
            _spoil(job.fault, store)
            _spoil_journal(job.fault, journal)
        for number in range(2):
            for domain in job.domains:
                name = f"{domain}-{number}"
                outcome = (await engine.deliver(message(name), Envelope(SENDER, (f"you@{domain}",)))).recipients[0]
                by = ",".join(outcome.tls.verified_by) if isinstance(outcome, Delivered) else outcome.text
                say(f"mail {name} {type(outcome).__name__} {by or 'nothing'}")
            if job.late and number == 0:
                _spoil(job.fault, store)
                await _look(engine)
    counters = engine.journal_counters()
    assert counters is not None
    say(f"journal {counters.written} written {counters.dropped} dropped of {len(points)}")


async def _look(engine: Engine) -> None:
    """One turn of the refresher, which otherwise comes once a minute."""
    looked = asyncio.Event()
    turns = itertools.count()

    async def sleep(_: float) -> None:
        if next(turns):
            looked.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(Refresher(engine.policies, sleep=sleep).run())
    await looked.wait()
    task.cancel()


def _spoil(fault: str, store: Path) -> None:
    match fault:
        case "full":
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        case "no room":
            filler = store / "filler"
            with filler.open("wb", buffering=0) as file:
                try:
                    while file.write(bytes(4096)):
                        pass
                except OSError:
                    pass
        case "read-only":
            store.chmod(0o500)
        case "gone":
            shutil.rmtree(store)
        case "another owner":
            os.seteuid(0)
            os.chown(store, 0, 0)
            if (store.parent / "journal").exists():
                os.chown(store.parent / "journal", 0, 0)
            for path in store.iterdir():
                os.chown(path, 0, 0, follow_symlinks=False)
            os.setegid(0)
            os.setgid(NOBODY)
            os.setuid(NOBODY)


def _spoil_journal(fault: str, journal: Path) -> None:
    """What does not befall it together with the store."""
    match fault:
        case "read-only":
            journal.chmod(0o500)
        case "gone":
            journal.rmdir()


def _small_disk(state: Path) -> None:
    """A disk of 64 KiB, in a view of mounts of this process alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(state)], check=True)
