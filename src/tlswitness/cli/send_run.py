"""What `tlswitness send` does when its words are understood.

Separate from the command for the same reasons as `check_run`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import click

from tlswitness.cli.common import give_up_printing, print_json
from tlswitness.cli.plain import plain
from tlswitness.cli.running import running
from tlswitness.cli.status import Status
from tlswitness.config import Config
from tlswitness.datapoint import DataPoint, compact, to_dict
from tlswitness.delivery.outcome import Deferred, Delivered, DeliveryOutcome, Envelope, Failed, RecipientOutcome
from tlswitness.delivery.smtp.address import BadAddress, path
from tlswitness.delivery.smtp.capabilities import Capabilities
from tlswitness.engine import Surroundings

_HEADER_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be sent, and to whom."""

    sender: str
    recipients: tuple[str, ...]
    message: bytes
    require_tls: bool = False

    def envelope(self) -> Envelope:
        """RFC 6531 is needed for a local part, or a header field, beyond ASCII; a domain has its A-labels."""
        addresses = (self.sender, *self.recipients)
        local = any(not address.rpartition("@")[0].isascii() for address in addresses)
        utf8 = local or _has_utf8_header(self.message)
        return Envelope(self.sender, self.recipients, smtputf8=utf8, require_tls=self.require_tls)


def address_fault(sender: str) -> str | None:
    """Why an address cannot be an envelope sender, in words."""
    found = path(sender, Capabilities(smtp_utf8=True))
    return found.reason if isinstance(found, BadAddress) else None


async def run_send(
    config: Config, job: Job, *, verbose: bool = False, json: bool = False, surroundings: Surroundings | None = None
) -> int:
    """Deliver, say for each recipient what became of it, and return the exit status."""
    points: list[DataPoint] = []

    def told(point: DataPoint) -> None:
        points.append(point)
        if verbose:
            click.echo(f"data point: {compact(point)}", err=True)

    async with running(config, hooks=[told], surroundings=surroundings) as engine:
        outcome = await engine.deliver(job.message, job.envelope())
    try:
        _say(outcome, points, json=json)
    except OSError:  # nobody reads, the disk is full: what was delivered is not to be sent again for that
        give_up_printing()
    return status_of(outcome)


def in_words(outcome: RecipientOutcome) -> str:
    """One line for one recipient."""
    return plain(f"{outcome.recipient}: {_fate(outcome)}")


def status_of(outcome: DeliveryOutcome) -> Status:
    """The exit status: what can still be delivered counts more than what cannot."""
    if any(isinstance(each, Deferred) for each in outcome.recipients):
        return Status.TEMPFAIL
    failures = {_failure(each.status) for each in outcome.recipients if isinstance(each, Failed)}
    if not failures:
        return Status.OK
    return failures.pop() if len(failures) == 1 else Status.UNAVAILABLE


def _say(outcome: DeliveryOutcome, points: list[DataPoint], *, json: bool) -> None:
    if json:
        recipients = [_as_json(each) for each in outcome.recipients]
        reported = [to_dict(point) for point in points]
        print_json({"tag": str(outcome.tag), "recipients": recipients, "data-points": reported})
    else:
        for each in outcome.recipients:
            click.echo(in_words(each), err=not isinstance(each, Delivered))


_NO_HOST = frozenset({"5.1.2", "5.1.10", "5.4.4", "5.4.6"})
_NO_USER = frozenset({"5.1.1", "5.1.3", "5.1.6", "5.2.1"})
"""Enhanced status codes (RFC 3463) that speak of the recipient alone."""


def _failure(status: str) -> Status:
    if status in _NO_HOST:
        return Status.NO_HOST
    return Status.NO_USER if status in _NO_USER else Status.UNAVAILABLE


def _has_utf8_header(message: bytes) -> bool:
    end = _HEADER_END.search(message)
    header = message[: end.start()] if end else message
    if header.isascii():
        return False
    try:
        header.decode("utf-8")
    except UnicodeDecodeError:
        return False  # some other charset, as old programs write it: 8BITMIME at most
    return True


def _fate(outcome: RecipientOutcome) -> str:
    match outcome:
        case Delivered(relay=relay, tls=tls, status=status, text=text):
            by = f" ({', '.join(tls.verified_by)})" if tls.verified_by else ""
            how = f"over {tls.protocol}{by}" if tls.protocol else "in clear text"
            return f"delivered to {relay} {how}: {status} {text}"
        case Deferred(status=status, text=text, uncertain=uncertain):
            return f"deferred: {status} {text}{'; the server may have it all the same' if uncertain else ''}"
        case Failed(status=status, text=text):
            return f"failed: {status} {text}"


def _as_json(outcome: RecipientOutcome) -> dict[str, Any]:
    members: dict[str, Any] = {
        "recipient": outcome.recipient,
        "outcome": type(outcome).__name__.lower(),
        "status": outcome.status,
        "text": outcome.text,
    }
    if outcome.relay is not None:
        members["relay"] = str(outcome.relay)
    match outcome:
        case Delivered(tls=tls) if tls.protocol:
            members["tls"] = {"protocol": tls.protocol, "cipher": tls.cipher, "verified-by": list(tls.verified_by)}
        case Deferred(uncertain=True):
            members["uncertain"] = True
        case _:
            pass
    return members
