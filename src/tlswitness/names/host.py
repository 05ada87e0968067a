"""Validated domains and host names (RFC 1035 section 2.3.4, RFC 5321 section 4.1.2, RFC 5890 section 2.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NewType

import idna

MAX_LABEL = 63
"""Octets (RFC 1035 section 2.3.4)."""
MAX_NAME = 253
"""Octets without the trailing dot; also the characters that are turned into A-labels, which costs more than a look."""
MAX_SHOWN = 1024
"""Characters of a bad name that are kept: all of any name that DNS can hold, but no megabytes of a hostile file."""
MAX_REASON = 120
"""Characters of what the IDNA library says: it quotes labels, with escapes."""

Domain = NewType("Domain", str)
"""A domain in A-labels, lower case, without a trailing dot. Only `parse_domain` makes one."""

# An underscore is no letter of a host name, but real MX names have it and it harms nothing.
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?", re.ASCII)
# What the C library takes for the end of an IPv4 address; no top-level domain looks like it.
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*", re.ASCII)
_DOTS = str.maketrans("。．｡", "...")


@dataclass(frozen=True, slots=True)
class HostName:
    """A host name in A-labels without a trailing dot; equal whatever the case, as DNS names are.

    Any one can be given to the TLS library for SNI: it is ASCII, not empty, of legal length, and no address.
    """

    text: str = field(compare=False)
    """As DNS gave it: the case of a data point's `receiving-mx-hostname` is that of the MX record."""
    key: str
    """Lower case, for comparing and grouping."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class BadName:
    """What was given in place of a name, and why it is none."""

    text: str
    """As given, however hostile; cut to MAX_SHOWN characters and an ellipsis."""
    reason: str
    """What is wrong, in words, such as `it has an empty label`."""

    def __str__(self) -> str:
        return f"{self.text!r} is not a host name: {self.reason}"


def parse_host(text: str) -> HostName | BadName:
    """A host name from DNS, a policy or an operator; U-labels become A-labels, ASCII keeps its case. Never raises.

    SPEC: an ASCII label that begins with `xn--` but decodes to nothing valid is accepted: DNS may hold such a name, and
    mail goes to it. Here it is only looked up and compared; to test it is for who converts it (RFC 5891 section 5.3).
    """
    name = text
    if not text.isascii():
        if len(text) > MAX_NAME + 1:
            return bad_name(text, f"it is longer than {MAX_NAME} characters")
        try:
            name = _in_a_labels(text)
        except ValueError as error:  # IDNAError and UnicodeError are of this kind
            return bad_name(text, f"no A-label form: {str(error)[:MAX_REASON]}")
    name = name.removesuffix(".")
    reason = _fault(name)
    return bad_name(text, reason) if reason else HostName(name, name.lower())


def parse_domain(text: str) -> Domain | BadName:
    """A mail domain: as `parse_host`, in lower case."""
    return _known_domain(text) if len(text) <= MAX_NAME else _domain(text)


def _domain(text: str) -> Domain | BadName:
    match parse_host(text):
        case HostName(key=key):
            return Domain(key)
        case BadName() as bad:
            return bad


_known_domain = lru_cache(4096)(_domain)
"""Most mail goes to few domains. Only short texts are kept, for strangers write them."""


def bad_name(text: str, reason: str) -> BadName:
    """A BadName that is bounded whatever `text` is."""
    return BadName(text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…", reason)


def _in_a_labels(text: str) -> str:
    """Mapped as UTS 46 says (people type capitals and wide dots), then IDNA 2008, label by label.

    ASCII labels beside U-labels are left to `_fault`: IDNA would refuse `_mta-sts` (RFC 5891 section 4.2).
    """
    mapped = idna.uts46_remap(text.translate(_DOTS), std3_rules=False)
    return ".".join(label if label.isascii() else idna.alabel(label).decode("ascii") for label in mapped.split("."))


def _fault(name: str) -> str | None:
    if not name:
        return "it is empty"
    if name.startswith("["):
        return "it is an address literal"
    if len(name) > MAX_NAME:
        return f"it is longer than {MAX_NAME} octets"
    labels = name.split(".")
    for label in labels:
        if not label:
            return "it has an empty label"
        if len(label) > MAX_LABEL:
            return f"it has a label longer than {MAX_LABEL} octets"
        if not _LABEL.fullmatch(label):
            return f"the label {label!r} has other than letters, digits and inner hyphens"
    if _NUMBER.fullmatch(labels[-1]):
        return "it looks like an IP address"
    return None
