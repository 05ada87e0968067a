"""The lab's servers: DNS, policy hosts, MXs, a CA, each on loopback, all in this process.

An MX or policy host has an address of its own in 127.0.0.0/8 and a high port; the dialer maps the well-known port to
it, so that the lab runs as an ordinary user. Names such as `_25._tcp` stay what they are.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tlswitness.config import Config, parse_config
from tlswitness.engine import Engine, Surroundings
from tlswitness.hooks import HookFunction
from tlswitness.lab.authority import Authority, Signer
from tlswitness.lab.mx import MxServer, Suite, server_context
from tlswitness.lab.nameserver import NameServer
from tlswitness.lab.policyhost import PolicyHost
from tlswitness.lab.site import Mx, Place, Site
from tlswitness.lab.zone import Zone
from tlswitness.net import MappedDialer

SMTP = 25
HTTPS = 443
LOOPBACK = "127.0.0.0/8"
EHLO_NAME = "sender.lab.test"


class Internet:
    """Runs between `async with`. `clock` tells seconds since 1970; certificates are made for the time at the start."""

    def __init__(self, clock: Callable[[], float], *, mx_port: int = 0, https_port: int = 0, dns_port: int = 0) -> None:
        self.clock = clock
        self.zone = Zone()
        self.authority = Authority(clock())
        self.nameserver = NameServer(self.zone)
        self._addresses = _addresses()
        self.policy_host = PolicyHost(next(self._addresses), https_port)
        self._mx_port = mx_port
        self._dns_port = dns_port
        self._stack = AsyncExitStack()
        self._directory = Path()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tlswitness-lab-")))
            self.trust_file.write_bytes(self.authority.trust_pem)
            await self.nameserver.start(port=self._dns_port)
            stack.push_async_callback(self.nameserver.stop)
            await stack.enter_async_context(self.policy_host)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def trust_file(self) -> Path:
        """The lab's CA, as PEM."""
        return self._directory / "ca.pem"

    def trust(self, root: Signer) -> None:
        """Engines that are made from now on trust this root too."""
        with self.trust_file.open("ab") as file:
            file.write(ssl.DER_cert_to_PEM_cert(root.der).encode("ascii"))

    def place(self) -> Place:
        """Fresh addresses for one site."""
        mx, second, nowhere = (next(self._addresses) for _ in range(3))
        return Place(mx, second, self.policy_host.address, nowhere)

    def publish(self, site: Site) -> None:
        """Put a site into DNS and onto the policy host."""
        site.publish(self.zone)
        self.policy_host.publish(site.policy_host, site.host_certificate, site.host)

    async def serve(self, mx: Mx) -> MxServer:
        """Start one MX; the caller stops it. Raises OSError where its address cannot be had (no IPv6)."""
        context = server_context(mx.behaviour.suite)
        if mx.behaviour.suite is not Suite.ANONYMOUS:
            mx.certificate.load_into(context)
        server = MxServer(mx.name, mx.address, context, mx.behaviour, self._mx_port)
        await server.start()
        return server

    def dialer(self, servers: list[MxServer]) -> MappedDialer:
        """The way to these MXs and to the policy host."""
        endpoints = {(server.address, SMTP): server.port for server in servers}
        return MappedDialer(ports={HTTPS: self.policy_host.port}, endpoints=endpoints)

    def config(self, name: str, rules: Mapping[str, object], timeouts: Mapping[str, float]) -> Config:
        """An engine's configuration in this Internet, with a state directory of its own."""
        server = self.nameserver.server
        options: dict[str, object] = {
            "state_dir": str(self._directory / "state" / name),
            "ehlo_name": EHLO_NAME,
            "tls_ca": str(self.trust_file),
            "resolvers": [f"{server.address}:{server.port}"],
            "policy_fetch_allow": [LOOPBACK],
            **rules,
        }
        # A JSON value of these types is the same in TOML.
        lines = [f"{key} = {json.dumps(value)}" for key, value in options.items()]
        lines += ["[timeouts]", *(f"{key} = {value}" for key, value in timeouts.items())]
        return parse_config("\n".join(lines))

    def engine(self, config: Config, servers: list[MxServer], clock: Callable[[], float], hook: HookFunction) -> Engine:
        """An engine that lives in this Internet."""
        around = Surroundings(dialer=self.dialer(servers), clock=clock, rng=random.Random(1))
        return Engine(config, hooks=[hook], surroundings=around)


def _addresses() -> Iterator[str]:
    """Loopback addresses of this process: two labs at the same time do not meet."""
    network = 16 + os.getpid() % 200
    for number in itertools.count(1):
        yield f"127.{network}.{number // 250}.{number % 250 + 1}"
