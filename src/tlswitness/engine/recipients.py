"""Recipients sorted by where they go. Pure (RFC 5321 sections 2.3.11 and 4.1.3, RFC 6531 section 3.7.1)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from tlswitness.delivery.outcome import Failed
from tlswitness.delivery.smtp.address import BadAddress, path
from tlswitness.delivery.smtp.capabilities import Capabilities
from tlswitness.names import BadName, Domain, parse_domain
from tlswitness.net import canonical_ip

_ANY_SERVER = Capabilities(smtp_utf8=True)
"""What it does not take as an address none does: no server need be asked."""


@dataclass(frozen=True, slots=True)
class ToDomain:
    """A recipient at a domain."""

    given: str
    """As the caller wrote it."""
    address: str
    """As RCPT carries it: the domain in A-labels where the local part is ASCII, so that no SMTPUTF8 is needed."""
    domain: Domain


@dataclass(frozen=True, slots=True)
class ToLiteral:
    """A recipient at an address literal: no policy applies to one (RFC 8461 section 3.4)."""

    given: str
    address: str
    """As RCPT carries it: the same."""
    ip: str


Recipient = ToDomain | ToLiteral | Failed


def sort_out(given: str) -> Recipient:
    """Where one recipient goes, or why nowhere."""
    local, at, domain = given.rpartition("@")
    if not at or not local:
        return Failed(given, "5.1.3", f"{given!r} is not an address: it needs a local part, an @ and a domain")
    if domain.startswith("["):
        return _to_literal(given, domain)
    parsed = parse_domain(domain)
    if isinstance(parsed, BadName):
        return Failed(given, "5.1.2", str(parsed))
    address = f"{local}@{parsed}" if local.isascii() and not domain.isascii() else given
    return _bad(given, address) or ToDomain(given, address, parsed)


def _to_literal(given: str, domain: str) -> ToLiteral | Failed:
    literal = _literal(domain)
    if literal is None:
        text = f"{domain!r} is not an address literal, such as [192.0.2.1] or [IPv6:2001:db8::1]"
        return Failed(given, "5.1.3", text)
    return _bad(given, given) or ToLiteral(given, given, literal)


def _bad(given: str, address: str) -> Failed | None:
    bad = path(address, _ANY_SERVER)
    return Failed(given, "5.1.3", f"{given!r} is not an address: {bad.reason}") if isinstance(bad, BadAddress) else None


def _literal(text: str) -> str | None:
    inner = text.removeprefix("[").removesuffix("]")
    version_6 = inner[:5].lower() == "ipv6:"
    inner = inner[5:] if version_6 else inner
    try:
        version = ip_address(inner).version
    except ValueError:
        return None
    # No zone: which of our interfaces it means is nothing that a sender of mail can know.
    good = text.endswith("]") and "%" not in inner and (version == 6) == version_6
    return canonical_ip(inner) if good else None
