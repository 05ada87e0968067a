"""A connection that is cut behind each octet of what the server says, and behind random ones where there is TLS."""

import asyncio
import itertools
import random
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from tests.faults.support.cut import Wire
from tests.faults.support.dying import DyingServer
from tools.faults.account import mail_faults
from tools.faults.child import message, word_for

from tlswitness.config import SmtpLimits
from tlswitness.delivery.outcome import Envelope
from tlswitness.engine import Engine, Surroundings
from tlswitness.lab.internet import SMTP
from tlswitness.net import MappedDialer

pytestmark = pytest.mark.slow

SEED = 5321
CUTS = 50
"""At random places, of each kind."""
BATCH = 50
MESSAGES = 2


class Cutter:
    """Deliveries over wires that are cut."""

    def __init__(self, internet, *, tls, pipelining=True, chunking=False, lines=0):
        self.internet = internet
        self.chunking = chunking
        self.lines = lines
        self.pipelining = pipelining
        self.context = internet.authority.issue(["mx.test"]).server_context() if tls else None
        self.numbers = itertools.count()
        self.seen = Counter()

    async def cut(self, **wires):
        """Over one wire for each place; how many octets passed on the first connection of each."""
        places = wires.pop("octets")
        passed = []
        for start in range(0, len(places), BATCH):
            passed += await self._batch(places[start : start + BATCH], **wires)
        return passed

    async def _batch(self, places, **wires):
        async with AsyncExitStack() as stack:
            ends = {}
            for place in places:
                server = DyingServer(
                    self.internet.place().mx, self.context, pipelining=self.pipelining, chunking=self.chunking
                )
                await self._up(stack, server)
                wire = Wire(self.internet.place().mx, (server.address, server.port), octets=place, **wires)
                await self._up(stack, wire)
                domain = f"c{next(self.numbers)}.test"
                self.internet.zone.mx(domain, (10, f"mx.{domain}"), secure=False)
                self.internet.zone.address(f"mx.{domain}", wire.address, secure=False)
                ends[domain] = (server, wire)
            config = self.internet.config("engine", {"use_mta_sts": False}, {})
            dialer = MappedDialer(endpoints={(wire.address, SMTP): wire.port for _, wire in ends.values()})
            around = Surroundings(dialer=dialer)
            async with Engine(
                replace(config, smtp=SmtpLimits(connections_per_destination=1)), surroundings=around
            ) as engine:
                told = await asyncio.gather(*(self._deliver(engine, domain) for domain in ends))
            for (server, wire), words in zip(ends.values(), told, strict=True):
                self._compare(server, wire, words)
            for domain in ends:
                for name in (domain, f"mx.{domain}"):
                    self.internet.zone.remove(name)
            return [wire.passed[0] for _, wire in ends.values()]

    async def _up(self, stack, server):
        await server.start()
        stack.push_async_callback(server.stop)

    async def _deliver(self, engine, domain):
        """One after the other, then two together on the one connection that there may be."""
        words = {}

        async def one(number):
            name = f"{domain}-{number}"
            done = await engine.deliver(message(name, self.lines), Envelope("me@sender.test", (f"you@{domain}",)))
            words[name] = word_for(done.recipients[0])

        for number in range(MESSAGES):
            await one(number)
        await asyncio.gather(*map(one, range(MESSAGES, 2 * MESSAGES)))
        return words

    def _compare(self, server, wire, words):
        taken = [name.decode() for name in server.taken]
        assert list(mail_faults(words, taken)) == [], wire
        assert max(Counter(taken).values(), default=0) <= 1, f"{wire}: sent twice"
        self.seen += Counter(words.values())
        self.seen["taken and uncertain"] += sum(words[name] == "Uncertain" for name in taken)


@pytest.mark.rfc(5321, "4.5.4.1")
@pytest.mark.parametrize(
    ("offers", "reset"),
    [
        pytest.param({"chunking": True}, True, id="BDAT-RST"),
        pytest.param({}, True, id="DATA-RST"),
        pytest.param({"pipelining": False}, False, id="lockstep-FIN"),
    ],
)
async def test_behind_each_octet_of_the_replies(internet, offers, reset):
    cutter = Cutter(internet, tls=False, **offers)
    (whole,) = await cutter.cut(octets=[None])
    assert whole > 150
    passed = await cutter.cut(octets=list(range(whole)), reset=reset)
    assert passed == list(range(whole))
    assert min(cutter.seen[word] for word in ("Delivered", "Deferred", "Uncertain", "taken and uncertain")) > 0


@pytest.mark.rfc(5321, "4.5.4.1")
@pytest.mark.parametrize("to_client", [False, True], ids=["commands", "replies"])
@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("chunking", [False, True], ids=["DATA", "BDAT"])
async def test_behind_random_octets_of_tls(internet, chunking, to_client, reset):
    """TLS 1.3 makes records of an octet or two more or less, so that not every place is reached."""
    cutter = Cutter(internet, tls=True, chunking=chunking)
    (whole,) = await cutter.cut(octets=[None], to_client=to_client)
    dice = random.Random(SEED)
    places = [dice.randrange(whole) for _ in range(CUTS)]
    passed = await cutter.cut(octets=places, to_client=to_client, reset=reset)
    assert sum(here == there for here, there in zip(places, passed, strict=True)) > CUTS * 0.8
    assert min(cutter.seen[word] for word in ("Delivered", "Uncertain")) > 0


@pytest.mark.rfc(5321, "4.5.4.1")
@pytest.mark.parametrize("tls", [False, True], ids=["clear", "TLS"])
async def test_behind_random_octets_of_long_messages(internet, tls):
    """More than all buffers on the way hold: the engine is in the midst of writing when the end comes."""
    cutter = Cutter(internet, tls=tls, lines=6000)
    (whole,) = await cutter.cut(octets=[None], to_client=False)
    dice = random.Random(SEED)
    # In the first message, anywhere, and at the last octets, which are those that count.
    reaches = [(0, whole // 20), (0, whole), (whole - 300, whole)]
    places = [dice.randrange(*reach) for reach in reaches for _ in range(3)]
    await cutter.cut(octets=places, to_client=False, reset=True)
    assert min(cutter.seen[word] for word in ("Delivered", "Deferred", "Uncertain")) > 0
