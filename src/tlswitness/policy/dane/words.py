"""A failed lookup in words that are safe to log and to send."""

from __future__ import annotations

from tlswitness.dns.answer import LookupFailed, RecordType

MAX_DETAIL = 200
"""Characters: the detail holds text that a name server chose."""


def lookup_words(name: str, rtype: RecordType, failed: LookupFailed) -> str:
    """Such as `the TLSA lookup of _25._tcp.mx.example.com failed: SERVFAIL EDE 6 (...)`."""
    # Resolvers may begin their detail with the question; it is said already.
    detail = failed.detail.removeprefix(f"{name} {rtype}").removeprefix(": ")[:MAX_DETAIL]
    detail = "".join(char if char.isprintable() else " " for char in detail).strip()
    bogus = "; DNSSEC validation failed" if failed.bogus else ""
    return f"the {rtype} lookup of {name} failed: {failed.code}{bogus}{f' ({detail})' if detail else ''}"
