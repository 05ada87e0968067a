"""Addresses as MAIL and RCPT carry them: nothing in one may end the command, or add a parameter to it.

Separate because this is where an address from elsewhere becomes part of a line that a server obeys. RFC 5321 section
4.1.2, RFC 6531 section 3.3. Laxer than the grammar where real addresses are (dots in any place), strict about
controls, spaces, brackets and quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from tlswitness.delivery.smtp.capabilities import Capabilities
from tlswitness.names import BadName, parse_domain

MAX_ADDRESS = 320
"""Octets: 64 of the local part, 255 of the domain, and the sign between (RFC 5321 section 4.5.3.1)."""

_ATOM = r"[^\x00-\x20\x7f-\xa0<>()\[\]\\,;:@\"\u2028\u2029\ud800-\udfff]+"
_QUOTED = r'"(?:[^\x00-\x1f\x7f-\x9f"\\\u2028\u2029\ud800-\udfff]|\\[\x20-\x7e])*"'
_LITERAL = r"\[[A-Za-z0-9.:-]+\]"
_MAILBOX = re.compile(rf"(?P<local>{_ATOM}|{_QUOTED})@(?P<domain>{_ATOM}|{_LITERAL})")


@dataclass(frozen=True, slots=True)
class BadAddress:
    """What cannot be sent to this server as an address, and why."""

    reason: str
    needs_utf8: bool = False
    """It is an address, but the server does not offer SMTPUTF8."""


def path(address: str, capabilities: Capabilities) -> bytes | BadAddress:
    """`<address>` in octets. `""` is the null reverse-path, and `postmaster` needs no domain (RFC 5321 section 4.5.1).

    Where a server lacks SMTPUTF8, a domain in U-labels is written in A-labels (RFC 6531 section 3.2 leaves that to us).
    """
    if len(address) <= MAX_ADDRESS and address.isascii():
        return _plain(address)  # the sender of much mail, and each recipient twice
    return _path(address, capabilities.smtp_utf8)


def _path(address: str, smtp_utf8: bool) -> bytes | BadAddress:
    if address == "" or address.lower() == "postmaster":
        return b"<%b>" % address.encode("ascii")
    found = _MAILBOX.fullmatch(address)
    if found is None:
        return BadAddress("it is no address, or has characters that no address has")
    if not address.isascii() and not smtp_utf8:
        local = found["local"]
        domain = parse_domain(found["domain"])
        if not local.isascii() or isinstance(domain, BadName):
            return BadAddress("the server does not take addresses beyond ASCII", needs_utf8=True)
        address = f"{local}@{domain}"
    octets = address.encode("utf-8")
    if len(octets) > MAX_ADDRESS:
        return BadAddress(f"it is longer than {MAX_ADDRESS} octets")
    return b"<%b>" % octets


@lru_cache(1024)
def _plain(address: str) -> bytes | BadAddress:
    return _path(address, smtp_utf8=False)
