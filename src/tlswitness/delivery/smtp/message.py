"""A message as DATA carries it: CRLF line ends, dots doubled, the final dot (RFC 5321 sections 2.3.8, 4.1.1.4, 4.5.2);
and as BDAT does: as it is (RFC 3030 section 2).

Separate because line ends are set right once for a message, however many sessions carry it, and because it keeps a
message from ending early: a bare CR or LF, which some servers take for a line end, becomes CRLF before dots are looked
for, so no octets of a message can be read as its end and what follows as commands ("SMTP smuggling").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tlswitness.delivery.smtp.header import says_tls_optional

END = b".\r\n"
"""The line that ends a message."""

_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Content:
    """A message that can be written. Only `prepare` makes one."""

    octets: bytes
    """With CRLF line ends, also at its end."""
    eight_bit: bool
    """It has octets beyond ASCII."""
    tls_optional: bool = False
    """Its header says `TLS-Required: No` (RFC 8689 section 3)."""

    @property
    def size(self) -> int:
        """Octets: what SIZE declares (RFC 1870 section 6.1), and BDAT."""
        return len(self.octets)

    @property
    def dotted(self) -> bytes:
        """What is written after the reply 354: dots at the beginning of a line doubled, and the final dot."""
        doubled = self.octets.replace(b"\r\n.", b"\r\n..")  # as fast as to look, when there is none
        if doubled.startswith(b"."):
            doubled = b"." + doubled
        return doubled + END


def prepare(message: bytes) -> Content:
    """`message`, header and body, ready to be written. Line ends may be CRLF, LF or CR; the last one may be missing."""
    ends = message.count(b"\r\n")
    if ends != message.count(b"\n") or ends != message.count(b"\r"):
        message = _LINE_END.sub(b"\r\n", message)
    if message and not message.endswith(b"\r\n"):
        message += b"\r\n"
    return Content(message, not message.isascii(), says_tls_optional(message))
