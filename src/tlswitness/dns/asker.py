"""A question asked until it is answered: over servers, over retries, along aliases that a server left unfinished.

Separate from the resolver, which decides whom to ask and what to keep. RFC 7672 section 2.1.2, RFC 1034 section 5.3.3.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence

import dns.message
import dns.name

from tlswitness.dns.answer import Answer, LookupFailed, RecordType, Security
from tlswitness.dns.interpret import Trail, Unfinished, failure_of, interpret
from tlswitness.dns.servers import Server
from tlswitness.dns.transport import exchange
from tlswitness.dns.wire import build_query, read_reply, wire_name

MAX_HOPS = 8
"""Queries for one lookup because servers leave aliases unfinished."""
MAX_SOCKETS = 256
"""Queries under way at once: each has a socket, and file descriptors are few."""

_AGAIN = frozenset({"timeout", "network"})


class Asker:
    """Asks servers; holds nothing but its settings and the limit of sockets."""

    def __init__(
        self,
        *,
        timeout: float,
        tcp_timeout: float,
        rounds: int,
        deadline: float,
        ident: Callable[[], int] = lambda: secrets.randbelow(65_536),
    ) -> None:
        self._timeout = timeout
        self._tcp_timeout = tcp_timeout
        self._rounds = rounds
        self._deadline = deadline
        self._ident = ident
        self._sockets = asyncio.Semaphore(MAX_SOCKETS)

    async def ask(
        self, name: str, rtype: RecordType, servers: Sequence[Server], believes: Callable[[Server], bool]
    ) -> Answer:
        """The answer for `name`, within the deadline; the AD bit counts of those servers that `believes` names."""
        asked = wire_name(name)
        if asked is None:
            return LookupFailed(Security.FAILED, "bad-name", f"{name[:300]!r} cannot stand in a DNS query")
        try:
            async with asyncio.timeout(self._deadline):
                answer = await self._follow(asked, rtype, servers, believes)
        except TimeoutError:
            answer = LookupFailed(Security.FAILED, "timeout", f"no answer within {self._deadline:g} s")
        if isinstance(answer, LookupFailed):
            return LookupFailed(answer.security, answer.code, f"{name} {rtype}: {answer.detail}".removesuffix(": "))
        return answer

    async def message(self, name: str, rtype: RecordType, server: Server) -> dns.message.Message | LookupFailed:
        """The response of this one server as it came, for the self-test; retried on timeouts."""
        asked = wire_name(name)
        if asked is None:
            return LookupFailed(Security.FAILED, "bad-name", repr(name))
        failed: LookupFailed = LookupFailed(Security.FAILED, "timeout")
        for turn in range(self._rounds):
            reply = await self._once(asked, rtype, server, turn)
            if not isinstance(reply, LookupFailed):
                return reply
            failed = reply
        return failed

    async def _follow(
        self, name: dns.name.Name, rtype: RecordType, servers: Sequence[Server], believes: Callable[[Server], bool]
    ) -> Answer:
        trail = Trail()
        for _ in range(MAX_HOPS):
            step = await self._any(name, rtype, trail, servers, believes)
            if not isinstance(step, Unfinished):
                return step
            name, trail = step.target, step.trail
        return LookupFailed(Security.FAILED, "cname-loop", f"the alias chain has no end after {MAX_HOPS} queries")

    async def _any(
        self,
        name: dns.name.Name,
        rtype: RecordType,
        trail: Trail,
        servers: Sequence[Server],
        believes: Callable[[Server], bool],
    ) -> Answer | Unfinished:
        failure = LookupFailed(Security.FAILED, "network", "there is no server to ask")
        first = True
        left = list(servers)
        for turn in range(self._rounds):
            for server in tuple(left):
                reply = await self._once(name, rtype, server, turn)
                if not isinstance(reply, LookupFailed):
                    step = interpret(reply, name, rtype, trail, believed=believes(server))
                    if not isinstance(step, LookupFailed):
                        return step
                    reply = LookupFailed(step.security, step.code, f"{server}: {step.detail}".removesuffix(": "))
                if reply.code not in _AGAIN:
                    left.remove(server)
                # What a server said tells more than another's silence, and "bogus" more than any other failure.
                if (
                    first
                    or (reply.bogus and not failure.bogus)
                    or (failure.code in _AGAIN and reply.code not in _AGAIN)
                ):
                    failure, first = reply, False
        return failure

    async def _once(
        self, name: dns.name.Name, rtype: RecordType, server: Server, turn: int
    ) -> dns.message.Message | LookupFailed:
        query = build_query(name, rtype, self._ident())
        patience = 2**turn
        async with self._sockets:
            data = await exchange(
                server, query, timeout=self._timeout * patience, tcp_timeout=self._tcp_timeout * patience
            )
        if isinstance(data, LookupFailed):
            return data
        message = read_reply(data)
        if message is None:
            return LookupFailed(Security.FAILED, "malformed", f"{server} sent a malformed response")
        if not message.question:
            return failure_of(message)
        return message
