"""The one header field that a sender of ours reads: `TLS-Required: No` (RFC 8689 section 3).

Separate because it is text that a stranger may have written, and it loosens what is demanded: whatever is not exactly
the field, once, in the header, changes nothing. Pure, linear, bounded. Laxer than the grammar in white space alone:
before the colon, as old programs write it (RFC 5322 section 4.5.8), and behind the value.
"""

from __future__ import annotations

import re

MAX_HEADER = 1024 * 1024
"""Octets that a header section may have: one that does not end within them is not read. Bounds the copy of it."""

_NAME = b"tls-required"
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
"""RFC 5322 section 2.2."""
_FOLDED = (b" ", b"\t")


def says_tls_optional(message: bytes) -> bool:
    """Whether the header of `message` (whose lines end in CRLF) has the field, and once."""
    end = message.find(b"\r\n\r\n", 0, MAX_HEADER)
    if end < 0:
        if len(message) > MAX_HEADER:
            return False
        end = len(message)
    header = message[:end].lower()
    return _NAME in header and _values(header) == [b"no"]


def _values(header: bytes) -> list[bytes]:
    """What the field says wherever it stands. What is no field ends the header, for some servers see the body there."""
    values: list[list[bytes]] = []
    ours = False
    for line in header.split(b"\r\n"):
        if line.startswith(_FOLDED):
            if ours:
                values[-1].append(line)
            continue
        field = _FIELD.fullmatch(line)
        if field is None:
            break
        ours = field[1] == _NAME
        if ours:
            values.append([field[2]])
    return [b"".join(lines).strip(b" \t") for lines in values]
