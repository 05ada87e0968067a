"""The lab's DNS as data: what each name and type answers, and how far that is secure.

Separate from the sockets, so that a scenario reads as a list of facts. Security is part of the data, not a mode of
the server: what a validating resolver would say about a signed, an unsigned or a broken zone (RFC 7672 section 2.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tlswitness.dns.answer import MxRecord, Record, RecordType, TlsaRecord, TxtRecord

DEFAULT_TTL = 300
"""Seconds."""
MAX_ALIASES = 16
"""Aliases that the server follows before it leaves the rest of the chain to whoever asks."""


@dataclass(frozen=True, slots=True)
class Records:
    """An RRset of the type under which it is entered."""

    records: tuple[Record, ...]
    secure: bool = True
    ttl: int = DEFAULT_TTL


@dataclass(frozen=True, slots=True)
class Missing:
    """A denial: NXDOMAIN if `name` is set, else NODATA."""

    name: bool = True
    secure: bool = True
    ttl: int = DEFAULT_TTL


@dataclass(frozen=True, slots=True)
class Cname:
    """An alias, with the security of this hop alone; entered under CNAME, it answers for all types of the name."""

    target: str
    """Case is kept."""
    secure: bool = True
    ttl: int = DEFAULT_TTL
    finished: bool = True
    """False: the server leaves the target to whoever asks."""


@dataclass(frozen=True, slots=True)
class Failing:
    """An error, by the name of its rcode, with an extended error where `ede` is given (RFC 8914)."""

    rcode: str = "SERVFAIL"
    ede: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Silent:
    """No answer at all."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """The right header and question, then octets that are no records."""


@dataclass(frozen=True, slots=True)
class WrongQuestion:
    """A response to another question."""


@dataclass(frozen=True, slots=True)
class WrongId:
    """A response to another query."""


@dataclass(frozen=True, slots=True)
class WrongName:
    """The right question, and these records under a name that was not asked for."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class NeverWhole:
    """TC over UDP, and over TCP again: there is no whole response to be had."""


@dataclass(frozen=True, slots=True)
class HungUp:
    """TC over UDP; over TCP the connection is closed without a word."""


@dataclass(frozen=True, slots=True)
class Stuffed:
    """Good records, and with them as many others as are named here: signatures, and what nobody asked for."""

    records: tuple[Record, ...]
    signatures: int = 0
    additional: int = 0


@dataclass(frozen=True, slots=True)
class Truncated:
    """TC over UDP, the real response over TCP."""

    reply: Records | Missing | Cname | Failing | Silent | Malformed


Misleading = WrongQuestion | WrongId | WrongName | NeverWhole | HungUp | Stuffed
"""Responses that no honest server gives."""
Reply = Records | Missing | Cname | Failing | Silent | Malformed | Truncated | Misleading

BOGUS = Failing("SERVFAIL", 6, "signature did not verify")
"""What a validating resolver says of a zone whose signatures are wrong."""
NXDOMAIN = Missing(name=True)
NODATA = Missing(name=False)

Key = tuple[str, RecordType | None]
"""A name in lower case without a trailing dot; None stands for all types that have no entry of their own."""


