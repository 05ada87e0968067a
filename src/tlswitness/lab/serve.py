"""The lab kept up, so that an operator can point an MTA of his own at it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tlswitness.lab.internet import Internet
from tlswitness.lab.mx import MxServer
from tlswitness.lab.site import site
from tlswitness.lab.table import Cell

MX_PORT = 10025
HTTPS_PORT = 10443
DNS_PORT = 10053
"""The same at every address, so that one redirect for each serves all (`nft ... tcp dport 25 redirect to :10025`)."""


@dataclass(frozen=True, slots=True)
class Served:
    """What is up, and where."""

    internet: Internet
    hosts: tuple[tuple[Cell, tuple[MxServer, ...]], ...]

    def words(self) -> str:
        """For the operator."""
        lines = [
            f"resolver (validating): {self.internet.nameserver.server}",
            f"policy hosts:          {self.internet.policy_host.address}:{self.internet.policy_host.port}",
            f"CA:                    {self.internet.trust_file}",
            f"MXs listen on port {MX_PORT}: redirect port 25 of 127.0.0.0/8 there, and 443 to {HTTPS_PORT}",
            "",
        ]
        for cell, servers in self.hosts:
            where = ", ".join(f"{server.name}[{server.address}]" for server in servers)
            lines.append(f"{cell.domain:32} {where}\n    {cell.event}; {cell.policy}")
        return "\n".join([*lines, "", "interrupt (Ctrl-C) to end"])

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        server = self.internet.nameserver.server
        return {
            "resolver": {"address": server.address, "port": server.port},
            "policy-host": {"address": self.internet.policy_host.address, "port": self.internet.policy_host.port},
            "ca": str(self.internet.trust_file),
            "domains": [
                {
                    "scenario": cell.id,
                    "domain": cell.domain,
                    "event": cell.event,
                    "policy": cell.policy,
                    "mx": [{"name": mx.name, "address": mx.address, "port": mx.port} for mx in servers],
                }
                for cell, servers in self.hosts
            ],
        }


@asynccontextmanager
async def serve(cells: Sequence[Cell]) -> AsyncIterator[Served]:
    """All sites of `cells`, each with its fault. What needs an earlier delivery has its fault from the start.

    Raises OSError where a port is taken.
    """
    async with AsyncExitStack() as stack:
        internet = Internet(time.time, mx_port=MX_PORT, https_port=HTTPS_PORT, dns_port=DNS_PORT)
        await stack.enter_async_context(internet)
        hosts: list[tuple[Cell, tuple[MxServer, ...]]] = []
        for cell in (cell for cell in cells if cell.not_shown is None and cell.setup.dns != "ipv6"):
            this = site(cell, internet.authority, internet.place())
            internet.publish(this)
            servers = [await internet.serve(mx) for mx in this.mxs]
            for server in servers:
                stack.push_async_callback(server.stop)
            hosts.append((cell, tuple(servers)))
        yield Served(internet, tuple(hosts))
