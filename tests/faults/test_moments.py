"""A server that dies at each moment of a session, in each way: what the engine says then, and what the server has."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from tests.faults.support.dying import MESSAGE, SESSION, WITHIN_TLS, DyingServer, Way
from tools.faults.account import mail_faults
from tools.faults.child import message, word_for

from tlswitness.config import SmtpLimits
from tlswitness.delivery.outcome import Envelope
from tlswitness.engine import Engine, Surroundings
from tlswitness.lab.internet import SMTP
from tlswitness.net import MappedDialer

pytestmark = pytest.mark.slow

MESSAGES = 3
"""Sent on one connection as long as it lives."""
AT_ONCE = 40
WAITS = ("greeting", "ehlo", "starttls", "handshake", "mail", "rcpt", "data", "dot", "quit")
PATIENCE = {Way.SILENT: 1.0}
"""Seconds that the engine waits for a reply."""
BEFORE_CONTENT = (*SESSION, *WITHIN_TLS, *MESSAGE[: MESSAGE.index("DATA said")])


def cases(way, tls):
    moments = [(moment, 1) for moment in (*SESSION, *WITHIN_TLS)]
    moments += [(moment, number) for moment in MESSAGE for number in (1, 2)]
    for moment, number in moments:
        if not tls and moment in ("STARTTLS due", "STARTTLS half", "STARTTLS said", *WITHIN_TLS):
            continue
        if way is Way.CLOSING and (moment.endswith("half") or moment in ("dot taken", "STARTTLS said")):
            continue  # no reply, or not what a server may say that has the message, or is to do TLS
        yield moment, number


def allowed(moment, number, way, *, chunking=False):
    """What may be said of the message in whose time the server died."""
    if chunking and way is not Way.CLOSING and moment.startswith(("MAIL", "RCPT", "content")):
        return {"Uncertain"}  # all of it had been written
    if chunking and moment in ("EHLO said", "EHLO again said"):
        return {"Deferred", "Delivered", "Uncertain"}  # it is written at once, or the end was seen before
    if moment.startswith(("greeting", "EHLO", "STARTTLS", "EHLO again")):
        # Where nothing demands TLS, a session whose TLS breaks goes on in clear text on another connection.
        return {"Deferred", "Delivered"}
    if moment in BEFORE_CONTENT:
        return {"Deferred"} if number == 1 else {"Delivered"}
    if moment in ("DATA said", "content half"):
        # Whether the content had left already is a race; what is sure is that the server does not have it.
        return {"Deferred", "Delivered", "Uncertain"}
    if moment == "dot said":
        return {"Delivered", "Uncertain"} if way is Way.RESET else {"Delivered"}
    if way is Way.CLOSING:
        return {"Deferred"} if number == 1 else {"Delivered"}
    return {"Uncertain"}


async def deliver(engine, domain, *, together=False):
    """What was said of each message; one follows the other, or they are given at the same time."""
    words = {}

    async def one(number):
        name = f"{domain}-{number}"
        done = await engine.deliver(message(name), Envelope("me@sender.test", (f"{name}@{domain}",)))
        words[name] = word_for(done.recipients[0])

    numbers = range(1, MESSAGES + 1)
    if together:
        await asyncio.gather(*map(one, numbers))
    else:
        for number in numbers:
            await one(number)
    return dict(sorted(words.items()))


class Servers:
    """One that dies for each case, and one behind them all that does not."""

    def __init__(self, internet, way, *, tls, pipelining, chunking=False):
        self.internet = internet
        self.chunking = chunking
        self.way = way
        self.context = internet.authority.issue(["mx.test"]).server_context() if tls else None
        self.backup = DyingServer(internet.place().mx, self.context, pipelining=pipelining)
        self.dying = {
            f"d{place}.test": DyingServer(
                internet.place().mx, self.context, moment, number, way, pipelining, chunking=chunking
            )
            for place, (moment, number) in enumerate(cases(way, tls))
            if not (chunking and moment.startswith("DATA"))
        }

    async def told(self, *, together=False, second=False):
        """What was said of the messages to each domain, after the books were compared: server and words."""
        zone = self.internet.zone
        zone.address("backup.test", self.backup.address, secure=False)
        for domain, server in self.dying.items():
            zone.mx(domain, (10, f"mx.{domain}"), *([(20, "backup.test")] if second else []), secure=False)
            zone.address(f"mx.{domain}", server.address, secure=False)
        waits = dict.fromkeys(WAITS, PATIENCE.get(self.way, 30.0))
        config = self.internet.config("engine", {"use_mta_sts": False}, waits)
        everyone = [self.backup, *self.dying.values()]
        turns = asyncio.Semaphore(AT_ONCE)
        async with AsyncExitStack() as stack:
            for server in everyone:
                await server.start()
                stack.push_async_callback(server.stop)
            dialer = MappedDialer(endpoints={(server.address, SMTP): server.port for server in everyone})
            config = replace(config, smtp=SmtpLimits(connections_per_destination=1))
            engine = await stack.enter_async_context(Engine(config, surroundings=Surroundings(dialer=dialer)))

            async def one(domain):
                async with turns:
                    return await deliver(engine, domain, together=together)

            words = await asyncio.gather(*map(one, self.dying))
        self._compare(words)
        return list(zip(self.dying.values(), words, strict=True))

    def _compare(self, told):
        everyone = [self.backup, *self.dying.values()]
        taken = [name.decode() for server in everyone for name in server.taken]
        asked = {recipient.partition("@")[0] for server in everyone for recipient in server.asked}
        assert all(server.died for server in self.dying.values())
        assert max(Counter(taken).values()) == 1, "sent twice"
        for server, words in zip(self.dying.values(), told, strict=True):
            moment = (server.moment, server.message, words)
            assert list(mail_faults(words, taken)) == [], moment
            uncertain = {name for name, word in words.items() if word == "Uncertain"}
            if not self.chunking:
                assert uncertain <= asked, moment
                assert len(uncertain) <= 1, f"there is one content at a time: {moment}"


def kinds(*ways):
    """Each way of dying with TLS and pipelining, or without; silence takes long enough once."""
    return pytest.mark.parametrize(
        ("way", "tls", "pipelining"),
        [
            pytest.param(way, tls, pipelining, id=f"{way.value}-{'TLS' if tls else 'clear'}-{pipelining}")
            for way in Way
            for tls, pipelining in ways
            if pipelining or way is not Way.SILENT
        ],
    )


@pytest.mark.rfc(5321, "4.5.4.1")
@pytest.mark.rfc(5321, "3.8")
@kinds((True, True), (True, False), (False, True), (False, False))
async def test_a_server_dies(internet, way, tls, pipelining):
    for server, words in await Servers(internet, way, tls=tls, pipelining=pipelining).told():
        for number, word in enumerate(words.values(), 1):
            of_this = number == server.message
            expected = allowed(server.moment, server.message, way) if of_this else {"Delivered"}
            assert word in expected, (server.moment, server.message, words)


@kinds((True, True), (False, True), (False, False))
async def test_a_server_dies_with_several_messages_on_their_way(internet, way, tls, pipelining):
    """With the content of one the commands of the next have gone out: that one is not uncertain, and is not lost."""
    for server, words in await Servers(internet, way, tls=tls, pipelining=pipelining).told(together=True):
        assert "Delivered" in words.values(), (server.moment, server.message, words)


@pytest.mark.rfc(5321, "5.1")
@kinds((True, True), (False, False))
async def test_a_server_dies_and_there_is_another(internet, way, tls, pipelining):
    """It gets all but what the first may have."""
    for server, words in await Servers(internet, way, tls=tls, pipelining=pipelining).told(second=True):
        for number, word in enumerate(words.values(), 1):
            expected = allowed(server.moment, server.message, way) if number == server.message else {"Delivered"}
            # What would be deferred goes to the other.
            assert word in {"Delivered" if each == "Deferred" else each for each in expected}, (server.moment, words)


@pytest.mark.rfc(3030, "4.2")
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "together"])
@kinds((True, True), (False, True))
async def test_a_server_dies_that_takes_chunks(internet, way, tls, pipelining, together):
    """The content of a message goes with its commands, and other messages behind it, whose fate hangs on hers."""
    servers = Servers(internet, way, tls=tls, pipelining=pipelining, chunking=True)
    for server, words in await servers.told(together=together):
        if together:
            continue
        for number, word in enumerate(words.values(), 1):
            of_this = number == server.message
            first = server.message == 1  # the later ones find the session idle, and ask with DATA
            expected = allowed(server.moment, server.message, way, chunking=first) if of_this else {"Delivered"}
            assert word in expected, (server.moment, server.message, words)
