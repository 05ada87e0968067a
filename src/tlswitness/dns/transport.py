"""One question to one server: over UDP, over TCP when the answer does not fit.

Separate because sockets and time are here and nowhere else in this package. A fresh socket per query gives each its own
source port, and a connected one takes datagrams from the server alone (RFC 5452 section 9.2). RFC 7766 (TCP).
"""

from __future__ import annotations

import asyncio
import contextlib

from tlswitness.dns.answer import LookupFailed, Security
from tlswitness.dns.servers import Server
from tlswitness.dns.wire import Query, is_reply, is_truncated

MAX_STRAYS = 16
"""Datagrams that are no reply to the query; more of them look like guessing, so TCP is next (RFC 5452 section 9)."""


async def exchange(server: Server, query: Query, *, timeout: float, tcp_timeout: float) -> bytes | LookupFailed:
    """The octets of the reply, whole; or `timeout`, `network` or `malformed`. Times are in seconds."""
    reply = await _over_udp(server, query, timeout)
    if reply is None:
        return await _over_tcp(server, query, tcp_timeout)
    return reply


class _Listener(asyncio.DatagramProtocol):
    """Waits for the datagram that answers the query."""

    def __init__(self, query: Query, reply: asyncio.Future[bytes | OSError | None]) -> None:
        self._query = query
        self._reply = reply
        self._strays = 0

    def datagram_received(self, data: bytes, _addr: object) -> None:
        if is_reply(data, self._query):
            self._settle(None if is_truncated(data) else data)
            return
        self._strays += 1
        if self._strays > MAX_STRAYS:
            self._settle(None)

    def error_received(self, exc: Exception) -> None:
        self._settle(exc if isinstance(exc, OSError) else OSError(str(exc)))

    def _settle(self, result: bytes | OSError | None) -> None:
        if not self._reply.done():
            self._reply.set_result(result)


async def _over_udp(server: Server, query: Query, timeout: float) -> bytes | LookupFailed | None:
    """None: ask over TCP."""
    loop = asyncio.get_running_loop()
    reply: asyncio.Future[bytes | OSError | None] = loop.create_future()
    try:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Listener(query, reply), remote_addr=(server.address, server.port)
        )
    except OSError as error:
        return _network(server, error)
    try:
        transport.sendto(query.wire)
        async with asyncio.timeout(timeout):
            result = await reply
    except TimeoutError:
        return _timeout(server, "UDP", timeout)
    except OSError as error:
        return _network(server, error)
    finally:
        transport.close()
    return _network(server, result) if isinstance(result, OSError) else result


async def _over_tcp(server: Server, query: Query, timeout: float) -> bytes | LookupFailed:
    try:
        async with asyncio.timeout(timeout):
            data = await _converse(server, query)
    except TimeoutError:
        return _timeout(server, "TCP", timeout)
    except (OSError, EOFError) as error:
        return _network(server, error)
    if not is_reply(data, query):
        return LookupFailed(Security.FAILED, "malformed", f"{server} answered something else over TCP")
    if is_truncated(data):
        # What is missing could be all of it: taken as it stands, it would pass for a denial.
        return LookupFailed(Security.FAILED, "malformed", f"{server} truncates its answer over TCP, too")
    return data


async def _converse(server: Server, query: Query) -> bytes:
    reader, writer = await asyncio.open_connection(server.address, server.port)
    try:
        writer.write(len(query.wire).to_bytes(2, "big") + query.wire)
        await writer.drain()
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _timeout(server: Server, how: str, seconds: float) -> LookupFailed:
    return LookupFailed(Security.FAILED, "timeout", f"{server} did not answer over {how} within {seconds:g} s")


def _network(server: Server, error: Exception) -> LookupFailed:
    return LookupFailed(Security.FAILED, "network", f"{server}: {error}")
