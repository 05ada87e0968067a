"""Kinds of values that name a place in the network: addresses, networks, hosts, routes.

RFC 5321 section 4.1.3 (address literals); RFC 5890 (A-labels).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from tlswitness.config.kind import Kind, Refused
from tlswitness.names import BadName, HostName, parse_host

MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address and a port."""

    address: str
    """Canonical text (RFC 5952)."""
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class RouteHost:
    """A host that mail is sent to in place of the domain's MXs."""

    host: str
    """A host name in A-labels, or an address."""
    port: int | None = None
    """None: the option `port` decides."""
    lookup_mx: bool = False
    """The MXs of `host` are meant, if it has any."""

    @property
    def is_address(self) -> bool:
        """Whether `host` is an address; no policy can apply to one (RFC 8461 section 3.4)."""
        return _address(self.host) is not None

    def __str__(self) -> str:
        host = self.host if self.lookup_mx else f"[{self.host}]"
        return host if self.port is None else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ReportIp:
    """The addresses to report in place of the local ones; None leaves that family alone."""

    ipv4: str | None = None
    ipv6: str | None = None


@dataclass(frozen=True, slots=True)
class Address(Kind[str]):
    """An IP address of the family 4 or 6, or of any (0)."""

    family: int = 0

    @property
    def allowed(self) -> str:
        return f"an IPv{self.family} address" if self.family else "an IP address"

    def read(self, value: object) -> str | list[Refused]:
        text = _address(value)
        if text is None or (self.family and ip_address(text).version != self.family):
            return [Refused(value)]
        return text


@dataclass(frozen=True, slots=True)
class AddressAndPort(Kind[Endpoint]):
    """An IP address with an optional port."""

    port: int
    """Where none is given."""

    @property
    def allowed(self) -> str:
        return f'an IP address, with a port other than {self.port} as "192.0.2.1:5353" or "[2001:db8::1]:5353"'

    def read(self, value: object) -> Endpoint | list[Refused]:
        bare = _address(value)
        if bare is not None:
            return Endpoint(bare, self.port)
        if not isinstance(value, str):
            return [Refused(value)]
        host, _, port_text = value.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        address = _address(host[1:-1] if bracketed else host)
        port = _port(port_text)
        if address is None or port is None or (":" in address and not bracketed):
            return [Refused(value)]
        return Endpoint(address, port)

    def show(self, value: Endpoint) -> object:
        return value.address if value.port == self.port else str(value)


class Network(Kind[IPv4Network | IPv6Network]):
    """A range of addresses."""

    @property
    def allowed(self) -> str:
        return 'a network such as "10.0.0.0/8" or "fd00::/8"'

    def read(self, value: object) -> IPv4Network | IPv6Network | list[Refused]:
        if not isinstance(value, str):
            return [Refused(value)]
        try:
            return ip_network(value)
        except ValueError as error:
            return [Refused(value, "it has host bits set" if "host bits" in str(error) else "")]

    def show(self, value: IPv4Network | IPv6Network) -> object:
        return str(value)


class Host(Kind[str]):
    """A host name, as A-labels in lower case."""

    @property
    def allowed(self) -> str:
        return "a host name"

    def read(self, value: object) -> str | list[Refused]:
        if not isinstance(value, str):
            return [Refused(value)]
        match parse_host(value):
            case HostName(key=key):
                return key
            case BadName(reason=reason):
                return [Refused(value, reason)]


class EhloName(Kind[str]):
    """What EHLO may say (RFC 5321 section 4.1.1.1)."""

    @property
    def allowed(self) -> str:
        return 'a host name with its domain, or an address literal: "[192.0.2.1]" or "[IPv6:2001:db8::1]"'

    def read(self, value: object) -> str | list[Refused]:
        if not isinstance(value, str):
            return [Refused(value)]
        literal = _literal(value)
        if literal is not None:
            return address_literal(literal)
        match parse_host(value):
            case HostName(text=text) if "." in text:
                return text
            case HostName():
                return [Refused(value, "it has no domain")]
            case BadName(reason=reason):
                return [Refused(value, reason)]


class Hop(Kind[RouteHost]):
    """A host of a route, written as MTAs do: brackets say that it is meant itself, and not its MXs."""

    @property
    def allowed(self) -> str:
        return (
            "a domain (its MXs are looked up), or a host or address in brackets, with an optional port: "
            '"relay.example.net", "[mx.example.net]:2525", "[192.0.2.1]"'
        )

    def read(self, value: object) -> RouteHost | list[Refused]:
        if not isinstance(value, str):
            return [Refused(value)]
        if _address(value) is not None or _address(value.rpartition(":")[0]) is not None:
            return [Refused(value, "an address stands in brackets here")]
        host, port = _split_port(value)
        if port == 0:
            return [Refused(value, f"a port is a number from 1 to {MAX_PORT}")]
        literal = _literal(host)
        if literal is not None:
            return RouteHost(literal, port)
        bracketed = host.startswith("[") and host.endswith("]")
        match parse_host(host[1:-1] if bracketed else host):
            case HostName(key=key):
                return RouteHost(key, port, lookup_mx=not bracketed)
            case BadName(reason=reason):
                return [Refused(value, reason)]

    def show(self, value: RouteHost) -> object:
        return str(value)


class ReportAddresses(Kind[ReportIp]):
    """One address, or one of each family."""

    @property
    def allowed(self) -> str:
        return "an IP address, or a list of one IPv4 and one IPv6 address"

    def read(self, value: object) -> ReportIp | list[Refused]:
        items = value if isinstance(value, list) else [value]
        found: dict[int, str] = {}
        bad: list[Refused] = []
        for item in items:
            text = _address(item)
            if text is None:
                bad.append(Refused(item))
            elif found.setdefault(ip_address(text).version, text) != text:
                bad.append(Refused(item, "a second address of its family"))
        return bad or ReportIp(found.get(4), found.get(6))

    def show(self, value: ReportIp) -> object:
        return [address for address in (value.ipv4, value.ipv6) if address is not None]


def address_literal(address: str) -> str:
    """The address as a mail name (RFC 5321 section 4.1.3)."""
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _address(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        address = ip_address(value)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return None
    return str(address)


def _literal(text: str) -> str | None:
    if not (text.startswith("[") and text.endswith("]")):
        return None
    inner = text[1:-1]
    return _address(inner[5:] if inner[:5].lower() == "ipv6:" else inner)


def _port(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_PORT))):
        return None
    port = int(text)
    return port if 1 <= port <= MAX_PORT else None


def _split_port(value: str) -> tuple[str, int | None]:
    """Host and port; port 0 for one that is none."""
    host, colon, port = value.rpartition(":")
    if not colon or value.endswith("]"):
        return value, None
    return host, _port(port) or 0
