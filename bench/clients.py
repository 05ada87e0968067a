"""Those who send to the sink: ours, aiosmtplib, smtplib. Each takes what it does best by its own documentation.

Ours delivers through `Engine.deliver`: an MTA-STS policy in mode enforce and a TLSA record that the nameserver calls
secure, the verdict on both, the data points and a hook. The others verify the certificate's path and look nothing up.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiosmtplib

from bench import parts
from bench.outside import GATHER, LINE, MANY, SINGLE
from tlswitness.config import parse_config
from tlswitness.datapoint import DataPoint
from tlswitness.delivery.outcome import Delivered, Envelope
from tlswitness.engine import Engine, Surroundings
from tlswitness.hooks import HookFunction
from tlswitness.net import MappedDialer

PER_SESSION = 100
"""Messages on one connection, where it carries many."""
WAITING = 5
"""Deliveries of ours under way for each connection that is used again: a queue has more than one message to send."""
SENDER = "sender@sender.bench.test"
MESSAGE = (
    f"From: {SENDER}\r\nTo: someone@example\r\nSubject: a message\r\nMIME-Version: 1.0\r\n\r\n"
    + ("x" * 70 + "\r\n") * 28
).encode()
"""2 KB."""


class Client(Protocol):
    """One who sends."""

    async def send(self, until: float, reuse: bool, at_once: int) -> int:
        """Send until then (`time.perf_counter`), so many connections at a time; how many messages were taken."""
        ...

    async def gather(self, number: int) -> None:
        """So many messages at once, each in a session of its own; returns when all are taken."""
        ...


async def side_by_side(one: Callable[[], Awaitable[int]], at_once: int) -> int:
    """The sum of what so many of them did."""
    return sum(await asyncio.gather(*(one() for _ in range(at_once))))


@dataclass
class Ours:
    """Through the engine."""

    engine: Engine

    async def send(self, until: float, reuse: bool, at_once: int) -> int:
        domain = (LINE if at_once == 1 else MANY) if reuse else SINGLE

        async def one() -> int:
            count = 0
            while time.perf_counter() < until:
                await self.deliver(domain)
                count += 1
            return count

        return await side_by_side(one, at_once * WAITING if reuse else at_once)

    async def gather(self, number: int) -> None:
        await asyncio.gather(*(self.deliver(GATHER, "gather") for _ in range(number)))

    async def each(self, number: int, at_once: int) -> list[float]:
        """Milliseconds that each of so many deliveries takes, each in a session of its own, so many at a time."""
        took: list[float] = []

        async def one() -> int:
            count = 0
            while len(took) + at_once <= number:
                start = time.perf_counter()
                await self.deliver(SINGLE)
                took.append((time.perf_counter() - start) * 1000)
                count += 1
            return count

        await side_by_side(one, at_once)
        return took

    async def deliver(self, domain: str, local: str = "someone") -> None:
        (outcome,) = (await self.engine.deliver(MESSAGE, Envelope(SENDER, (f"{local}@{domain}",)))).recipients
        assert isinstance(outcome, Delivered), outcome
        assert outcome.tls.verified_by == ("tlsa", "sts"), outcome


def config_text(facts: dict[str, Any]) -> str:
    """An engine's configuration for the world outside."""
    address, port = facts["resolver"]
    state = facts.get("state", f"{facts['directory']}/state-{time.monotonic_ns()}")
    return f"""
        state_dir = "{state}"
        ehlo_name = "sender.bench.test"
        tls_ca = "{facts["ca"]}"
        resolvers = ["{address}:{port}"]
        policy_fetch_allow = ["127.0.0.0/8"]
        [domain."{SINGLE}".smtp]
        idle_seconds = 0
        [domain."{LINE}".smtp]
        connections_per_destination = 1
        messages_per_connection = {PER_SESSION}
        [domain."{MANY}".smtp]
        messages_per_connection = {PER_SESSION}
        [domain."{GATHER}".smtp]
        connections_per_destination = 10000
        idle_seconds = 0
    """


async def ours(facts: dict[str, Any], stack: AsyncExitStack) -> Ours:
    points: list[DataPoint] = []

    def hook(point: DataPoint) -> None:
        points[:] = [point]

    return await _ours(facts, stack, hook)


async def watched(facts: dict[str, Any], stack: AsyncExitStack) -> Ours:
    """Ours, with an eye on the parts."""
    parts.watch()
    return await _ours(facts, stack, lambda _: parts.in_hook())


