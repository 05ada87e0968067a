"""What became of a message, for each recipient: a closed union (RFC 5321 section 4.2, RFC 3463, RFC 3464)."""

from __future__ import annotations

from dataclasses import dataclass, field

from tlswitness.policy.plan import Tag


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who sends to whom (RFC 5321 section 2.3.1)."""

    sender: str
    """The reverse-path without angle brackets; "" is the null one."""
    recipients: tuple[str, ...]
    smtputf8: bool = False
    """The message or an address needs RFC 6531."""
    eight_bit: bool = False
    """The message has octets beyond ASCII (RFC 6152)."""
    require_tls: bool = False
    """REQUIRETLS (RFC 8689): only to servers that are authenticated and pass the demand on, else not at all; a
    `TLS-Required` field in the header is ignored then. With the null sender a lack of it does not lose the message."""

    def __post_init__(self) -> None:
        given: object = self.recipients
        if isinstance(given, str):  # its characters would be taken for recipients
            raise TypeError("recipients: a tuple of addresses is wanted, not one string")


@dataclass(frozen=True, slots=True)
class Relay:
    """The MX that answered."""

    host: str
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}[{self.address}]:{self.port}"


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """How a message travelled."""

    protocol: str
    """`TLSv1.3`; "" for clear text."""
    cipher: str = ""
    verified_by: tuple[str, ...] = ()
    """The policies that the session passed: `sts`, `tlsa`; empty: encrypted, not authenticated."""


CLEAR_TEXT = TlsFacts("")


@dataclass(frozen=True, slots=True)
class Delivered:
    recipient: str
    status: str
    """Enhanced status code, `2.0.0` where the server gave none."""
    text: str
    """The server's reply, as a DSN would carry it."""
    relay: Relay
    tls: TlsFacts = field(default=CLEAR_TEXT)


@dataclass(frozen=True, slots=True)
class Deferred:
    """To be tried again later."""

    recipient: str
    status: str
    text: str
    relay: Relay | None = None
    uncertain: bool = False
    """The whole message was sent and no reply came back: the server may have it all the same."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Never to be tried again: a bounce."""

    recipient: str
    status: str
    text: str
    relay: Relay | None = None


RecipientOutcome = Delivered | Deferred | Failed


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """What became of one message, in the order of its recipients."""

    recipients: tuple[RecipientOutcome, ...]
    tag: Tag = Tag.NORMAL
    """How the message was tagged (RFC 8689). A bounce is its caller's to make, and the tag says how (section 5).

    REQUIRE: at most the header comes back with it, as with RET=HDRS, whatever RET said; its envelope has the null
    sender and `require_tls` again, or else nothing of the message is in it. OPTIONAL and NORMAL: as ever.
    """
