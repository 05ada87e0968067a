"""TLS that never comes to the point, where no cell of the table shows it."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from OpenSSL import SSL

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.delivery.tls import MAX_HANDSHAKE, TlsContexts, TlsLayer
from tlswitness.delivery.verdict.chain import Chain
from tlswitness.dns.answer import Found, RecordType, Security
from tlswitness.lab.authority import Authority
from tlswitness.lab.fakes import FakeResolver
from tlswitness.lab.tlsrecords import Sealer
from tlswitness.lab.tlsstream import TlsStream
from tlswitness.names import HostName, parse_domain
from tlswitness.net import AddressGuard, MappedDialer
from tlswitness.policy.sts.channel import MAX_RECEIVED
from tlswitness.policy.sts.fetch import FetchFailed, FetchLimits, PolicyFetcher, policy_context

MX = HostName("mx.example", "mx.example")
PROCESSOR = 3.0
LONG = 60.0
ALERT, HANDSHAKE = 21, 22


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(time.time())


def test_a_wish_for_another_handshake_is_refused(authority: Authority, tmp_path: Path) -> None:
    """TLS 1.2's HelloRequest (RFC 5246 section 7.4.1.1): an alert and no ClientHello, or it could go on for ever."""
    server = openssl(tmp_path, authority, version=SSL.TLS1_2_VERSION)
    client = TlsLayer(TlsContexts.make().demanded, MX)
    assert isinstance(meet(client, server), Chain)
    server.renegotiate()
    with contextlib.suppress(SSL.WantReadError):
        server.do_handshake()
    assert client.decrypt(server.bio_read(1 << 16)) == b""
    assert client.output()[0] == ALERT
    assert client.broken is None


def openssl(tmp_path: Path, authority: Authority, *more: bytes, version: int = SSL.TLS1_3_VERSION) -> SSL.Connection:
    """A server of OpenSSL's whole API, over memory; it presents `more` certificates than it needs."""
    issued = authority.issue(["mx.example"])
    files = tmp_path / "chain.pem", tmp_path / "key.pem"
    files[0].write_bytes(replace(issued, presented=(*issued.presented, *more)).chain_pem())
    files[1].write_bytes(issued.key_pem())
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_max_proto_version(version)
    context.use_certificate_chain_file(str(files[0]))
    context.use_privatekey_file(str(files[1]))
    server = SSL.Connection(context, None)
    server.set_accept_state()
    return server


def meet(client: TlsLayer, server: SSL.Connection) -> Chain | Failure | None:
    data = b""
    while True:
        result = client.handshake(data)
        if output := client.output():
            server.bio_write(output)
        with contextlib.suppress(SSL.Error):  # the client's alert is one
            server.do_handshake()
        with contextlib.suppress(SSL.WantReadError):
            data = server.bio_read(1 << 16)
        if result is not None:
            return result


def record(kind: int, octets: bytes) -> bytes:
    return bytes((kind, 3, 3)) + len(octets).to_bytes(2, "big") + octets


NOTHING = b"\2\0\0\0"
FLOODS: dict[str, Callable[[int], bytes]] = {
    "records longer than any may be": lambda _: b"\x16\3\3\xff\xff" + bytes(65_535),
    "a message of 16 MiB": lambda n: record(HANDSHAKE, (b"" if n else b"\2\xff\xff\xff") + bytes(16_000)),
    "a message in records of one octet": lambda n: record(HANDSHAKE, b"\2\0\xff\xff"[n : n + 1] or b"\0"),
    "warnings": lambda _: record(ALERT, b"\1\x5a"),
    "empty records": lambda _: record(HANDSHAKE, b""),
    "messages that have no place": lambda _: record(HANDSHAKE, b"\0\0\0\0"),
    "changes of cipher": lambda _: record(20, b"\1"),
    "nothing that is TLS": lambda _: bytes(10_000),
}


@pytest.mark.parametrize("name", FLOODS)
@pytest.mark.parametrize("kind", ["wide", "judged", "demanded"])
def test_a_handshake_that_never_ends(name: str, kind: str) -> None:
    client = TlsLayer(getattr(TlsContexts.make(), kind), MX)
    result = client.handshake(b"")
    started, octets = time.process_time(), 0
    number = 0
    while result is None:
        client.output()
        data = FLOODS[name](number)
        number, octets = number + 1, octets + len(data)
        result = client.handshake(data)
        assert octets < MAX_HANDSHAKE + (1 << 17)
    assert isinstance(result, Failure)
    assert result.cause in (Cause.TLS_LOCAL, Cause.TLS_ALERT)
    assert time.process_time() - started < PROCESSOR


def test_a_chain_of_more_than_100_kilobytes(authority: Authority, tmp_path: Path) -> None:
    """OpenSSL's own limit, on which `MAX_HANDSHAKE` builds."""
    others = [authority.signer("Lab Other").der for _ in range(300)]
    assert sum(map(len, others)) > 102_400
    server = openssl(tmp_path, authority, *others)
    assert meet(TlsLayer(TlsContexts.make().demanded, MX), server) == Failure(Cause.TLS_LOCAL, "excessive message size")


# The policy host.

Flood = Callable[[Sealer], bytes]


@contextlib.asynccontextmanager
async def policy_host(context: ssl.SSLContext, flood: Flood) -> AsyncIterator[int]:
    """Completes the handshake, and then floods."""
    clients: list[tuple[Any, asyncio.StreamWriter]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clients.append((asyncio.current_task(), writer))
        tls = TlsStream(context, reader, writer)
        with contextlib.suppress(OSError, EOFError, ssl.SSLError):
            await tls.handshake()
            sealer = Sealer.of(Path(str(context.keylog_filename)), tls.cipher, 0)
            while True:
                writer.write(flood(sealer))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task, writer in clients:
            writer.transport.abort()
            await task


@pytest.mark.parametrize(
    ("flood", "words"),
    [
        (lambda sealer: b"".join(sealer.key_update() for _ in range(64)), "too much data"),
        (lambda sealer: sealer.tickets(), "too much data"),
        (lambda sealer: b"".join(sealer.empty() for _ in range(64)), "record too small"),
    ],
    ids=["key updates", "tickets", "empty records"],
)
async def test_a_policy_host_that_only_talks_tls(authority: Authority, tmp_path: Path, flood: Any, words: str) -> None:
    context = authority.issue(["mta-sts.example"]).server_context()
    context.keylog_filename = str(tmp_path / "keys")
    context.num_tickets = 0
    resolver = FakeResolver({("mta-sts.example", RecordType.A): Found(("127.0.0.1",), Security.INSECURE, 60)})
    domain = parse_domain("example")
    assert isinstance(domain, str)
    async with policy_host(context, flood) as port:
        fetcher = PolicyFetcher(
            resolver,
            MappedDialer(ports={443: port}),
            AddressGuard.allowing([IPv4Network("127.0.0.0/8")]),
            policy_context(ca_data=authority.trust_pem.decode()),
            FetchLimits(total=LONG, connect=LONG),
        )
        started = time.monotonic()
        outcome = await fetcher.fetch(domain)
    assert outcome == FetchFailed(Failure(Cause.STS_TLS, words))
    assert time.monotonic() - started < LONG
    assert MAX_RECEIVED < 1 << 20
