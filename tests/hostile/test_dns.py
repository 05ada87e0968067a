"""What others put on the wire and what a resolver may relay: forged, dripped, stuffed, as large as DNS allows."""

import asyncio
import contextlib
import socket
import struct
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import dns.name
import pytest

from tlswitness.dns.answer import Answer, Found, LookupFailed, RecordType, Security
from tlswitness.dns.asker import Asker
from tlswitness.dns.interpret import Trail, Unfinished, interpret
from tlswitness.dns.servers import Server
from tlswitness.dns.transport import MAX_STRAYS
from tlswitness.dns.wire import MAX_RECORDS, read_reply

NAME = "www.example"
QUESTION = dns.name.from_text(NAME).to_wire() + b"\0\1\0\1"  # type: ignore[operator]
TRUE, EVIL = bytes((192, 0, 2, 1)), bytes((203, 0, 113, 66))
TIMEOUT = 0.5
DEADLINE = 3.0
SLACK = 10.0
LARGEST = 65_535
PROCESSOR = 3.0
MEMORY = 32 << 20


def answer(query: bytes, address: bytes, *, ident: int = 0, flags: int = 0x8180) -> bytes:
    """An A record for what was asked; `ident` is laid over the right one."""
    right = int.from_bytes(query[:2], "big")
    header = struct.pack("!6H", right ^ ident, flags, 1, 1, 0, 0)
    return header + QUESTION + b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + address


