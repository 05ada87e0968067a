import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from tlswitness.dns.answer import LookupFailed, RecordType
from tlswitness.dns.servers import Server
from tlswitness.dns.transport import MAX_STRAYS, exchange
from tlswitness.dns.wire import Query, build_query, is_reply, wire_name
from tlswitness.lab.nameserver import NameServer
from tlswitness.lab.zone import HungUp, NeverWhole, Records, Truncated

NAME = wire_name("example.com")
assert NAME is not None
QUERY = build_query(NAME, RecordType.A, 7)
ADDRESS = Records(("192.0.2.1",))


async def ask(server: Server, query: Query = QUERY, timeout: float = 5.0) -> bytes | LookupFailed:
    return await exchange(server, query, timeout=timeout, tcp_timeout=timeout)


class Script(asyncio.DatagramProtocol):
    """Answers each datagram with those that `replies` makes of it."""

    def __init__(self, replies: Callable[[bytes], list[bytes]]) -> None:
        self.replies = replies

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for reply in self.replies(data):
            self.transport.sendto(reply, addr)  # type: ignore[attr-defined]


@contextlib.asynccontextmanager
async def udp(replies: Callable[[bytes], list[bytes]], port: int = 0) -> AsyncIterator[Server]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Script(replies), local_addr=("127.0.0.1", port))
    try:
        yield Server("127.0.0.1", transport.get_extra_info("sockname")[1])
    finally:
        transport.close()


@contextlib.asynccontextmanager
async def tcp(reply: bytes) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(reply)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_udp(lab: NameServer) -> None:
    lab.zone.set("example.com", RecordType.A, ADDRESS)
    data = await ask(lab.server)
    assert isinstance(data, bytes)
    assert is_reply(data, QUERY)
    assert not lab.tcp_queries


@pytest.mark.rfc(7671, "10.1.1")
async def test_a_truncated_reply_goes_over_tcp(lab: NameServer) -> None:
    lab.zone.set("example.com", RecordType.A, Truncated(ADDRESS))
    assert isinstance(await ask(lab.server), bytes)
    assert lab.tcp_queries["example.com", RecordType.A] == 1


async def test_other_packets_are_ignored() -> None:
    def replies(data: bytes) -> list[bytes]:
        good = data[:2] + b"\x81\x80" + data[4:]
        return [b"", b"\0", bytes((data[0] ^ 1,)) + good[1:], good.replace(b"example", b"elpmaxe"), data, good]

    async with udp(replies) as server:
        data = await ask(server)
    assert isinstance(data, bytes)
    assert b"example" in data


async def test_many_wrong_packets_end_in_tcp() -> None:
    async with tcp(b"") as port, udp(lambda _: [b"guess"] * (MAX_STRAYS + 1), port) as server:
        failed = await ask(server)
    assert isinstance(failed, LookupFailed)
    assert failed.code == "network"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (b"", "network"),
        (b"\0", "network"),
        (b"\0\x20short", "network"),
        (b"\0\0", "malformed"),
        (b"\0\x0c" + b"\0\7\x81\x80" + bytes(8), "malformed"),
    ],
)
async def test_broken_tcp(reply: bytes, code: str) -> None:
    async with tcp(reply) as port, udp(lambda data: [data[:2] + b"\x83\x80" + data[4:]], port) as server:
        failed = await ask(server)
    assert isinstance(failed, LookupFailed)
    assert failed.code == code


async def test_silence_is_a_timeout() -> None:
    async with udp(lambda _: []) as server:
        failed = await ask(server, timeout=0.01)
    assert isinstance(failed, LookupFailed)
    assert failed.code == "timeout"
    assert str(server) in failed.detail


async def test_silence_over_tcp_is_a_timeout(lab: NameServer) -> None:
    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await _reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with udp(lambda data: [data[:2] + b"\x83\x80" + data[4:]], port) as where:
            failed = await ask(where, timeout=0.02)
    assert isinstance(failed, LookupFailed)
    assert "TCP" in failed.detail


@pytest.mark.parametrize("address", ["127.0.0.1", "255.255.255.255", "::ffff:0:0", "no address at all"])
async def test_nobody_there(address: str, lab: NameServer) -> None:
    server = Server(address, lab.server.port)
    await lab.stop()
    failed = await ask(server, timeout=0.2)
    assert isinstance(failed, LookupFailed)
    assert failed.code in ("network", "timeout")


@pytest.mark.rfc(7766, "5")
async def test_a_reply_that_is_never_whole(lab: NameServer) -> None:
    """Taken as it stands, it would pass for a denial: an MX that bounces the mail, TLSA records that are not there."""
    lab.zone.set("never-whole.example", RecordType.A, NeverWhole())
    lab.zone.set("hung-up.example", RecordType.A, HungUp())
    for name, code in (("never-whole", "malformed"), ("hung-up", "network")):
        asked = wire_name(f"{name}.example")
        assert asked is not None
        failed = await ask(lab.server, build_query(asked, RecordType.A, 7))
        assert isinstance(failed, LookupFailed)
        assert failed.code == code
