from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.names import BadName, parse_domain, parse_host
from tlswitness.policy.sts.channel import TlsChannel
from tlswitness.policy.sts.fetch import policy_context

LABEL = st.from_regex(r"(xn--)?[a-z0-9_]([a-z0-9_-]{0,58}[a-z0-9_])?", fullmatch=True).filter(lambda x: len(x) < 64)


@given(st.lists(LABEL, min_size=1, max_size=5))
def test_no_domain_makes_the_tls_library_raise(labels: list[str]) -> None:
    domain = parse_domain(".".join(labels))
    host = BadName("", "") if isinstance(domain, BadName) else parse_host(f"mta-sts.{domain}")
    if isinstance(host, BadName):
        return
    with socket.socket() as sock:
        TlsChannel(sock, CONTEXT, server_name=host.key)


CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


async def pair(certificates: Any) -> tuple[TlsChannel, TlsChannel]:
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    context = policy_context(ca_data=certificates.authority.trust_pem.decode())
    client = TlsChannel(ours, context, server_name="mta-sts.example.com")
    server = TlsChannel(theirs, certificates.good("mta-sts.example.com").server_context())
    await asyncio.gather(client.handshake(), server.handshake())
    return client, server


async def read_all(channel: TlsChannel) -> bytes:
    received = b""
    while part := await channel.read():
        received += part
    return received


async def test_octets_go_both_ways_in_any_amount(certificates: Any) -> None:
    client, server = await pair(certificates)
    sent = b"x" * 1_000_000

    async def write_all() -> None:
        await client.write(sent)
        client.close()

    received, _ = await asyncio.gather(read_all(server), write_all())
    assert received == sent
    server.close()


async def test_an_end_without_goodbye_is_not_an_end(certificates: Any) -> None:
    client, server = await pair(certificates)
    await client.write(b"half")
    client.abort()
    with pytest.raises(ConnectionError):
        await read_all(server)
    server.close()
