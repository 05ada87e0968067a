"""What runs in a process of its own with few file descriptors: an engine that is given one message to many domains."""

from __future__ import annotations

import asyncio
import os
import resource
from collections import Counter
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from tools.faults.child import SENDER, message, word_for

from tlswitness.config import Config, SmtpLimits
from tlswitness.delivery.outcome import Envelope
from tlswitness.engine import Engine, Surroundings


def deliver(config: Config, surroundings: Surroundings, domains: tuple[str, ...], limit: int, pipe: Connection) -> None:
    """Says how many descriptors were open at most, and how many outcomes there were of each kind, with an example."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    here = Config()  # the defaults of a process with so few
    config = replace(
        config, destinations_at_once=here.destinations_at_once, connections_at_once=here.connections_at_once
    )
    os.write(pipe.fileno(), asyncio.run(_deliver(config, surroundings, domains)).encode())


def _open() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def _deliver(config: Config, surroundings: Surroundings, domains: tuple[str, ...]) -> str:
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, _open())
            await asyncio.sleep(0.001)

    config = replace(config, smtp=SmtpLimits())
    recipients = tuple(f"you@{domain}" for domain in domains)
    async with Engine(config, surroundings=surroundings) as engine:
        watcher = asyncio.create_task(watch())
        jobs = [engine.deliver(message(f"m{n}"), Envelope(SENDER, recipients[n::2])) for n in range(2)]
        done = [outcome for each in await asyncio.gather(*jobs) for outcome in each.recipients]
        watcher.cancel()
    seen = Counter(map(word_for, done))
    words = [f"{word} {count}" for word, count in sorted(seen.items())]
    bad = next((outcome.text for outcome in done if word_for(outcome) != "Delivered"), "")
    return "\n".join([f"open {most}", *words, f"bad {bad}", ""])
