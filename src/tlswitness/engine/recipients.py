"""Recipients sorted by where they go. Pure (RFC 5321 sections 2.3.11 and 4.1.3, RFC 6531 section 3.7.1)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from tlswitness.delivery.outcome import Failed
from tlswitness.names import BadName, Domain, parse_domain


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
    """The IP address."""


Recipient = ToDomain | ToLiteral | Failed


def sort_out(given: str) -> Recipient:
    """Where one recipient goes, or why nowhere."""
    local, at, domain = given.rpartition("@")
    if not at or not local:
        return Failed(given, "5.1.3", f"{given!r} is not an address: it needs a local part, an @ and a domain")
    if domain.startswith("["):
        literal = _literal(domain)
        if literal is None:
            return Failed(
                given, "5.1.3", f"{domain!r} is not an address literal, such as [192.0.2.1] or [IPv6:2001:db8::1]"
            )
        return ToLiteral(given, literal)
    parsed = parse_domain(domain)
    if isinstance(parsed, BadName):
        return Failed(given, "5.1.2", str(parsed))
    return ToDomain(given, given if domain.isascii() else _with_domain(local, parsed, domain), parsed)


def _with_domain(local: str, parsed: Domain, domain: str) -> str:
    return f"{local}@{parsed}" if local.isascii() else f"{local}@{domain}"


def _literal(text: str) -> str | None:
    inner = text.removeprefix("[").removesuffix("]")
    version_6 = inner[:5].lower() == "ipv6:"
    try:
        address = ip_address(inner[5:] if version_6 else inner)
    except ValueError:
        return None
    return str(address) if text.endswith("]") and (address.version == 6) == version_6 else None
