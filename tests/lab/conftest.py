"""A client that speaks SMTP by hand, to see what the lab's servers do and not what our own client makes of it."""

import asyncio
import random
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress

import pytest

from tlswitness.lab.authority import Authority
from tlswitness.lab.internet import Ports
from tlswitness.lab.mx import MxServer, server_context
from tlswitness.lab.mxsession import Behaviour, Suite

NAME = "mx.example.test"


@pytest.fixture
def ports() -> Ports:
    """Three that nobody has at any address, and that no outgoing connection will take."""
    found: list[int] = []
    for port in random.sample(range(20_000, 32_000), 100):
        with suppress(OSError), socket.create_server(("", port)):
            found.append(port)
    return Ports(*found[:3])


class Client:
    """Line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def reply(self) -> list[str]:
        lines = [(await self.reader.readline()).decode().rstrip("\r\n")]
        while lines[-1][3:4] == "-":
            lines.append((await self.reader.readline()).decode().rstrip("\r\n"))
        return lines

    async def say(self, text: str) -> str:
        """A command, and the last line of its reply."""
        self.writer.write(f"{text}\r\n".encode())
        return (await self.reply())[-1]

    async def starttls(self, context: ssl.SSLContext | None = None) -> ssl.SSLObject:
        if context is None:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        await self.writer.start_tls(context, server_hostname=NAME)
        session = self.writer.get_extra_info("ssl_object")
        assert isinstance(session, ssl.SSLObject)
        return session

    async def close(self) -> None:
        self.writer.transport.abort()  # and no waiting: after a failed handshake nobody tells the writer of the end
        await asyncio.sleep(0)


Connecting = Callable[..., Awaitable[Client]]


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority(time.time())


@pytest.fixture
async def serve(authority: Authority) -> AsyncIterator[Callable[[Behaviour], Awaitable[MxServer]]]:
    """Starts an MX that behaves so, until the end of the test."""
    async with AsyncExitStack() as stack:

        async def start(behaviour: Behaviour) -> MxServer:
            context = server_context(behaviour.suite)
            if behaviour.suite is not Suite.ANONYMOUS:
                authority.issue([NAME]).load_into(context)
            server = MxServer(NAME, "127.0.0.1", context, behaviour)
            await server.start()
            stack.push_async_callback(server.stop)
            return server

        yield start


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[MxServer], Awaitable[Client]]]:
    """A connection, until the end of the test."""
    async with AsyncExitStack() as stack:

        async def open_one(server: MxServer) -> Client:
            client = Client(*await asyncio.open_connection(server.address, server.port))
            stack.push_async_callback(client.close)
            return client

        yield open_one
