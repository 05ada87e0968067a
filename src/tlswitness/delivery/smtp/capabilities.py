"""What a server says it can do, as the reply to EHLO lists it (RFC 5321 section 4.1.1.1).

Separate because what was learnt before TLS must be forgotten after it (RFC 3207 section 4.2): it is one value,
replaced whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

MAX_KEYWORDS = 100
"""Keywords kept of one reply: a server may make up as many as it likes."""
MAX_KEYWORD = 64
"""Octets of a keyword."""
MAX_SIZE_DIGITS = 20
"""RFC 1870 section 4: the limit that SIZE names has at most 20 digits."""

_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The extensions on offer. The default is what a server has that knows HELO only: none."""

    keywords: frozenset[str] = frozenset()
    """Upper case, without parameters."""
    size: int | None = None
    """Octets that a message may have; None where no limit is named (RFC 1870 section 4)."""
    starttls: bool = False
    pipelining: bool = False
    chunking: bool = False
    """RFC 3030; together with PIPELINING only, for without it there is nothing to gain."""
    eight_bit_mime: bool = False
    smtp_utf8: bool = False
    enhanced_status_codes: bool = False
    require_tls: bool = False
    """RFC 8689."""


NO_CAPABILITIES = Capabilities()


def parse_capabilities(lines: Iterable[str], *, within_tls: bool = False) -> Capabilities:
    """The capabilities that `lines` name: the text of an EHLO reply from the second line on.

    What is no keyword is passed over. STARTTLS offered within TLS is ignored (RFC 3207 section 4.2).
    """
    return _parsed(tuple(lines), within_tls)


@lru_cache(64)  # a reply has 64 KiB at most, and most servers say the same as before
def _parsed(lines: tuple[str, ...], within_tls: bool) -> Capabilities:
    keywords: set[str] = set()
    size: int | None = None
    for line in lines:
        words = line.split(None, 2)
        if not words or len(words[0]) > MAX_KEYWORD or not _KEYWORD.fullmatch(words[0]):
            continue
        keyword = words[0].upper()
        if keyword in keywords or len(keywords) >= MAX_KEYWORDS:
            continue
        keywords.add(keyword)
        if keyword == "SIZE" and len(words) > 1:
            size = _size(words[1])
    if within_tls:
        keywords.discard("STARTTLS")
    return Capabilities(
        keywords=frozenset(keywords),
        size=size,
        starttls="STARTTLS" in keywords,
        pipelining="PIPELINING" in keywords,
        chunking="CHUNKING" in keywords and "PIPELINING" in keywords,
        eight_bit_mime="8BITMIME" in keywords,
        smtp_utf8="SMTPUTF8" in keywords,
        enhanced_status_codes="ENHANCEDSTATUSCODES" in keywords,
        require_tls="REQUIRETLS" in keywords,
    )


def _size(text: str) -> int | None:
    """RFC 1870 section 4: zero says that there is no fixed limit."""
    if len(text) > MAX_SIZE_DIGITS or not (text.isascii() and text.isdecimal()):
        return None
    return int(text) or None
