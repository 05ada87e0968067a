"""A server that goes on talking while nobody asks it anything: a connection kept for later must not listen on."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import repeat

import pytest

from tlswitness.delivery.connection import Connection
from tlswitness.delivery.smtp import Greeted, Strength, TlsUp, greet, hello_after_tls, starttls
from tlswitness.delivery.tls import TlsContexts
from tlswitness.lab.authority import Authority
from tlswitness.lab.fakes import until
from tlswitness.lab.tlsstream import TlsStream
from tlswitness.names import HostName
from tlswitness.net import DirectDialer

OFFER = 256 << 20
"""Octets that the server would say."""
MOST = 32 << 20
"""Octets that it may get rid of: what the kernels buffer on both sides, and our limits."""
PATIENCE = 20.0

FLOODS: dict[str, bytes] = {
    "replies": b"250 nobody asked\r\n" * 1000,
    "a line": b"x" * 16_384,
    "lines": b"250-nobody asked\r\n" * 1000,
    "421 and more": b"421 bye\r\n" * 1000,
}


@asynccontextmanager
async def talker(flood: bytes, authority: Authority | None) -> AsyncIterator[tuple[int, Callable[[], int]]]:
    """Greets, does TLS where there is an authority, and then talks; its port, and how much it has got rid of."""
    tasks: list[asyncio.Task[None]] = []
    said = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal said
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        stream: TlsStream | None = None
        try:
            writer.write(b"220 mx\r\n")
            await reader.readline()
            writer.write(b"250-mx\r\n250 STARTTLS\r\n")
            if authority is not None:
                await reader.readline()
                writer.write(b"220 go\r\n")
                stream = TlsStream(authority.issue(["mx.example"]).server_context(), reader, writer)
                await stream.handshake()
                await stream.readline()
                await stream.write(b"250 mx\r\n")
            await asyncio.sleep(0.1)
            for piece in repeat(flood, OFFER // len(flood)):
                if stream is not None:
                    await stream.write(piece)
                else:
                    writer.write(piece)
                    await writer.drain()
                said += len(piece)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], lambda: said
    finally:
        server.close()
        await asyncio.gather(*tasks)


@pytest.mark.parametrize("name", FLOODS)
@pytest.mark.parametrize("secure", [False, True], ids=["clear", "tls"])
async def test_an_idle_connection_does_not_listen_on(name: str, secure: bool) -> None:
    authority = Authority(time.time()) if secure else None
    async with talker(FLOODS[name], authority) as (port, said):
        connection = await Connection.open(DirectDialer(), "127.0.0.1", port, contexts=TlsContexts.make())
        assert isinstance(connection, Connection)
        greeted = await connection.run(greet("me"))
        assert isinstance(greeted, Greeted)
        if secure:
            mx = HostName("mx.example", "mx.example")
            assert isinstance(await connection.run(starttls(greeted.capabilities, mx, Strength.DEMANDED)), TlsUp)
            assert isinstance(await connection.run(hello_after_tls("me")), Greeted)
        assert connection.alive
        async with asyncio.timeout(PATIENCE):
            await until(lambda: connection._wire.end is not None)
        assert not connection.alive
        await connection.quit()
    assert said() < MOST
