"""The lab kept up, so that an operator can point an MTA of his own at it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tlswitness.lab.faults.dns import ALIASED
from tlswitness.lab.internet import SMTP, Internet, Ports
from tlswitness.lab.mx import MxServer
from tlswitness.lab.site import Site, site
from tlswitness.lab.table import Cell

HIGH = Ports(dns=10053, smtp=10025, https=10443)
"""Ports that anybody may have; the same at every address."""
NETWORK = 15
"""The lab's addresses are of 127.15.0.0/16, each time the same."""


@dataclass(frozen=True, slots=True)
class Host:
    """A domain of a cell, and the servers of its MXs."""

    cell: Cell
    servers: tuple[MxServer, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """What is up, and where."""

    internet: Internet
    hosts: tuple[Host, ...]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        resolver, policy_host = self.internet.nameserver.server, self.internet.policy_host
        return {
            "resolver": {"address": resolver.address, "port": resolver.port},
            "policy-host": {"address": policy_host.address, "port": policy_host.port},
            "ca": str(self.internet.trust_file),
            "domains": [
                {
                    "scenario": host.cell.id,
                    "domain": host.cell.domain,
                    "event": host.cell.event,
                    "policy": host.cell.policy,
                    "mx": [{"name": mx.name, "address": mx.address, "port": mx.port} for mx in host.servers],
                }
                for host in self.hosts
            ],
        }


def servable(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Those in which the fault is in what the domain publishes, for who asks as for who asks first.

    An MX with an IPv6 address only is not among them: there is but one such address on loopback.
    """
    return tuple(cell for cell in cells if cell.not_shown is None and cell.setup.standing and cell.setup.dns != "ipv6")


@asynccontextmanager
async def serve(cells: Sequence[Cell], ports: Ports = HIGH) -> AsyncIterator[Served]:
    """The sites of those of `cells` that are servable. Raises OSError where a port cannot be had."""
    async with AsyncExitStack() as stack:
        internet = await stack.enter_async_context(Internet(time.time, ports, network=NETWORK))
        hosts: list[Host] = []
        for cell in servable(cells):
            this = site(cell, internet.authority, internet.place())
            servers = [await internet.serve(mx) for mx in this.mxs]
            for server in servers:
                stack.push_async_callback(server.stop)
            internet.publish(this)
            _also_on(ports.smtp, internet, this)
            hosts.append(Host(cell, tuple(servers)))
        yield Served(internet, tuple(hosts))


def _also_on(port: int, internet: Internet, this: Site) -> None:
    """Let who connects to this port find the TLSA records (RFC 6698 section 3); an alias shares their faults."""
    if port in (0, SMTP):
        return
    for host in (*(mx.name for mx in this.mxs), f"{ALIASED}.{this.domain}"):
        if internet.zone.has(f"_{SMTP}._tcp.{host}"):
            internet.zone.alias(f"_{port}._tcp.{host}", f"_{SMTP}._tcp.{host}")