class Zone:
    """All names of the lab. May be changed at any time, also while it is served.

    What is not entered: a name below which there are others, or which has other types, gives NODATA; any other name
    NXDOMAIN. Both are as secure as the nearest name above it that has data, and secure where there is none.
    """

    def __init__(self, default_ttl: int = DEFAULT_TTL) -> None:
        self._ttl = default_ttl
        self._replies: dict[Key, Reply] = {}

    def set(self, name: str, rtype: RecordType | None, reply: Reply) -> None:
        """Enter a reply, in place of an earlier one. Raises ValueError on an alias under another type than CNAME."""
        if isinstance(reply, Cname) and rtype is not RecordType.CNAME:
            raise ValueError(f"{name} {rtype}: an alias is entered under CNAME")
        self._replies[_key(name), rtype] = reply

    def remove(self, name: str, rtype: RecordType | None = None) -> None:
        """Take out one type of a name; without a type, the whole name."""
        wanted = _key(name)
        for key in [key for key in self._replies if key[0] == wanted and (rtype is None or key[1] is rtype)]:
            del self._replies[key]

    def withdraw(self, domain: str) -> None:
        """Take out a domain and all below it."""
        top = _key(domain)
        for key in [key for key in self._replies if key[0] == top or key[0].endswith(f".{top}")]:
            del self._replies[key]

    def mx(self, name: str, *records: tuple[int, str], secure: bool = True) -> None:
        """`zone.mx("example.com", (10, "mx.example.com"))`; "" is the null MX."""
        values = tuple(MxRecord(preference, exchange.removesuffix(".")) for preference, exchange in records)
        self._records(name, RecordType.MX, values, secure)

    def address(self, name: str, *addresses: str, secure: bool = True) -> None:
        """A and AAAA records, by the look of each address; a family without one gives NODATA."""
        by_type = {
            RecordType.A: [a for a in addresses if ":" not in a],
            RecordType.AAAA: [a for a in addresses if ":" in a],
        }
        for rtype, values in by_type.items():
            if values:
                self._records(name, rtype, tuple(values), secure)
            else:
                self.set(name, rtype, Missing(name=False, secure=secure, ttl=self._ttl))

    def tlsa(self, host: str, *records: TlsaRecord, port: int = 25, secure: bool = True) -> None:
        """The TLSA RRset of a TCP port of `host`."""
        self._records(f"_{port}._tcp.{host}", RecordType.TLSA, records, secure)

    def txt(self, name: str, *texts: str, secure: bool = True) -> None:
        """One TXT record for each text, cut into character-strings of 255 octets."""
        values = tuple(TxtRecord(_strings(text.encode())) for text in texts)
        self._records(name, RecordType.TXT, values, secure)

    def alias(self, name: str, target: str, *, secure: bool = True) -> None:
        """A CNAME; its target has an entry of its own, or does not exist."""
        self.set(name, RecordType.CNAME, Cname(target, secure=secure, ttl=self._ttl))

    def find(self, name: str, rtype: RecordType | None) -> Reply:
        """What the server is to answer for this name; `None` is a type that is unknown here."""
        name = _key(name)
        alias = self._replies.get((name, RecordType.CNAME))
        for reply in (
            self._replies.get((name, rtype)),
            alias if _is_alias(alias) else None,
            self._replies.get((name, None)),
        ):
            if reply is not None:
                return reply
        secure = all(map(_is_secure, self._nearest(name)))
        return Missing(name=not self._exists(name), secure=secure, ttl=self._ttl)

    def change(self, wanted: Callable[[Key], bool], change: Callable[[Reply], Reply]) -> None:
        """Put `change(reply)` in place of each reply whose key is wanted: an outage, a zone without signatures."""
        for key, reply in list(self._replies.items()):
            if wanted(key):
                self._replies[key] = change(reply)

    def has(self, name: str) -> bool:
        """Whether anything is entered for this very name."""
        name = _key(name)
        return any(owner == name for owner, _ in self._replies)

    def signer(self, name: str) -> str:
        """The nearest name at or above `name` that has a DS record: the zone that signs it; "" is the root."""
        name = _key(name)
        while name and not isinstance(self._replies.get((name, RecordType.DS)), Records):
            name = name.partition(".")[2]
        return name

    def _records(self, name: str, rtype: RecordType, values: tuple[Record, ...], secure: bool) -> None:
        self.set(name, rtype, Records(values, secure, self._ttl))

    def _exists(self, name: str) -> bool:
        # RFC 8020: a name that has names below it exists.
        return any(owner == name or owner.endswith(f".{name}") for owner, _ in self._replies)

    def _nearest(self, name: str) -> list[Reply]:
        while name:
            if replies := [reply for (owner, _), reply in self._replies.items() if owner == name]:
                return replies
            name = name.partition(".")[2]
        return []


def insecure(reply: Reply) -> Reply:
    """The same from an unsigned zone."""
    match reply:
        case Records() | Missing() | Cname():
            return replace(reply, secure=False)
        case _:
            return reply


def _is_alias(reply: Reply | None) -> bool:
    return isinstance(reply.reply if isinstance(reply, Truncated) else reply, Cname)


def _is_secure(reply: Reply) -> bool:
    return not isinstance(reply, Records | Missing | Cname) or reply.secure


def _strings(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[start : start + 255] for start in range(0, len(data), 255)) or (b"",)


def _key(name: str) -> str:
    return name.lower().removesuffix(".")
