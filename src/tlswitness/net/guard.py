"""Addresses: their canonical text (RFC 5952), and which of them a fetched name may lead to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network


def canonical_ip(text: str) -> str:
    """Dotted quad or RFC 5952 text, an IPv4-mapped address as IPv4, without a zone id. Raises ValueError on what is no address."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """Refuses private, loopback, link-local, multicast and reserved addresses unless the operator names their network.

    The names of policy hosts are chosen by strangers (RFC 8461 section 10.3): without a guard they would make us
    connect to whatever listens inside our own network.
    """

    allowed: tuple[IpNetwork, ...] = ()

    @classmethod
    def allowing(cls, networks: Iterable[IpNetwork]) -> AddressGuard:
        return cls(tuple(networks))

    def refuses(self, text: str) -> str | None:
        """Why `text` must not be connected to, in words; None where it may be."""
        try:
            address = ip_address(canonical_ip(text))
        except ValueError:
            return f"{text!r} is not an address"
        if any(address.version == net.version and address in net for net in self.allowed):
            return None
        if not address.is_global or address.is_multicast:
            return f"{address} is not a public address"
        return None
