"""What text of the wider world becomes before it stands in a data point (RFC 7493 section 2.1, RFC 5952).

Separate because a policy, a greeting and an address all pass here, and because a point must be writable as I-JSON
whatever they held.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

_PLANES = "".join(chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
# Surrogates and noncharacters: not allowed in I-JSON, and a lone surrogate cannot be written as UTF-8 at all.
_NOT_TEXT = re.compile(f"[\ud800-\udfff\ufdd0-\ufdef{_PLANES}]")
_CONTROLS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")


def clean_text(text: str) -> str:
    """`text` with U+FFFD for what I-JSON forbids; everything else, control characters too, stays as served."""
    return text if text.isascii() else _NOT_TEXT.sub("\ufffd", text)


def clean_line(text: str, limit: int) -> str:
    """One line of printable text of at most `limit` octets, for what a peer says about itself; may become ""."""
    line = _CONTROLS.sub(" ", clean_text(text[: limit + 1])).strip()
    return line.encode()[:limit].decode(errors="ignore").strip()


def canonical_address(text: str) -> str | None:
    """Dotted quad or RFC 5952 text, an IPv4-mapped address as IPv4, without a zone id; None for what is no address."""
    try:
        address = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
