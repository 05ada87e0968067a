"""Which resolvers to ask, and whose word counts: the trust rule and resolv.conf.

Separate because the rule is a security decision that must stand in one place (RFC 7672 section 2.1.1, RFC 4035
section 4.9.3): the AD bit travels unprotected, so it counts only where nobody is in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

MAX_SERVERS = 8
"""Servers taken from resolv.conf; a broken file must not make one lookup wait for a hundred timeouts."""
MAX_RESOLV_CONF = 65_536
"""Octets read of resolv.conf."""

LOOPBACK = frozenset({"127.0.0.1", "::1"})
"""Believed without being named. Not 127.0.0.11 or 127.0.0.53: those forward other people's bits."""


@dataclass(frozen=True, slots=True)
class Server:
    """A recursive resolver."""

    address: str
    """IP address as text, without brackets; a zone id is allowed."""
    port: int = 53

    def __str__(self) -> str:
        if self.port == 53:
            return self.address
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


FALLBACK = (Server("127.0.0.1"),)
"""What the C library asks when resolv.conf names nobody."""


def is_trusted(server: Server, named: Iterable[str] = ()) -> bool:
    """Whether the AD bit of this server may be believed: it is on loopback, or the operator named its address."""
    address = _canonical(server.address)
    return address is not None and (address in LOOPBACK or address in {_canonical(name) for name in named})


def parse_resolv_conf(text: str) -> tuple[Server, ...]:
    """The `nameserver` lines. `options trust-ad` is not heeded: programs write that file, not the operator."""
    servers: list[Server] = []
    for line in text.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        if len(words) >= 2 and words[0] == "nameserver" and _canonical(words[1]) is not None:
            servers.append(Server(words[1]))
    return tuple(dict.fromkeys(servers))[:MAX_SERVERS] or FALLBACK


def system_servers(path: Path = Path("/etc/resolv.conf")) -> tuple[Server, ...]:
    """The machine's resolvers; those of an empty file where it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return parse_resolv_conf(file.read(MAX_RESOLV_CONF))
    except OSError:
        return FALLBACK


def _canonical(address: str) -> str | None:
    try:
        return str(ip_address(address.partition("%")[0]))
    except ValueError:
        return None
