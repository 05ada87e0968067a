"""What the supervisor and a module's process say to each other: an order at the start, then words.

Separate because both sides read and write it. The order is one JSON line on descriptor 0; behind it come the words
`DRAIN` and `STOP`, and the end of the file means the latter: whoever dies stops his modules. What the process says
are JSON lines on a pipe of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from tlswitness.hooks.spec import ModuleSpec

STOP = b"stop\n"
"""Finish the call under way and end."""
DRAIN = b"drain\n"
"""Tell what the journal holds, and end."""
MAX_ORDER = 1000 * 1024
"""Octets of an order: with the words behind it, it fits into the largest pipe."""
MAX_WORDS = 2000
"""Characters of text in one message: a module's error may hold a whole data point, or the module's own book."""
MAX_MESSAGE = 32 * 1024
"""Octets of a message; the supervisor reads no further."""

EXIT_REFUSED = 240
"""Exit status of a process whose module did not load; it said why."""
EXIT_MEMORY = 241
"""... that ran out of memory, and whose module is to be told the point again by a new one."""
EXIT_BUSY = 242
"""... that another process of the same module kept from starting; it said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All that a module's process has to know."""

    spec: ModuleSpec
    journal: str
    """The directory of the segments."""
    home: str
    """The module's own directory, where its progress file and its lock are."""
    messages: int
    """The descriptor that takes what the process says."""
    parent: int
    """Process id of the supervisor: without it nobody lives on."""
    check: bool = False
    """Load the module, say what came of it, and end: no lock, no cursor, no call."""


class Loaded(msgspec.Struct, frozen=True, tag="loaded"):
    """The module has loaded; what comes now are calls."""

    file: str = ""
    """The file that it came from: when it changes, there is something new to load."""


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """It has not, or may not start now; the process ends."""

    reason: str


TroubleKind = Literal["error", "retry", "damage", "disk", "dead letter", "end"]
"""`error`: a call raised. `end`: the module's own end did."""


class Trouble(msgspec.Struct, frozen=True, tag="trouble"):
    """Something for the log; many of a kind are said once."""

    kind: TroubleKind
    text: str


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The process ends as it was told to; whatever happens to it now is no death."""


Message = Loaded | Refused | Trouble | Ended

_message: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_order = msgspec.json.Decoder(Order)


def order_line(order: Order) -> bytes:
    return msgspec.json.encode(order) + b"\n"


def read_order(line: bytes) -> Order:
    """Raises ValueError for what is no order."""
    try:
        return _order.decode(line)
    except msgspec.MsgspecError as error:
        raise ValueError(f"no order for a module's process: {error}") from error


def message_line(message: Message) -> bytes:
    """One line of at most MAX_MESSAGE octets."""
    match message:
        case Loaded(file):
            message = Loaded(_words(file))
        case Refused(reason):
            message = Refused(_words(reason))
        case Trouble(kind, text):
            message = Trouble(kind, _words(text))
        case Ended():
            pass
    return msgspec.json.encode(message) + b"\n"


def read_message(line: bytes) -> Message | None:
    """None for what is none: a module may write to any descriptor of its process."""
    try:
        return _message.decode(line)
    except msgspec.MsgspecError:
        return None


def _words(text: str) -> str:
    """Bounded, and without the halves of characters that a module's text may have."""
    return text[:MAX_WORDS].encode("utf-8", "backslashreplace").decode("utf-8")
