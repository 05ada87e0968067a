"""What a domain of the lab publishes: DNS, policy, certificates, as data that a fault then changes.

Separate from the servers: a site is written down whole, first as it should be, then with the one fault of a cell in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tlswitness.lab.authority import Authority, Issued
from tlswitness.lab.faults import certificates, dns, hostile, policies, tlsa
from tlswitness.lab.mx import BEHAVIOURS
from tlswitness.lab.mxsession import Behaviour
from tlswitness.lab.policyhost import Behaviour as HostBehaviour
from tlswitness.lab.table import Cell, Setup
from tlswitness.lab.zone import Zone


@dataclass(frozen=True, slots=True)
class Place:
    """Where things of one site are."""

    mx: str
    second: str
    policy_host: str
    nowhere: str
    """An address on which nothing listens."""


@dataclass(frozen=True, slots=True)
class Mx:
    """An MX host of a site."""

    name: str
    address: str
    certificate: Issued
    behaviour: Behaviour


@dataclass(frozen=True, slots=True)
class Site:
    """A domain, as it stands at one moment of a scenario."""

    domain: str
    place: Place
    mxs: tuple[Mx, ...]
    policy_id: str | None
    """The id in the TXT record; None: no MTA-STS at all."""
    host: HostBehaviour
    host_certificate: Issued
    setup: Setup = field(repr=False)

    @property
    def policy_host(self) -> str:
        return f"mta-sts.{self.domain}"

    def publish(self, zone: Zone) -> None:
        """Put its names into DNS, in place of what was there."""
        self.withdraw(zone)
        zone.mx(self.domain, *((10 * (n + 1), mx.name) for n, mx in enumerate(self.mxs)))
        for mx in self.mxs:
            zone.address(mx.name, mx.address)
            records = tlsa.records(self.setup, mx.certificate)
            if records:
                zone.tlsa(mx.name, *records)
        if self.policy_id is not None:
            if not hostile.publish_txt(zone, self.domain, self.policy_id, self.setup.txt):
                policies.publish_txt(zone, self.domain, self.policy_id, self.setup.txt)
            policies.publish_host(zone, self.policy_host, self.place.policy_host, self.place.nowhere, self.setup)
        mx = self.mxs[0]
        if not hostile.spoil(zone, self.domain, mx.name, mx.address, self.setup.dns):
            dns.spoil(zone, self.domain, mx.name, mx.address, self.setup.dns)

    def withdraw(self, zone: Zone) -> None:
        """Take its names out of DNS."""
        zone.withdraw(self.domain)


def site(cell: Cell, authority: Authority, place: Place) -> Site:
    """The site of a cell, with its fault."""
    setup = cell.setup
    host = f"mx.{cell.domain}" if setup.dns != "implicit-mx" else cell.domain
    address = "::1" if setup.dns == "ipv6" else place.mx
    mxs = [Mx(host, address, certificates.mx(authority, host, setup), BEHAVIOURS[setup.mx])]
    if setup.second:
        second = f"mx2.{cell.domain}"
        mxs.append(Mx(second, place.second, certificates.mx(authority, second, setup), BEHAVIOURS[setup.second]))
    return Site(
        domain=cell.domain,
        place=place,
        mxs=tuple(mxs),
        policy_id="2" if policies.publishes(cell) else None,
        host=_host(setup, cell.domain, mxs),
        host_certificate=certificates.policy_host(authority, f"mta-sts.{cell.domain}", setup.policyhost),
        setup=setup,
    )


def earlier(now: Site, authority: Authority) -> Site:
    """The same site as it was when its policy was first fetched: nothing wrong with the policy, another id."""
    setup = replace(now.setup, txt="ok", policyhost="ok", body=now.setup.cached_body)
    return replace(
        now,
        policy_id="1",
        host=_host(setup, now.domain, now.mxs),
        host_certificate=certificates.policy_host(authority, now.policy_host, "ok"),
        setup=setup,
    )


def _host(setup: Setup, domain: str, mxs: Sequence[Mx]) -> HostBehaviour:
    names = tuple(mx.name for mx in mxs)
    return hostile.policy_host(f"mta-sts.{domain}", setup.policyhost) or policies.behaviour(setup, names)