async def _ours(facts: dict[str, Any], stack: AsyncExitStack, hook: HookFunction) -> Ours:
    address, port = facts["mx"]
    dialer = MappedDialer(ports={443: facts["policy_port"]}, endpoints={(address, 25): port})
    engine = Engine(parse_config(config_text(facts)), hooks=[hook], surroundings=Surroundings(dialer=dialer))
    return Ours(await stack.enter_async_context(engine))


@dataclass
class Aiosmtplib:
    """As its documentation has it: one object for each connection, `sendmail` for each message."""

    endpoint: tuple[str, int]
    context: ssl.SSLContext
    kept: list[tuple[aiosmtplib.SMTP, int]]

    async def send(self, until: float, reuse: bool, at_once: int) -> int:
        async def single() -> int:
            count = 0
            while time.perf_counter() < until:
                await self._one(f"someone@{SINGLE}")
                count += 1
            return count

        return await side_by_side((lambda: self._many(until)) if reuse else single, at_once)

    async def gather(self, number: int) -> None:
        await asyncio.gather(*(self._one(f"gather@{GATHER}") for _ in range(number)))

    async def close(self) -> None:
        for smtp, _ in self.kept:
            await smtp.quit()

    async def _connected(self) -> aiosmtplib.SMTP:
        host, port = self.endpoint
        smtp = aiosmtplib.SMTP(
            hostname=host, port=port, local_hostname="sender.bench.test", start_tls=True, tls_context=self.context
        )
        await smtp.connect()
        return smtp

    async def _one(self, recipient: str) -> None:
        smtp = await self._connected()
        await smtp.sendmail(SENDER, [recipient], MESSAGE)
        await smtp.quit()

    async def _many(self, until: float) -> int:
        smtp, used = self.kept.pop() if self.kept else (await self._connected(), 0)
        count = 0
        while time.perf_counter() < until:
            if used >= PER_SESSION:
                await smtp.quit()
                smtp, used = await self._connected(), 0
            await smtp.sendmail(SENDER, [f"someone@{MANY}"], MESSAGE)
            count += 1
            used += 1
        self.kept.append((smtp, used))
        return count


async def by_aiosmtplib(facts: dict[str, Any], stack: AsyncExitStack) -> Aiosmtplib:
    client = Aiosmtplib(tuple(facts["mx"]), path_context(facts), [])
    stack.push_async_callback(client.close)
    return client


@dataclass
class Smtplib:
    """A thread for each connection."""

    endpoint: tuple[str, int]
    context: ssl.SSLContext
    kept: list[tuple[smtplib.SMTP, int]]

    async def send(self, until: float, reuse: bool, at_once: int) -> int:
        one = self._many if reuse else self._single
        with ThreadPoolExecutor(at_once) as threads:
            return sum(threads.map(one, [until] * at_once))

    async def gather(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(number) as threads:
            await asyncio.gather(*(loop.run_in_executor(threads, self._one, f"gather@{GATHER}") for _ in range(number)))

    def close(self) -> None:
        for smtp, _ in self.kept:
            smtp.quit()

    def _connected(self) -> smtplib.SMTP:
        smtp = smtplib.SMTP(*self.endpoint, local_hostname="sender.bench.test")
        smtp.starttls(context=self.context)
        return smtp

    def _one(self, recipient: str) -> None:
        smtp = self._connected()
        smtp.sendmail(SENDER, [recipient], MESSAGE)
        smtp.quit()

    def _single(self, until: float) -> int:
        count = 0
        while time.perf_counter() < until:
            self._one(f"someone@{SINGLE}")
            count += 1
        return count

    def _many(self, until: float) -> int:
        smtp, used = self.kept.pop() if self.kept else (self._connected(), 0)
        count = 0
        while time.perf_counter() < until:
            if used >= PER_SESSION:
                smtp.quit()
                smtp, used = self._connected(), 0
            smtp.sendmail(SENDER, [f"someone@{MANY}"], MESSAGE)
            count += 1
            used += 1
        self.kept.append((smtp, used))
        return count


async def by_smtplib(facts: dict[str, Any], stack: AsyncExitStack) -> Smtplib:
    client = Smtplib(tuple(facts["mx"]), path_context(facts), [])
    stack.callback(client.close)
    return client


def path_context(facts: dict[str, Any]) -> ssl.SSLContext:
    """Verifies the path, not the name: they are told an address."""
    context = ssl.create_default_context(cafile=str(Path(facts["ca"])))
    context.check_hostname = False
    return context


KINDS: dict[str, Callable[[dict[str, Any], AsyncExitStack], Awaitable[Client]]] = {
    "ours": ours,
    "watched": watched,
    "aiosmtplib": by_aiosmtplib,
    "smtplib": by_smtplib,
}
