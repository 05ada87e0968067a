"""The lab's nameserver: UDP and TCP on a loopback address, answering from a `Zone` as a validating resolver would.

Separate because tests of every room and the lab itself put real packets through it. In-process; what it was asked is
counted, so that a test can assert what was *not* asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from types import TracebackType
from typing import cast

from tlswitness.dns.answer import RecordType
from tlswitness.dns.servers import Server
from tlswitness.lab.dnsreply import Conduct, parse_query, question_of, reply_to
from tlswitness.lab.zone import Zone

MAX_BIND_TRIES = 20
"""Ports tried until one is free for UDP and TCP alike."""
TCP_IDLE = 5.0
"""Seconds that a TCP client may keep quiet."""


class NameServer:
    """Serves `zone` between `start` and `stop`; also an async context manager."""

    def __init__(self, zone: Zone | None = None, conduct: Conduct = Conduct.VALIDATING) -> None:
        self.zone = zone if zone is not None else Zone()
        self.conduct = conduct
        """How it behaves as a resolver; may be changed at any time."""
        self.queries: Counter[tuple[str, RecordType | str]] = Counter()
        """How often each name (lower case, no trailing dot) and type was asked for, by UDP and TCP together."""
        self.tcp_queries: Counter[tuple[str, RecordType | str]] = Counter()
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._clients: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._server: Server | None = None

    @property
    def server(self) -> Server:
        """Where it listens. Raises RuntimeError before `start`."""
        if self._server is None:
            raise RuntimeError("the nameserver has not been started")
        return self._server

    def count(self, name: str, rtype: RecordType) -> int:
        """How often this was asked for."""
        return self.queries[name.lower().removesuffix("."), rtype]

    def count_type(self, rtype: RecordType) -> int:
        """How often this type was asked for, of any name."""
        return sum(number for (_, asked), number in self.queries.items() if asked is rtype)

    def forget_queries(self) -> None:
        """Start counting anew."""
        self.queries.clear()
        self.tcp_queries.clear()

    async def start(self, address: str = "127.0.0.1", port: int = 0) -> Server:
        """Listen on `address`; port 0 takes a free one. Raises OSError where that is not possible."""
        for attempt in range(MAX_BIND_TRIES):
            try:
                await self._bind(address, port)
                break
            except OSError:
                # A free UDP port may be taken for TCP.
                if port or attempt == MAX_BIND_TRIES - 1:
                    raise
        return self.server

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        if self._tcp is not None:
            self._tcp.close()
            # Closed, not cancelled: Python 3.11 logs an error for a handler that is cancelled.
            handlers = [handler for handler in self._clients.values() if handler is not None]
            for writer in tuple(self._clients):
                writer.close()
            await asyncio.gather(*handlers, return_exceptions=True)
            await self._tcp.wait_closed()
            self._tcp = None

    async def __aenter__(self) -> NameServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def answer(self, wire: bytes, *, tcp: bool = False) -> bytes | None:
        """The response to a query; None is silence, b"" a closed connection."""
        query = parse_query(wire)
        if query is None:
            return None
        question = question_of(query)
        self.queries[question] += 1
        if tcp:
            self.tcp_queries[question] += 1
        return reply_to(query, self.zone, self.conduct, tcp=tcp)

    async def _bind(self, address: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=(address, port))
        try:
            bound: int = udp.get_extra_info("sockname")[1]
            self._tcp = await asyncio.start_server(self._serve, address, bound)
        except BaseException:
            udp.close()
            raise
        self._udp = udp
        self._server = Server(address, bound)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients[writer] = asyncio.current_task()
        try:
            async with asyncio.timeout(TCP_IDLE):
                while length := await reader.readexactly(2):
                    reply = self.answer(await reader.readexactly(int.from_bytes(length, "big")), tcp=True)
                    if reply == b"":
                        break
                    if reply is not None:
                        writer.write(len(reply).to_bytes(2, "big") + reply)
                        await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            del self._clients[writer]
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, owner: NameServer) -> None:
        self._owner = owner
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Before Python 3.12.1 the loop's transport does not derive from the class of its interface.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._owner.answer(data)
        if reply is not None and self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(reply, addr)
