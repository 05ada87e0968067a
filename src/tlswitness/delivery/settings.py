"""What delivery is told by the configuration: plain frozen values, so that this room reads no files."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import zip_longest

from tlswitness.delivery.smtp.talk import Timeouts
from tlswitness.names import Domain, HostName
from tlswitness.policy.dane import DIGESTS, Matching
from tlswitness.policy.plan import LocalRules


class Family(StrEnum):
    """Which addresses of an MX are used, and which first."""

    ANY = "any"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    PREFER_IPV4 = "prefer-ipv4"
    PREFER_IPV6 = "prefer-ipv6"

    def arrange(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """The addresses to try, in order: with ANY the families take turns, so that a broken one costs one timeout."""
        if len(addresses) == 1 and self is Family.ANY:
            return addresses
        six = [address for address in addresses if ":" in address]
        four = [address for address in addresses if ":" not in address]
        match self:
            case Family.IPV4:
                return tuple(four)
            case Family.IPV6:
                return tuple(six)
            case Family.PREFER_IPV4:
                return tuple(four + six)
            case Family.PREFER_IPV6:
                return tuple(six + four)
            case Family.ANY:
                turns = (address for pair in zip_longest(six, four) for address in pair)
                return tuple(address for address in turns if address is not None)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of one destination (a recipient domain) is used at once."""

    connections: int = 20
    """Connections open to one destination at the same time."""
    messages: int = 100
    """Messages on one connection, then it is closed."""
    recipients: int = 100
    """Recipients of one transaction (RFC 5321 section 4.5.3.1.8: a server takes at least 100)."""
    idle: float = 10.0
    """Seconds for which an unused connection is kept."""
    pipelining: bool = True
    """Use PIPELINING where it is offered."""
    chunking: bool = True
    """Use CHUNKING where it is offered, together with PIPELINING."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who we are to the servers that we talk to."""

    ehlo_name: str
    source_ipv4: str | None = None
    source_ipv6: str | None = None
    report_ipv4: str | None = None
    report_ipv6: str | None = None
    """The address to report as `sending-mta-ip` where NAT hides the one that a socket knows."""
    own_names: frozenset[HostName] = frozenset()
    """Host names that are this machine: an MX among them ends the list (RFC 5321 section 5.1)."""

    def source(self, address: str) -> str | None:
        """The local address to connect to `address` from; None leaves it to the system."""
        return self.source_ipv6 if ":" in address else self.source_ipv4

    def reported(self, local: str) -> str:
        """The address that data points name for a connection whose local address is `local`."""
        return (self.report_ipv6 if ":" in local else self.report_ipv4) or local


@dataclass(frozen=True, slots=True)
class Hop:
    """One fixed next hop of the operator's, in place of the domain's MXs."""

    host: HostName | None
    """None for an address literal."""
    address: str | None = None
    port: int | None = None
    lookup_mx: bool = False
    """The MXs of `host` are meant, if it has any."""


@dataclass(frozen=True, slots=True)
class Destination:
    """How mail for one recipient domain travels."""

    domain: Domain
    sender: Sender
    local: LocalRules = field(default_factory=LocalRules)
    use_mta_sts: bool = True
    """Fetch policies."""
    enable_mta_sts: bool = True
    """Apply them."""
    dane: bool = True
    """Look TLSA records up and apply them."""
    digests: tuple[Matching, ...] = DIGESTS
    """Of TLSA records, strongest first."""
    report_without_policy: bool = True
    """Sessions that no policy applies to are data points too."""
    port: int = 25
    hops: tuple[Hop, ...] = ()
    """Empty: by MX."""
    family: Family = Family.ANY
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    deadline: float = 1800.0
    """Seconds for one delivery to this destination, over all its MXs."""
    trust: str | None = None
    """Path of the trust anchors; None: the system's."""
