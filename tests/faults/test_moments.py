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


def allowed(moment, number, way):
    """What may be said of the message in whose time the server died."""
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


async def deliver(engine, domain, *, together):
    """What was said of each message; one follows the other, or they share what the session can do at a time."""
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


@pytest.mark.rfc(5321, "4.5.4.1")
@pytest.mark.rfc(5321, "3.8")
@pytest.mark.parametrize(
    ("tls", "pipelining"), [(True, True), (True, False), (False, True), (False, False)], ids=lambda value: str(value)
)
@pytest.mark.parametrize("way", Way, ids=lambda way: way.value)
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "together"])
async def test_a_server_dies(internet, tls, pipelining, way, together):
    context = internet.authority.issue(["mx.test"]).server_context() if tls else None
    servers = {}
    for place, (moment, number) in enumerate(cases(way, tls)):
        domain = f"d{place}.test"
        server = DyingServer(internet.place().mx, context, moment, number, way, pipelining)
        internet.zone.mx(domain, (10, f"mx.{domain}"), secure=False)
        internet.zone.address(f"mx.{domain}", server.address, secure=False)
        servers[domain] = server
    config = internet.config("engine", {"use_mta_sts": False}, dict.fromkeys(WAITS, PATIENCE.get(way, 30.0)))
    async with AsyncExitStack() as stack:
        for server in servers.values():
            await server.start()
            stack.push_async_callback(server.stop)
        dialer = MappedDialer(endpoints={(server.address, SMTP): server.port for server in servers.values()})
        engine = Engine(
            replace(config, smtp=SmtpLimits(connections_per_destination=1)), surroundings=Surroundings(dialer=dialer)
        )
        await stack.enter_async_context(engine)
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(domain):
            async with turns:
                return await deliver(engine, domain, together=together)

        told = await asyncio.gather(*map(one, servers))
    for server, words in zip(servers.values(), told, strict=True):
        moment = (server.moment, server.message)
        assert server.died, moment
        taken = [name.decode() for name in server.taken]
        assert list(mail_faults(words, taken)) == [], moment
        assert max(Counter(taken).values()) == 1, f"{moment}: sent twice"
        asked = {recipient.partition("@")[0] for recipient in server.asked}
        assert {name for name, word in words.items() if word == "Uncertain"} <= asked, f"{moment}: {words}"
        if together:
            assert list(words.values()).count("Uncertain") <= 1, f"{moment}: one content at a time: {words}"
            assert "Delivered" in words.values(), (moment, words)
            continue
        for number, word in enumerate(words.values(), 1):
            expected = allowed(*moment, way) if number == server.message else {"Delivered"}
            assert word in expected, (moment, words)


WAITS = ("greeting", "ehlo", "starttls", "handshake", "mail", "rcpt", "data", "dot", "quit")
