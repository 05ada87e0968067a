"""SMTP as a client speaks it, without I/O: replies, commands, and conversations (RFC 5321, 3207, 2920, 6531).

Separate because a protocol without sockets can be tested with every misbehaviour there is. `reply` and `capabilities`
read what a server says, `message`, `address` and `outgoing` write what we say; `conversation` and `transaction` are
generators in the words of `talk`, which `tlswitness.delivery.connection` performs.
"""

from tlswitness.delivery.smtp.capabilities import NO_CAPABILITIES, Capabilities
from tlswitness.delivery.smtp.conversation import (
    Greeted,
    TlsFailed,
    TlsUp,
    greet,
    hang_up,
    hello_after_tls,
    reset,
    starttls,
)
from tlswitness.delivery.smtp.message import Content, prepare
from tlswitness.delivery.smtp.outgoing import Ended, Job, Later, Never, Parted, RecipientResult, Taken, Transaction
from tlswitness.delivery.smtp.reply import ProtocolError, Reply
from tlswitness.delivery.smtp.talk import Lost, PeerClosed, Refused, Stage, Strength, TimedOut, Timeouts
from tlswitness.delivery.smtp.transaction import Then, transact, transact_each

__all__ = [
    "NO_CAPABILITIES",
    "Capabilities",
    "Content",
    "Ended",
    "Greeted",
    "Job",
    "Later",
    "Lost",
    "Never",
    "Parted",
    "PeerClosed",
    "ProtocolError",
    "RecipientResult",
    "Refused",
    "Reply",
    "Stage",
    "Strength",
    "Taken",
    "Then",
    "TimedOut",
    "Timeouts",
    "TlsFailed",
    "TlsUp",
    "Transaction",
    "greet",
    "hang_up",
    "hello_after_tls",
    "prepare",
    "reset",
    "starttls",
    "transact",
    "transact_each",
]