Script = Callable[[bytes, tuple[str, int], socket.socket], None]
Tcp = Callable[[asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def server(script: Script, tcp: Tcp | None = None) -> AsyncIterator[Server]:
    """Runs `script` for each datagram; without `tcp` connections are refused, else each is given to it."""

    class Datagrams(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            script(data, addr, sock)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert tcp is not None
        clients.append((asyncio.current_task(), writer))
        with contextlib.suppress(OSError):
            await reader.read(64)
            await tcp(writer)
        writer.close()

    clients: list[tuple[Any, asyncio.StreamWriter]] = []

    listener, sock = None, _udp()
    while tcp and listener is None:
        try:
            listener = await asyncio.start_server(serve, *sock.getsockname())
        except OSError:  # a free port of UDP may be taken for TCP
            sock.close()
            sock = _udp()
    port = sock.getsockname()[1]
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, sock=sock)
    try:
        yield Server("127.0.0.1", port)
    finally:
        transport.close()
        if listener is not None:
            listener.close()
            for task, writer in clients:
                writer.transport.abort()
                await task
        await asyncio.sleep(0)  # until then the sockets are open


def _udp() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


async def ask(server: Server) -> tuple[Answer, float]:
    asker = Asker(timeout=TIMEOUT, tcp_timeout=TIMEOUT, rounds=2, deadline=DEADLINE)
    started = time.monotonic()
    found = await asker.ask(NAME, RecordType.A, [server], lambda _: False)
    return found, time.monotonic() - started


def from_elsewhere(query: bytes, addr: tuple[str, int], sock: socket.socket) -> None:
    """A forger who knows it all comes first, from another port; the truth follows."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        for _ in range(100):
            other.sendto(answer(query, EVIL), addr)
    sock.sendto(answer(query, TRUE), addr)


def wrong_ids(query: bytes, addr: tuple[str, int], sock: socket.socket) -> None:
    """A forger who must guess, and has not enough guesses; the truth follows."""
    for guess in range(1, MAX_STRAYS):
        sock.sendto(answer(query, EVIL, ident=guess), addr)
    sock.sendto(answer(query, TRUE), addr)


@pytest.mark.rfc(5452, "9")
@pytest.mark.parametrize("script", [from_elsewhere, wrong_ids])
async def test_forgers_are_not_heard(script: Script) -> None:
    async with server(script) as asked:
        found, _ = await ask(asked)
    assert isinstance(found, Found)
    assert found.records == ("192.0.2.1",)


async def test_many_guesses_are_not_waited_for() -> None:
    """Behind too many of them TCP is next, where there is nothing to guess; it is refused here."""

    def guess(query: bytes, addr: tuple[str, int], sock: socket.socket) -> None:
        for ident in range(1, MAX_STRAYS + 2):
            sock.sendto(answer(query, EVIL, ident=ident), addr)

    async with server(guess) as asked:
        found, seconds = await ask(asked)
    assert isinstance(found, LookupFailed)
    assert found.code == "network"
    assert seconds < DEADLINE + SLACK


def truncated(query: bytes, addr: tuple[str, int], sock: socket.socket) -> None:
    sock.sendto(answer(query, EVIL, flags=0x8380), addr)


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"\xff\xff")
    while True:
        writer.write(b"\0")
        await writer.drain()
        await asyncio.sleep(TIMEOUT / 10)


@pytest.mark.rfc(7766, "5")
@pytest.mark.parametrize(("tcp", "code"), [(None, "network"), (drip, "timeout")], ids=["refused", "dripping"])
async def test_truncated_and_nothing_to_be_had_over_tcp(
    tcp: Callable[[asyncio.StreamWriter], object], code: str
) -> None:
    async with server(truncated, tcp) as asked:
        found, seconds = await ask(asked)
    assert isinstance(found, LookupFailed)
    assert (found.code, found.security) == (code, Security.FAILED)
    assert seconds < DEADLINE + SLACK


# As large as DNS allows. What stands in them is made so that reading it is as dear as can be.

LONG_NAME = b"\1a" * 126 + b"\0"
AT_LONG_NAME = b"\xc0" + bytes((12 + len(QUESTION),))
ROOT = b"\0"


def message(*records: bytes, sections: tuple[int, int, int] | None = None) -> bytes:
    counts = sections or (len(records), 0, 0)
    return struct.pack("!6H", 1, 0x8180, 1, *counts) + QUESTION + b"".join(records)


def record(owner: bytes, rtype: int, data: bytes) -> bytes:
    return owner + struct.pack("!HHIH", rtype, 1, 60, len(data)) + data


A, MX, SOA, TXT, OPT, RRSIG, DNSKEY = 1, 15, 6, 16, 41, 46, 48
_SIGNATURE = struct.pack("!HBBIIIH", A, 8, 2, 60, 2_000_000_000, 1_700_000_000, 1)
DEAR = {
    "names through pointers": message(
        record(LONG_NAME, A, TRUE), *[record(AT_LONG_NAME, MX, b"\0\1" + AT_LONG_NAME)] * (MAX_RECORDS - 1)
    ),
    "signatures": message(*[record(ROOT, RRSIG, _SIGNATURE + ROOT + bytes(20))] * MAX_RECORDS),
    "keys": message(*[record(ROOT, DNSKEY, b"\1\1\3\x08" + bytes(40))] * MAX_RECORDS),
    "one record of many strings": message(record(ROOT, TXT, b"\1x" * 32_000)),
    "options": message(record(ROOT, OPT, b"\0\x0f\0\2\0\6" * 10_000), sections=(0, 0, 1)),
    "too many records": message(*[record(ROOT, A, TRUE)] * 4_000),
    "too many beside the answer": message(
        record(b"\xc0\x0c", A, TRUE), *[record(ROOT, A, TRUE)] * 4_000, sections=(1, 0, 4_000)
    ),
    "aliases of one another": message(
        *[record(bytes((3, *f"{n:03}".encode(), 0)), 5, bytes((3, *f"{n + 1:03}".encode(), 0))) for n in range(999)]
    ),
    "a pointer to itself": message(record(b"\xc0" + bytes((12 + len(QUESTION),)), A, TRUE)),
    "counts of what is not there": struct.pack("!6H", 1, 0x8180, 1, 340, 340, 340) + QUESTION,
}


@pytest.mark.parametrize("name", DEAR)
@pytest.mark.parametrize("rtype", [RecordType.A, RecordType.MX, RecordType.TXT, RecordType.TLSA])
def test_the_dearest_messages_are_read_in_time(name: str, rtype: RecordType) -> None:
    assert len(DEAR[name]) <= LARGEST
    tracemalloc.start()
    started = time.process_time()
    try:
        read = read_reply(DEAR[name])
        found = read and interpret(read, dns.name.from_text(NAME), rtype, Trail(), believed=True)
        assert time.process_time() - started < PROCESSOR
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
    assert not isinstance(found, Found)
    assert isinstance(found, LookupFailed | Unfinished | None) or not found.secure
