"""Deliveries that we cut short ourselves at random moments: cancelled, out of time, the engine closed."""

import asyncio
import itertools
import random
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from tests.faults.support.dying import MESSAGE, DyingServer, Way
from tools.faults.account import mail_faults
from tools.faults.child import message, word_for

from tlswitness.config import SmtpLimits
from tlswitness.delivery.outcome import Envelope
from tlswitness.engine import Engine, Surroundings
from tlswitness.lab.internet import SMTP
from tlswitness.net import MappedDialer

pytestmark = pytest.mark.slow

SEED = 5321
ROUNDS = 30
MESSAGES = 12
"""In each round, at the same time."""
PAUSE = 0.002
"""Seconds that the servers may think before each reply."""


class Rounds:
    """Messages to two servers, one with TLS and CHUNKING and one without, that take their time."""

    def __init__(self, internet, stack):
        self.internet = internet
        self.stack = stack
        self.dice = random.Random(SEED)
        self.numbers = itertools.count()
        self.servers = {}
        self.words = {}
        """What was said of each message."""
        self.longest = 0.0
        """Seconds that a round takes when nothing cuts it short, on this machine and now."""

    async def start(self):
        context = self.internet.authority.issue(["mx.test"]).server_context()
        for number, each in enumerate((context, None)):
            server = DyingServer(
                self.internet.place().mx, each, chunking=not number, pause=lambda: self.dice.uniform(0, PAUSE)
            )
            await server.start()
            self.stack.push_async_callback(server.stop)
            domain = f"s{number}.test"
            self.internet.zone.mx(domain, (10, f"mx.{domain}"), secure=False)
            self.internet.zone.address(f"mx.{domain}", server.address, secure=False)
            self.servers[domain] = server

    async def measure(self):
        """One round without any fault."""
        began = time.monotonic()
        async with self.engine() as engine:
            await asyncio.gather(*self.begin(engine))
            self.longest = time.monotonic() - began
        assert set(self.words.values()) == {"Delivered"}

    def engine(self, **times):
        config = self.internet.config("engine", {"use_mta_sts": False}, times)
        dialer = MappedDialer(endpoints={(server.address, SMTP): server.port for server in self.servers.values()})
        return Engine(
            replace(config, smtp=SmtpLimits(connections_per_destination=3)), surroundings=Surroundings(dialer=dialer)
        )

    async def deliver(self, engine):
        number = next(self.numbers)
        name = f"m{number}"
        domain = list(self.servers)[number % 2]
        done = await engine.deliver(message(name), Envelope("me@sender.test", (f"{name}@{domain}",)))
        self.words[name] = word_for(done.recipients[0])
        return name

    def begin(self, engine):
        return [asyncio.create_task(self.deliver(engine)) for _ in range(MESSAGES)]

    def moment(self):
        return self.dice.uniform(0, self.longest)

    def compare(self):
        """The books; how often each word was said."""
        taken = [name.decode() for server in self.servers.values() for name in server.taken]
        assert list(mail_faults(self.words, taken)) == []
        assert max(Counter(taken).values()) == 1, "sent twice"
        _, by_data = self.servers.values()
        asked = {recipient.partition("@")[0] for recipient in by_data.asked}
        uncertain = {name for name, word in self.words.items() if word == "Uncertain" and int(name[1:]) % 2}
        assert uncertain <= asked, "no server had asked for it"
        seen = Counter(self.words.values())
        seen["taken and uncertain"] = sum(self.words.get(name) == "Uncertain" for name in taken)
        seen["taken and untold"] = sum(name not in self.words for name in taken)
        return seen


@pytest.fixture
async def rounds(internet):
    async with AsyncExitStack() as stack:
        here = Rounds(internet, stack)
        await here.start()
        await here.measure()
        yield here


async def test_cancelled(rounds):
    """Nobody hears what became of those; the connections that they leave behind carry no other message's replies."""
    async with rounds.engine() as engine:
        for _ in range(ROUNDS):
            tasks = rounds.begin(engine)
            for task in rounds.dice.sample(tasks, MESSAGES // 2):
                asyncio.get_running_loop().call_later(rounds.moment(), task.cancel)
            await asyncio.gather(*tasks, return_exceptions=True)
            assert all(task.cancelled() or task.exception() is None for task in tasks)
            for _ in range(2):
                assert rounds.words[await rounds.deliver(engine)] == "Delivered"
    seen = rounds.compare()
    assert seen.keys() - {"Delivered", "taken and uncertain", "taken and untold"} == set()
    assert min(seen["Delivered"], seen["taken and untold"]) > 0


async def test_out_of_time(rounds):
    for _ in range(ROUNDS):
        async with rounds.engine(delivery=max(0.01, rounds.moment())) as engine:
            await asyncio.gather(*rounds.begin(engine))
    seen = rounds.compare()
    assert len(rounds.words) == (ROUNDS + 1) * MESSAGES
    assert min(seen[word] for word in ("Delivered", "Deferred", "Uncertain", "taken and uncertain")) > 0


async def test_the_engine_is_closed(rounds):
    for _ in range(ROUNDS):
        async with rounds.engine() as engine:
            tasks = rounds.begin(engine)
            await asyncio.sleep(rounds.moment())
        await asyncio.gather(*tasks, return_exceptions=True)
        late = [task for task in tasks if task.exception() is not None]
        assert all(isinstance(task.exception(), RuntimeError) for task in late), "those that had not begun"
    seen = rounds.compare()
    assert min(seen[word] for word in ("Delivered", "Deferred", "Uncertain", "taken and uncertain")) > 0


@pytest.mark.rfc(5321, "4.5.4.1")
async def test_all_at_once(rounds):
    """Servers die, deliveries are cancelled and run out of time, the engine is closed."""
    ways = [way for way in Way if way is not Way.SILENT]
    moments = [moment for moment in MESSAGE if not moment.endswith("half") and moment != "dot taken"]
    for _ in range(2 * ROUNDS):
        for server in rounds.servers.values():
            server.died, server.moment = False, rounds.dice.choice(moments)
            server.way, server.message = rounds.dice.choice(ways), rounds.dice.randrange(1, 4)
        async with rounds.engine(delivery=max(0.01, 2 * rounds.moment())) as engine:
            tasks = rounds.begin(engine)
            for task in rounds.dice.sample(tasks, 2):
                asyncio.get_running_loop().call_later(rounds.moment(), task.cancel)
            await asyncio.sleep(2 * rounds.moment())
        await asyncio.gather(*tasks, return_exceptions=True)
    seen = rounds.compare()
    assert min(seen[word] for word in ("Delivered", "Deferred", "Uncertain", "taken and uncertain")) > 0
