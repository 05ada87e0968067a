"""The behaviours are shown through the fetch's own tests; here is what only the server can tell."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time

import pytest

from tlswitness.lab.authority import Authority
from tlswitness.lab.fakes import until
from tlswitness.lab.policyhost import Flood, Hang, PolicyHost, Serve, Silent, policy_text

PATH = "/.well-known/mta-sts.txt"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(time.time())


async def get(host: PolicyHost, authority: Authority, name: str, path: str = PATH) -> bytes:
    context = ssl.create_default_context(cadata=authority.trust_pem.decode())
    reader, writer = await asyncio.open_connection(host.address, host.port, ssl=context, server_hostname=name)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_many_hosts_on_one_address_by_sni(authority: Authority) -> None:
    async with PolicyHost() as host:
        for number in range(3):
            name = f"mta-sts.n{number}.example"
            host.publish(name, authority.issue([name]), Serve(policy_text(f"mx.n{number}.example")))
        answers = await asyncio.gather(*(get(host, authority, f"mta-sts.n{n}.example") for n in range(3)))
        assert [f"mx: mx.n{n}.example".encode() in answer for n, answer in enumerate(answers)] == [True] * 3
        with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
            await get(host, authority, "mta-sts.other.example")
        assert host.requested("mta-sts.n1.example") == 1
        assert host.connections["mta-sts.other.example"] == 1


async def test_behaviour_changes_while_it_runs(authority: Authority) -> None:
    async with PolicyHost() as host:
        host.publish("mta-sts.example.com", authority.issue(["mta-sts.example.com"]), Serve(b"one"))
        assert (await get(host, authority, "mta-sts.example.com")).endswith(b"one")
        host.behave("MTA-STS.example.com", Serve(b"two", 503))
        assert (await get(host, authority, "mta-sts.example.com")).startswith(b"HTTP/1.1 503 ")
        assert (await get(host, authority, "mta-sts.example.com", "/")).startswith(b"HTTP/1.1 404 ")
        with pytest.raises(KeyError):
            host.behave("unknown.example", Silent())


@pytest.mark.parametrize("behaviour", [Silent(), Hang()])
async def test_it_ends_while_clients_wait(authority: Authority, behaviour: Silent | Hang) -> None:
    async with PolicyHost("127.0.0.2") as host:
        host.publish("mta-sts.example.com", authority.issue(["mta-sts.example.com"]), behaviour)
        client = asyncio.create_task(get(host, authority, "mta-sts.example.com"))
        await until(lambda: host.connections)
    await asyncio.gather(client, return_exceptions=True)


async def test_what_is_no_client_hello_is_refused(authority: Authority) -> None:
    async with PolicyHost() as host:
        for octets in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + b"\xff" * 20_000, b""):
            reader, writer = await asyncio.open_connection(host.address, host.port)
            writer.write(octets)
            writer.write_eof()
            with contextlib.suppress(ConnectionResetError):
                assert (await reader.read())[:1] in (b"\x15", b"")
            writer.close()
            with contextlib.suppress(ConnectionResetError):
                await writer.wait_closed()


async def test_a_flood_ends_with_the_client(authority: Authority) -> None:
    async with PolicyHost() as host:
        flood = Flood(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n")
        host.publish("mta-sts.example.com", authority.issue(["mta-sts.example.com"]), flood)
        context = ssl.create_default_context(cadata=authority.trust_pem.decode())
        reader, writer = await asyncio.open_connection(
            host.address, host.port, ssl=context, server_hostname="mta-sts.example.com"
        )
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readexactly(500_000)).startswith(flood.head + flood.piece)
        writer.transport.abort()
        await until(lambda: len(host._tasks) == 1)  # the one that listens
