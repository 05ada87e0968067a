import asyncio
import ssl
from collections.abc import Awaitable, Callable

import pytest

from tlswitness.lab.tlsstream import MAX_LINE, TlsStream


async def meet(
    server: Callable[[TlsStream], Awaitable[None]],
    client: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]],
    context: ssl.SSLContext,
    how: ssl.SSLContext,
) -> object:
    """What the client returns or raises; what the server raises."""
    served: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls = TlsStream(context, reader, writer)
        try:
            await tls.handshake()
            served.set_result(await server(tls))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            served.set_result(error)
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=how, server_hostname="a.test")
        except ssl.SSLError as error:
            return error, await served
        try:
            return await client(reader, writer), await served
        finally:
            writer.transport.abort()


@pytest.fixture
def context(authority) -> ssl.SSLContext:
    return authority.issue(["a.test"]).server_context()


@pytest.fixture
def trusting(authority) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.trust_pem.decode())


async def echo(tls: TlsStream) -> str:
    while line := await tls.readline():
        await tls.write(line.upper())
    return tls.protocol


async def test_lines_go_both_ways_until_the_end(context, trusting):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[bytes]:
        writer.write(b"one\r\ntwo\r\n" + b"x" * 30_000 + b"\n")
        lines = [await reader.readline() for _ in range(3)]
        writer.close()
        return lines

    lines, protocol = await meet(echo, talk, context, trusting)
    assert lines == [b"ONE\r\n", b"TWO\r\n", b"X" * 30_000 + b"\n"]
    assert protocol == "TLSv1.3"


async def test_an_end_that_is_said(context, trusting):
    async def part(tls: TlsStream) -> None:
        await tls.write(b"bye\r\n")
        await tls.close()

    async def listen(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bytes:
        return await reader.read()

    seen, server = await meet(part, listen, context, trusting)
    assert (seen, server) == (b"bye\r\n", None)


async def test_the_alert_goes_out_before_the_close(context, trusting):
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    seen, server = await meet(echo, echo, context, trusting)
    assert "ALERT_PROTOCOL_VERSION" in str(seen)
    assert isinstance(server, ssl.SSLError)


async def test_a_line_is_bounded(context, trusting):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"x" * (MAX_LINE + 40_000))
        return await reader.read()

    _, server = await meet(echo, talk, context, trusting)
    assert isinstance(server, ValueError)


async def test_a_client_that_goes_away(context, trusting):
    async def leave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    _, server = await meet(echo, leave, context, trusting)
    assert isinstance(server, str | OSError)
