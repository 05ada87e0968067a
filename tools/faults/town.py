"""The world that outlives the killed: domains whose policies change all the time, one MX that remembers what it took.

In the process that kills, on loopback: real DNS, HTTPS and SMTP with STARTTLS. RFC 8461 section 3.1: a new id is
published after the new body, so that who sees the id fetches that body or a newer one.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tlswitness.config import Config, SmtpLimits
from tlswitness.engine import Surroundings
from tlswitness.lab import Internet
from tlswitness.lab.mx import MxServer
from tlswitness.lab.mxsession import OK, Received
from tlswitness.lab.policyhost import Serve, policy_text
from tlswitness.lab.site import Mx
from tlswitness.policy.sts import Entry, PolicyStore
from tools.faults.account import Policy

DOMAINS = 24
MAX_AGE = 1_000_000
"""Seconds; the version of a policy is added, so that each body says which it is."""
RESTLESS = 0.002
"""Seconds between two changes of policies."""
MX = "mx.town.test"

_SUBJECT = re.compile(rb"^Subject: (\S+)\r$", re.MULTILINE)


@dataclass
class Town:
    """Domains with policies that change, all with one MX."""

    internet: Internet
    server: MxServer
    dice: random.Random
    domains: tuple[str, ...]
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def accepted(self) -> dict[str, set[str]]:
        """The recipients of each message that the MX took, by the id in its subject."""
        found: dict[str, set[str]] = {}
        for message in self.server.received:
            found.setdefault(name_of(message).decode(), set()).update(message.recipients)
        return found

    def change(self, domain: str) -> None:
        """A new body, then the id that announces it."""
        version = next(self._numbers)
        self.internet.policy_host.behave(
            f"mta-sts.{domain}", Serve(policy_text(MX, f"*.{domain}", max_age=MAX_AGE + version))
        )
        self.internet.zone.txt(f"_mta-sts.{domain}", f"v=STSv1; id={version};", secure=False)

    async def restless(self) -> None:
        """Change policies for ever."""
        while True:
            self.change(self.dice.choice(self.domains))
            await asyncio.sleep(RESTLESS)

    def config(self, name: str) -> Config:
        """Of an engine that delivers here; few messages on one connection, so that there are sessions enough."""
        smtp = SmtpLimits(messages_per_connection=7, connections_per_destination=3)
        return replace(self.internet.config(name, {}, {}), smtp=smtp)

    def surroundings(self) -> Surroundings:
        return Surroundings(dialer=self.internet.dialer([self.server]))


@asynccontextmanager
async def town(internet: Internet, dice: random.Random, *, count: int = DOMAINS) -> AsyncIterator[Town]:
    """`count` domains in `internet`."""
    place = internet.place()
    server = await internet.serve(Mx(MX, place.mx, internet.authority.issue([MX]), OK))
    try:
        domains = tuple(f"d{number}.test" for number in range(count))
        names = [f"mta-sts.{domain}" for domain in domains]
        certificate = internet.authority.issue(names)
        internet.zone.address(MX, server.address, secure=False)
        here = Town(internet, server, dice, domains)
        for domain, name in zip(domains, names, strict=True):
            internet.zone.mx(domain, (10, MX), secure=False)
            internet.zone.address(name, internet.policy_host.address, secure=False)
            internet.policy_host.publish(name, certificate, Serve())
            here.change(domain)
        yield here
    finally:
        await server.stop()


def name_of(message: Received) -> bytes:
    """The id of a message. Raises ValueError where it is not whole."""
    match = _SUBJECT.search(message.data)
    if match is None or not message.data.endswith(b"end of %b\r\n" % match[1]):
        raise ValueError(f"the server took half a message: {message.data[:100]!r}")
    return match[1]


def policy_of(entry: Entry) -> Policy:
    """Raises ValueError where the policy is not that of the domain."""
    if str(entry.policy.mx[1]) != f"*.{entry.domain}":
        raise ValueError(f"{entry.domain} has the policy of another domain: {entry.body!r}")
    return Policy(entry.domain, int(entry.id), entry.policy.max_age - MAX_AGE)


def found_in(directory: Path) -> dict[str, Policy]:
    """What a new process finds in the store. Raises ValueError where something in it cannot be read."""
    store = PolicyStore(directory)
    if store.garbage():
        raise ValueError(f"files were spoilt: {store.garbage()}")
    return {entry.domain: policy_of(entry) for entry in store.entries()}
