"""Presented identifiers of a certificate against reference identifiers (RFC 6125 section 6.4, RFC 9525)."""

from __future__ import annotations

from tlswitness.names.host import MAX_NAME, HostName


def dns_id_matches(presented: str, reference: HostName) -> bool:
    """Whether a DNS-ID (or a CN) names the reference identifier. Never raises, whatever a certificate holds.

    A star stands for the whole left-most label and for that label only. `*.example` is refused, as OpenSSL refuses it:
    no certificate speaks for a whole top-level domain. So is a trailing dot: the names in certificates have none
    (RFC 5280 section 4.2.1.6, RFC 1034 section 3.5).
    """
    # ASCII only: a CN may hold any letter, and U+212A, the Kelvin sign, is a `k` in lower case.
    if len(presented) > MAX_NAME or not presented.isascii():
        return False
    name = presented.lower()
    if not name.startswith("*."):
        return name == reference.key
    suffix = name[2:]
    _, _, rest = reference.key.partition(".")
    return "." in suffix and rest == suffix
