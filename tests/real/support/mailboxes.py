"""What the servers took, as they stored it: the witness that is not ours."""

from __future__ import annotations

import email
import email.policy
import re
import socket
import time

from tests.real.support.servers import EXIM_LOG, MAILBOXES, POSTFIX_LOG, PROBE
from tests.real.support.zones import EXIM, POSTFIX

PATIENCE = 15.0
"""Seconds from a server's 250 to its mailbox."""
_TLS = re.compile(r"TLSv?(1(?:\.\d)?)")
_CONNECTED = {
    "postfix": (POSTFIX_LOG, re.compile(rb"smtpd\[\d+\]: connect from \S*\[(.+?)\]")),
    "exim": (EXIM_LOG, re.compile(rb"SMTP connection from \[(.+?)\].* \(TCP/IP connection count")),
}
_FENCES = {"postfix": (POSTFIX, 25), "exim": (EXIM, 25)}


def collect(marks: set[str], expected: int, body: bytes) -> list[dict[str, object]]:
    """The mail whose subject is among `marks`, once there are `expected` of them or patience has run out.

    `intact` says whether its body is `body`.
    """
    end = time.monotonic() + PATIENCE
    while True:
        found = [mail for mail in _all(body) if mail["mark"] in marks]
        if len(found) >= expected or time.monotonic() > end:
            return sorted(found, key=lambda mail: (mail["mark"], mail["recipient"]))  # type: ignore[return-value]
        time.sleep(0.02)


def count() -> int:
    """All mail in all mailboxes."""
    return len(list(MAILBOXES.glob("*/new/*")))


def connections() -> dict[str, int]:
    """How many each server has seen so far, by its log."""
    return {name: _seen(name) for name in _CONNECTED}


def _seen(name: str) -> int:
    """A connection of ours is the fence: when it is in the log, all earlier ones are."""
    before = _sources(name).count(PROBE)
    with socket.create_connection(_FENCES[name], PATIENCE, (PROBE, 0)):
        end = time.monotonic() + PATIENCE
        while (sources := _sources(name)).count(PROBE) == before and time.monotonic() < end:
            time.sleep(0.01)
    return len(sources) - sources.count(PROBE)


def _sources(name: str) -> list[str]:
    log, pattern = _CONNECTED[name]
    return [found.decode() for found in pattern.findall(log.read_bytes())] if log.exists() else []


def _all(body: bytes) -> list[dict[str, object]]:
    return [_mail(path.parent.parent.name, path.read_bytes(), body) for path in MAILBOXES.glob("*/new/*")]


def _mail(server: str, stored: bytes, body: bytes) -> dict[str, object]:
    header, _, rest = stored.partition(b"\n\n")
    message = email.message_from_bytes(header, policy=email.policy.default)
    received = message.get_all("Received", [""])[0]
    tls = _TLS.search(received)
    return {
        "server": server,
        "mark": message["Subject"],
        "recipient": message["Delivered-To"] or message["Envelope-To"],
        "tls": f"TLSv{tls[1]}" if tls else "",
        "intact": rest == body.replace(b"\r\n", b"\n"),
    }
