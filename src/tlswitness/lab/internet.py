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
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from tlswitness.config import Config, parse_config
from tlswitness.engine import Surroundings
from tlswitness.lab.authority import Authority, Signer
from tlswitness.lab.mx import MxServer, server_context
from tlswitness.lab.mxsession import Suite
from tlswitness.lab.nameserver import NameServer
from tlswitness.lab.policyhost import PolicyHost
from tlswitness.lab.site import Mx, Place, Site
from tlswitness.lab.zone import Zone
from tlswitness.net import MappedDialer

SMTP = 25
HTTPS = 443
LOOPBACK = "127.0.0.0/8"
RESOLVER = "127.0.0.1"
EHLO_NAME = "sender.lab.test"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen; 0 is any free port."""

    dns: int = 0
    smtp: int = 0
    https: int = 0


class Internet:
    """Runs between `async with`. `clock` tells seconds since 1970; certificates are made for the time at the start.

    Addresses are taken from 127.`network`.0.0/16, by default one of this process: two labs do not meet.
    Raises OSError, which says where, when it cannot listen.
    """

    def __init__(self, clock: Callable[[], float], ports: Ports | None = None, *, network: int | None = None) -> None:
        self.ports = ports or Ports()
        self.zone = Zone()
        self.authority = Authority(clock())
        self.nameserver = NameServer(self.zone)
        self._addresses = _addresses(16 + os.getpid() % 200 if network is None else network)
        self.policy_host = PolicyHost(next(self._addresses), self.ports.https)
        self.directory = Path()
        """What is kept on disk, until the end."""
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tlswitness-lab-")))
            self.trust_file.write_bytes(self.authority.trust_pem)
            with _listening("DNS", RESOLVER, self.ports.dns):
                await self.nameserver.start(RESOLVER, self.ports.dns)
            stack.push_async_callback(self.nameserver.stop)
            with _listening("policy hosts", self.policy_host.address, self.ports.https):
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
        return self.directory / "ca.pem"

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

    def withdraw(self, site: Site) -> None:
        """Take a site out of DNS: the fewer names, the faster the answers."""
        site.withdraw(self.zone)

    async def serve(self, mx: Mx) -> MxServer:
        """Start one MX; the caller stops it."""
        context = server_context(mx.behaviour.suite)
        if mx.behaviour.suite is not Suite.ANONYMOUS:
            mx.certificate.load_into(context)
        server = MxServer(mx.name, mx.address, context, mx.behaviour, self.ports.smtp)
        with _listening("an MX", mx.address, self.ports.smtp):
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
            "state_dir": str(self.directory / "state" / name),
            "ehlo_name": EHLO_NAME,
            "tls_ca": str(self.trust_file),
            "resolvers": [f"{server.address}:{server.port}"],
            "policy_fetch_allow": [LOOPBACK],
            **rules,
        }
        # A JSON value of these types is the same in TOML.
        lines = [f"{key} = {json.dumps(value)}" for key, value in options.items()]
        lines += ["[timeouts]", *(f"{key} = {value}" for key, value in timeouts.items())]
        lines += ["[smtp]", "idle_seconds = 0"]  # a second message has a session, and a data point, of its own
        return parse_config("\n".join(lines))

    def surroundings(self, servers: list[MxServer], clock: Callable[[], float]) -> Surroundings:
        """What an engine finds around it here."""
        return Surroundings(dialer=self.dialer(servers), clock=clock, rng=random.Random(1))


def without_journal(config: Config) -> Config:
    """For engines whose points are looked at in this process: hundreds of journals of one point each take their time,
    and are read by nobody.
    """
    return replace(config, journal=replace(config.journal, enabled=False))


def _addresses(network: int) -> Iterator[str]:
    for number in itertools.count(1):
        yield f"127.{network}.{number // 250}.{number % 250 + 1}"


@contextmanager
def _listening(what: str, address: str, port: int) -> Iterator[None]:
    """An OSError from within says what could not listen, and where."""
    try:
        yield
    except OSError as error:
        where = f"{what} on {address}" + (f" port {port}" if port else "")
        why = os.strerror(error.errno) if error.errno else str(error)
        raise OSError(error.errno, f"cannot listen for {where}: {why}") from error
