"""One scenario built and left to the caller: for an engine, or a command, of his own.

Separate from `run`, which delivers and compares: `check`, `send` and whoever writes a hook want the domain, not the
comparison.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields, replace

from tlswitness.config import Config
from tlswitness.config.model import Timeouts
from tlswitness.delivery.outcome import Envelope
from tlswitness.engine import Engine, Surroundings
from tlswitness.lab.dnsreply import Conduct
from tlswitness.lab.faults.policies import MAX_AGE
from tlswitness.lab.internet import Internet, without_journal
from tlswitness.lab.malice import At
from tlswitness.lab.mx import MxServer
from tlswitness.lab.nameserver import NameServer
from tlswitness.lab.site import Site, earlier, site
from tlswitness.lab.table import Cell, Setup

PATIENT: Mapping[str, float] = {option.name: 20.0 for option in fields(Timeouts) if option.name != "delivery"}
"""Seconds; a busy machine must not make a scenario time out that is not about time, nor a fault of ours hold it up."""
PATIENCE = 3.0
"""Seconds to wait for what never answers: in this time all else that hangs on the same limit has to be done."""
DRIPPED_UNTIL: Mapping[At, str] = {
    **{at: at.value for at in At},
    At.TLS_EHLO: "ehlo",
    At.RSET: "quit",
}
"""Which timeout ends the wait for a reply that comes octet by octet."""
NEVER: Mapping[str, str] = {
    "timeout": "dns",
    "tlsa-timeout": "dns",
    "silent": "policy_fetch",
    "drip": "policy_fetch",
    "greeting-silent": "greeting",
    "tls-silent": "handshake",
    "drip-headers": "policy_fetch",
    "tlsa-wrong-id": "dns",
    "tlsa-wrong-question": "dns",
    "mx-wrong-id": "dns",
    "mx-wrong-question": "dns",
    **{f"drip@{at}": DRIPPED_UNTIL[at] for at in At},
}
"""Which timeout ends the wait, by the token of what never answers."""
STALE = 400.0
"""Seconds between an earlier delivery and the one that is shown: DNS answers and back-offs are forgotten by then."""
SENDER = "sender@sender.lab.test"
MESSAGE = b"From: sender@sender.lab.test\r\nSubject: a message of the lab\r\n\r\nHello.\r\n"
FIELDS: Mapping[str, bytes] = {
    "tls-optional": b"TLS-Required: No\r\n",
    "tls-required-yes": b"TLS-Required: Yes\r\n",
    "require-tls": b"TLS-Required: No\r\n",
}
"""Header fields of a message that asks for something; with REQUIRETLS the field is to have no say."""
REQUIRING = frozenset({"require-tls", "require-tls-null"})
"""Messages that ask for REQUIRETLS; the last one has the null sender."""
LOCAL: Mapping[str, Mapping[str, object]] = {
    "": {},
    "source-address": {"source_ipv4": "192.0.2.77"},
}
"""Faults of our own, as options."""
RESOLVERS: Mapping[str, tuple[Conduct, Conduct]] = {
    "never-validates": (Conduct.AD_NEVER, Conduct.AD_NEVER),
    "stops-validating": (Conduct.VALIDATING, Conduct.AD_NEVER),
    "stops-with-signatures": (Conduct.VALIDATING, Conduct.STRIP_DO),
    "stops-reaching-anyone": (Conduct.VALIDATING, Conduct.CUT),
}
"""What our resolver is at first, and what it becomes."""


@dataclass(slots=True)
class LabClock:
    """The time of one scenario: the real one, moved forward at will."""

    offset: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset

    def monotonic(self) -> float:
        return time.monotonic() + self.offset


@dataclass(frozen=True, slots=True)
class Staged:
    """A domain that is up."""

    site: Site
    config: Config
    """Of an engine that lives in the lab, with the scenario's rules and a state directory of its own."""
    surroundings: Surroundings
    clock: LabClock
    servers: tuple[MxServer, ...]
    resolver: NameServer | None = None
    """Its own, where something is wrong with it."""

    @property
    def message(self) -> bytes:
        """What the scenario sends."""
        return FIELDS.get(self.site.setup.message, b"") + MESSAGE

    @property
    def envelope(self) -> Envelope:
        """And how."""
        asked = self.site.setup.message
        sender = "" if asked == "require-tls-null" else SENDER
        return replace(envelope(self.site), sender=sender, require_tls=asked in REQUIRING)

    @property
    def accepted(self) -> int:
        """Messages that the MXs took so far."""
        return sum(len(server.received) for server in self.servers)

    def turn(self) -> None:
        """Later, when its answers are forgotten, our resolver is what it becomes."""
        if self.resolver is not None and turns(self.site.setup):
            _, self.resolver.conduct = RESOLVERS[self.site.setup.resolver]
            self.clock.offset += STALE


@asynccontextmanager
async def staged(internet: Internet, cell: Cell) -> AsyncIterator[Staged]:
    """The domain of `cell` with its fault; an earlier delivery has cached its policy, where the scenario says so.

    Raises OSError where an address cannot be had (no IPv6).
    """
    this = site(cell, internet.authority, internet.place())
    async with AsyncExitStack() as stack:
        servers = []
        for mx in this.mxs:
            server = await internet.serve(mx)
            stack.push_async_callback(server.stop)
            servers.append(server)
        clock = LabClock()
        around = replace(internet.surroundings(servers, clock), monotonic=clock.monotonic)
        stack.callback(internet.withdraw, this)
        if cell.setup.cached:
            before = earlier(this, internet.authority)
            internet.publish(before)
            async with Engine(without_journal(_config(internet, before)), surroundings=around) as engine:
                await engine.deliver(MESSAGE, envelope(before))
            clock.offset += MAX_AGE + STALE if cell.setup.expired else STALE
        internet.publish(this)
        resolver = await _resolver(internet, cell.setup, stack)
        yield Staged(this, _config(internet, this, resolver), around, clock, tuple(servers), resolver)


def envelope(to: Site) -> Envelope:
    """Of the lab's message to somebody at this site."""
    return Envelope(SENDER, (f"someone@{to.domain}",))


def turns(setup: Setup) -> bool:
    """Whether our resolver turns bad after a message was delivered."""
    return setup.resolver.startswith("stops-")


def waits(setup: Setup) -> set[str]:
    """The timeouts that a scenario runs into."""
    return {NEVER[token] for token in (setup.txt, setup.policyhost, setup.dns, setup.mx) if token in NEVER}


async def _resolver(internet: Internet, setup: Setup, stack: AsyncExitStack) -> NameServer | None:
    if not setup.resolver:
        return None
    conduct, _ = RESOLVERS[setup.resolver]
    return await stack.enter_async_context(NameServer(internet.zone, conduct))


def _config(internet: Internet, this: Site, resolver: NameServer | None = None) -> Config:
    """As the cell asks for it, with an end to waiting for what will not come."""
    setup = this.setup
    local = {"own_names": [this.mxs[0].name]} if setup.local == "own-name" else LOCAL[setup.local]
    timeouts = {**PATIENT, **dict.fromkeys(waits(setup), PATIENCE)}
    asked = {} if resolver is None else {"resolvers": [str(resolver.server)]}
    return internet.config(this.domain, {**setup.rules, **local, **asked}, timeouts)
