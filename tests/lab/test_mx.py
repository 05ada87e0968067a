import asyncio
import contextlib
import ssl

import pytest

from tlswitness.lab.mx import BEHAVIOURS, MxServer, server_context
from tlswitness.lab.mxsession import OK, Suite
from tlswitness.lab.table import cells


def test_every_token_of_the_table_has_a_behaviour():
    assert {cell.setup.mx for cell in cells()} <= set(BEHAVIOURS)
    assert {cell.setup.second for cell in cells()} <= {"", *BEHAVIOURS}


@pytest.mark.parametrize("suite", Suite)
def test_contexts(suite):
    context = server_context(suite)
    assert context.verify_mode is (ssl.CERT_REQUIRED if suite is Suite.CLIENT_CERTIFICATE else ssl.CERT_NONE)
    assert (context.maximum_version is ssl.TLSVersion.TLSv1) == (suite is Suite.TLS10)
    if suite is Suite.ANONYMOUS:
        assert {cipher["auth"] for cipher in context.get_ciphers() if cipher["protocol"] != "TLSv1.3"} == {"auth-null"}


async def test_a_refused_connection_keeps_its_port(serve):
    server = await serve(BEHAVIOURS["refused"])
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(server.address, server.port)
    with pytest.raises(OSError, match="in use"):
        await MxServer(server.name, server.address, server.context, port=server.port).start()


async def test_several_at_once(serve, connect):
    server = await serve(OK)
    clients = [await connect(server) for _ in range(3)]
    greetings = [await client.reply() for client in clients]
    assert greetings == [["220 mx.example.test ESMTP lab"]] * 3
    assert server.connections == 3


@pytest.mark.parametrize("name", ["ok", "greeting-silent", "tls-silent"])
async def test_it_stops_while_clients_are_there(serve, connect, name):
    server = await serve(BEHAVIOURS[name])
    client = await connect(server)
    if name != "greeting-silent":
        await client.reply()
    if name == "tls-silent":
        assert (await client.say("STARTTLS")).startswith("220")
        client.writer.write(b"\x16")
    await server.stop()
    with contextlib.suppress(ConnectionResetError):
        assert await client.reader.read() == b""


async def test_a_client_that_goes_away_is_no_error(serve, connect):
    server = await serve(OK)
    client = await connect(server)
    await client.reply()
    client.writer.transport.abort()
    other = await connect(server)
    assert (await other.reply())[0].startswith("220")
