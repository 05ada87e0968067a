"""The two sessions that the hook's manual page logs, delivered anew: same domains, hosts, policies and epochs.

The hook that we carry out was first described by another MTA's manual page; its example log is our oracle. Here real
deliveries lead to the same two data points, which are then written byte for byte as that page shows them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from tlswitness.datapoint import SEED_VIEW, DataPoint, paniclog
from tlswitness.delivery.outcome import Envelope
from tlswitness.engine import Engine
from tlswitness.lab.authority import DAY, Signer
from tlswitness.lab.internet import Internet, without_journal
from tlswitness.lab.mx import BEHAVIOURS
from tlswitness.lab.policyhost import Serve
from tlswitness.lab.site import Mx

ADDRESS = "127.0.0.1"
DECADE = 3650 * DAY
MESSAGE = b"Subject: as the manual page has it\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Example:
    """One session of the manual page."""

    domain: str
    mx: str
    """In the case that the page shows."""
    policy: tuple[str, ...]
    epoch: int
    certificate_for: str


SUCCESS = Example(
    domain="test.bird.com",
    mx="server.ectest.OMNITI.com",
    policy=(
        "version: STSv1",
        "mode: enforce",
        "mx: mx.bird.com",
        "mx: server.ectest.OMNITI.com",
        "max_age: 604800",
    ),
    epoch=1746712864,
    certificate_for="server.ectest.omniti.com",
)
FAILURE = Example(
    domain="mismatch.cert.com",
    mx="test.BIRD.com",
    policy=("version: STSv1", "mode: enforce", "mx: test.bird.com", "max_age: 86400"),
    epoch=1746719856,
    certificate_for="another.bird.com",
)


EXAMPLES = (SUCCESS, FAILURE)


def log_line(example: Example, point: str) -> str:
    """The line that the page's script writes into the log."""
    return f"{example.epoch}:scriptlet: tls report:   {point}"


async def replay(internet: Internet, example: Example) -> str:
    """Deliver one message as in `example`; the data point as the page's log shows it."""
    authority = internet.authority
    root = authority.signer("Seed Root", parent=None, not_before=-DECADE, not_after=DECADE)
    internet.trust(root)
    _publish(internet, example)
    points: list[DataPoint] = []
    async with AsyncExitStack() as stack:
        server = await internet.serve(_mx(internet, example, root))
        stack.push_async_callback(server.stop)
        config = without_journal(internet.config(example.domain, {}, {}))
        around = internet.surroundings([server], _at(example.epoch))
        engine = await stack.enter_async_context(Engine(config, hooks=[points.append], surroundings=around))
        await engine.deliver(MESSAGE, Envelope("", (f"someone@{example.domain}",)))
    return "\n".join(paniclog(SEED_VIEW.of(point)) for point in points if SEED_VIEW.shows(point))


def _publish(internet: Internet, example: Example) -> None:
    zone, host = internet.zone, f"mta-sts.{example.domain}"
    zone.mx(example.domain, (10, example.mx))
    zone.address(example.mx, ADDRESS)
    zone.txt(f"_mta-sts.{example.domain}", "v=STSv1; id=1;")
    zone.address(host, internet.policy_host.address)
    body = "".join(f"{line}\r\n" for line in example.policy).encode()
    internet.policy_host.publish(host, internet.authority.issue([host]), Serve(body))


def _mx(internet: Internet, example: Example, root: Signer) -> Mx:
    issued = internet.authority.issue([example.certificate_for], issuer=root, not_before=-DECADE, not_after=DECADE)
    return Mx(example.mx, ADDRESS, issued, BEHAVIOURS["ok"])


def _at(epoch: int) -> Callable[[], float]:
    return lambda: float(epoch)
