import asyncio
import contextlib
import socket

import dns.asyncquery
import dns.message
import pytest

from tlswitness.dns.answer import RecordType
from tlswitness.lab.dnsreply import Conduct
from tlswitness.lab.nameserver import NameServer
from tlswitness.lab.zone import Zone


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.42", "::1"])
async def test_udp_and_tcp_on_one_port(address: str) -> None:
    if ":" in address and not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    zone = Zone()
    zone.address("example.com", "192.0.2.1")
    query = dns.message.make_query("Example.com", "A")
    server = NameServer(zone)
    where = await server.start(address)
    try:
        for ask in (dns.asyncquery.udp, dns.asyncquery.tcp):
            response = await ask(query, where.address, port=where.port, timeout=5)
            assert response.answer[0][0].to_text() == "192.0.2.1"
    finally:
        await server.stop()
    assert server.count("EXAMPLE.com.", RecordType.A) == 2
    assert server.tcp_queries["example.com", RecordType.A] == 1
    assert server.count_type(RecordType.A) == 2
    assert server.count_type(RecordType.TLSA) == 0
    server.forget_queries()
    assert not server.queries
    assert not server.tcp_queries


async def test_data_and_conduct_change_while_it_runs() -> None:
    async with NameServer() as server:
        query = dns.message.make_query("_mta-sts.example.com", "TXT")
        for text in ("v=STSv1; id=1;", "v=STSv1; id=2;"):
            server.zone.txt("_mta-sts.example.com", text)
            response = await dns.asyncquery.udp(query, "127.0.0.1", port=server.server.port, timeout=5)
            assert response.answer[0][0].strings == (text.encode(),)
        server.conduct = Conduct.DEAD
        assert server.answer(query.to_wire()) is None
    assert server.count("_mta-sts.example.com", RecordType.TXT) == 3


async def test_several_queries_on_one_connection_and_one_left_open() -> None:
    async with NameServer() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.server.port)
        for name in ("a.example", "b.example"):
            wire = dns.message.make_query(name, "A").to_wire()
            writer.write(len(wire).to_bytes(2, "big") + wire)
            length = int.from_bytes(await reader.readexactly(2), "big")
            dns.message.from_wire(await reader.readexactly(length))
        writer.write(b"\0\4junk")
        await writer.drain()
    with contextlib.suppress(OSError):
        assert await reader.read() == b""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def test_a_port_in_use_is_refused_and_a_free_one_found() -> None:
    async with NameServer() as server:
        with pytest.raises(OSError, match="in use"):
            await NameServer().start("127.0.0.1", server.server.port)


async def test_before_the_start_there_is_no_address() -> None:
    server = NameServer()
    with pytest.raises(RuntimeError, match="started"):
        _ = server.server
    await server.stop()
