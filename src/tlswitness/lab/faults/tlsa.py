"""TLSA records of an MX host, right and wrong (RFC 6698 section 2, RFC 7671 section 9)."""

from __future__ import annotations

from dataclasses import replace

from tlswitness.dns.answer import TlsaRecord
from tlswitness.lab.authority import Issued, wrong
from tlswitness.lab.table import Setup

NEEDS_RECORDS = frozenset(
    {
        "mx-insecure",
        "address-insecure",
        "aaaa-servfail",
        "tlsa-insecure",
        "mx-alias",
        "mx-alias-insecure",
        "mx-bogus",
        "address-bogus",
    }
)
"""DNS faults that say something only where there are TLSA records."""


MANY = 750
"""Records that fill a response of 64 KiB."""


def records(setup: Setup, certificate: Issued) -> tuple[TlsaRecord, ...]:
    """The RRset to publish."""
    end_entity = certificate.tlsa(3, 1, 1)
    anchor = certificate.tlsa(2, 0, 1)
    right = anchor if "dane-ta" in setup.policies else end_entity
    match setup.tlsa:
        case "usage-1":
            return (certificate.tlsa(1, 1, 1),)
        case "matching-9":
            return (replace(end_entity, matching_type=9),)
        case "bad-length":
            return (replace(end_entity, data=end_entity.data[:-1]),)
        case "bad-der":
            return (TlsaRecord(3, 0, 0, b"\x30\x82 this is no certificate"),)
        case "many" | "too-many":
            # Sorted, ours stands before the others, or behind more of them than are looked at.
            edge = b"\xff" * 8 if setup.tlsa == "many" else bytes(8)
            others = (replace(right, data=edge + number.to_bytes(len(right.data) - 8)) for number in range(MANY))
            return (right, *others)
        case "mixed":
            return (end_entity, certificate.tlsa(1, 1, 1))
        case "wrong":
            return (wrong(right),)
        case "agility":
            stronger = replace(certificate.tlsa(right.usage, right.selector, 2), matching_type=2)
            return (right, wrong(stronger))
        case "" if "dane-unusable" in setup.policies:
            return (certificate.tlsa(0, 0, 1),)
        case "" if {"dane-ee", "dane-ta"} & set(setup.policies) or setup.dns in NEEDS_RECORDS or setup.resolver:
            return (right,)
        case "":
            return ()
        case _:
            raise ValueError(f"no such TLSA records: {setup.tlsa!r}")
