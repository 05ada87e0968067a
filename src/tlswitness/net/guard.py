"""Addresses: their canonical text (RFC 5952), and which of them a fetched name may lead to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""RFC 4291 section 2.4: all that has been given out so far."""
_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052 section 2.1: an IPv4 address in the last 32 bits, which a gateway connects to for us."""
_SIX_TO_FOUR = IPv6Network("2002::/16")
"""RFC 3056: an IPv4 address in it, too; given up by RFC 7526, and no older Python knows."""


def canonical_ip(text: str) -> str:
    """Dotted quad or RFC 5952 text, an IPv4-mapped address as IPv4, without a zone id.

    Raises ValueError on what is no address.
    """
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """Refuses private, loopback, link-local, multicast and reserved addresses unless the operator names their network.

    The names of policy hosts are chosen by strangers (RFC 8461 section 10.3): without a guard they would make us
    connect to whatever listens inside our own network. An IPv6 address that stands for an IPv4 address is no way round.
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
        if not _is_public(address):
            return f"{address} is not a public address"
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
            return f"{address} stands for {inner}, which is not a public address" if self.refuses(str(inner)) else None
        return None


def _is_public(address: IpAddress) -> bool:
    if isinstance(address, IPv6Address) and (address not in _GLOBAL_UNICAST or address in _SIX_TO_FOUR):
        return address in _NAT64
    return address.is_global and not address.is_multicast
