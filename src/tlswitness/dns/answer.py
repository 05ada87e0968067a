"""What a lookup can come back with: a closed union (RFC 7672 sections 2.1.1 to 2.1.3).

A denial is an answer; a failed lookup is not. Only secure answers may raise what delivery demands, and a
failed lookup must never lower it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Security(StrEnum):
    """How far an answer may be believed."""

    SECURE = "secure"
    INSECURE = "insecure"
    BOGUS = "bogus"
    FAILED = "failed"


class RecordType(StrEnum):
    """The types that this program asks for."""

    A = "A"
    AAAA = "AAAA"
    CNAME = "CNAME"
    DS = "DS"
    MX = "MX"
    SOA = "SOA"
    TLSA = "TLSA"
    TXT = "TXT"


class Denial(StrEnum):
    NXDOMAIN = "NXDOMAIN"
    NODATA = "NODATA"


@dataclass(frozen=True, slots=True)
class MxRecord:
    preference: int
    exchange: str
    """As in the record, case kept, without a trailing dot; "" is the root, the null MX. Not yet validated."""


@dataclass(frozen=True, slots=True)
class TlsaRecord:
    """A TLSA record as it stands in DNS, usable or not (RFC 6698 section 2.1)."""

    usage: int
    selector: int
    matching_type: int
    data: bytes

    def text(self) -> str:
        """Presentation form without spaces inside the hexadecimal part (RFC 8460 section 4.5)."""
        return f"{self.usage} {self.selector} {self.matching_type} {self.data.hex()}"


@dataclass(frozen=True, slots=True)
class TxtRecord:
    strings: tuple[bytes, ...]

    def joined(self) -> str:
        """The character-strings without separator; an octet beyond ASCII becomes a replacement character."""
        return b"".join(self.strings).decode("ascii", "replace")


Record = MxRecord | TlsaRecord | TxtRecord | str
"""Addresses, CNAME targets, SOA and DS records are text (case kept, no trailing dot); the others have a class each."""


@dataclass(frozen=True, slots=True)
class Alias:
    """One CNAME on the way to an answer, as a link of its chain: `owner` is an alias of `target`."""

    owner: str
    target: str


@dataclass(frozen=True, slots=True)
class Found:
    """Records of the type asked for."""

    records: tuple[Record, ...]
    security: Security
    """SECURE or INSECURE, of the whole chain: one insecure link makes it insecure (RFC 7672 section 2.1.3)."""
    ttl: int
    chain: tuple[Alias, ...] = ()
    zone: str = field(default="", compare=False)
    """Who signed what stands at the name asked for, in lower case; "" where the resolver passes no signatures on."""

    @property
    def secure(self) -> bool:
        return self.security is Security.SECURE


@dataclass(frozen=True, slots=True)
class Denied:
    """The name or the type does not exist: an ordinary answer (RFC 7672 section 2.1.1)."""

    denial: Denial
    security: Security
    """SECURE or INSECURE."""
    ttl: int
    chain: tuple[Alias, ...] = ()

    @property
    def secure(self) -> bool:
        return self.security is Security.SECURE


@dataclass(frozen=True, slots=True)
class LookupFailed:
    """No answer that may be used: SERVFAIL, bogus, timeout, malformed, a loop (RFC 7672 section 2.1.1)."""

    security: Security
    """BOGUS where the resolver said so (EDE), else FAILED."""
    code: str
    """A stable token: an rcode (`SERVFAIL`), with EDE `SERVFAIL EDE 6`, or `bogus`, `timeout`, `malformed`,
    `cname-loop`, `dnssec-lost`, `network`, `not-recursive`, `bad-name`."""
    detail: str = ""
    """For logs: the name asked, the resolver, the EDE's text."""

    @property
    def secure(self) -> bool:
        """Never: nothing was learnt."""
        return False

    @property
    def bogus(self) -> bool:
        return self.security is Security.BOGUS


Answer = Found | Denied | LookupFailed


class Resolver(Protocol):
    """The seam: everything that asks DNS takes one of these."""

    @property
    def generation(self) -> int:
        """Another number than before where earlier answers no longer count: whoever keeps what follows from answers
        throws away what was made under another one.
        """
        ...

    async def lookup(self, name: str, rtype: RecordType) -> Answer:
        """Ask for `name` (A-labels, no trailing dot needed), following CNAMEs. Never raises for what DNS can do."""
        ...
