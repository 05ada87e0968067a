"""One message on its way to one server: the commands it takes, what the server lacks for it, and each recipient's
result.

Separate from the dialogue of `transaction` because all of this is known without asking anybody. RFC 5321 sections 3.3
and 4.1.1; RFC 1870, 6152, 6531, 8689; RFC 3463 for the status codes of refusals of our own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tlswitness.delivery.outcome import Envelope
from tlswitness.delivery.smtp.address import BadAddress, path
from tlswitness.delivery.smtp.capabilities import Capabilities
from tlswitness.delivery.smtp.message import Content
from tlswitness.delivery.smtp.reply import Reply
from tlswitness.delivery.smtp.talk import Event, Lost, Overtaken, Refused
from tlswitness.policy.plan.required import NOT_SUPPORTED

TOO_MANY = frozenset({452, 552})
"""To RCPT they may mean too many recipients for one message, which another one cures (RFC 5321 section 4.5.3.1.10)."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The server answers for the message from here on."""

    status: str
    text: str


@dataclass(frozen=True, slots=True)
class Later:
    """Not now."""

    status: str
    text: str
    uncertain: bool = False
    """The whole message was written and no reply to it was read: the server may have it all the same."""
    crowded: bool = False
    """The message may have had too many recipients: the next one may take this one along."""


@dataclass(frozen=True, slots=True)
class Never:
    """Not by this server, ever."""

    status: str
    text: str


RecipientResult = Taken | Later | Never


@dataclass(frozen=True, slots=True)
class Parted:
    """QUIT was said: the session has come to its proper end."""


Ended = Refused | Lost | Parted
"""Why the session can carry no further message. `Refused`: by 421, or a RSET that failed."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """What became of one message."""

    results: tuple[RecipientResult, ...]
    """In the order of the envelope's recipients."""
    ended: Ended | None = None

    @property
    def reusable(self) -> bool:
        return self.ended is None


@dataclass(frozen=True, slots=True)
class Job:
    """A message, and whom to tell about it."""

    envelope: Envelope
    content: Content
    settle: Callable[[Transaction], None]
    """Called once, as soon as the outcome is known. Must not raise."""
    depart: Callable[[], bool] = lambda: True
    """Called when the content is about to be written, from when on the server may have the message. False: nobody wants
    it to be sent any more."""


class Outgoing:
    """A job while it is being done."""

    __slots__ = (
        "_results",
        "accepted",
        "chunked",
        "complete",
        "job",
        "mail",
        "open",
        "recipients",
        "reset",
        "unseen",
        "written",
    )

    def __init__(self, job: Job, capabilities: Capabilities) -> None:
        self.job = job
        self.mail = b""
        """The MAIL command; empty where the message cannot be sent to this server at all."""
        self.recipients: dict[int, bytes] = {}
        """The RCPT commands, by place in the envelope."""
        self.accepted: list[int] = []
        """The recipients that RCPT took."""
        self.chunked = False
        """Its content goes with its commands, by BDAT."""
        self.reset = False
        """RSET goes before its commands."""
        self.written = False
        """Its commands are on their way."""
        self.open = False
        """354 has been received."""
        self.complete = False
        """All of the content has been written."""
        self.unseen = True
        """A reply to it may have come before the server can have seen all of it."""
        self._results: dict[int, RecipientResult] = {}
        mail = _mail(job, capabilities)
        if isinstance(mail, Never):
            self._results = dict.fromkeys(range(len(job.envelope.recipients)), mail)
            return
        self.mail = mail
        for place, recipient in enumerate(job.envelope.recipients):
            target = path(recipient, capabilities) if recipient else BadAddress("it is empty")
            if isinstance(target, BadAddress):
                self._results[place] = _unsent("recipient", target, "5.1.3")
            else:
                self.recipients[place] = b"RCPT TO:%b\r\n" % target

    def sent(self, written: Event) -> None:
        """What became of writing the content. One that a reply overtakes is written, and not answered (RFC 5321 section
        4.2.5): nobody can answer for what he has not seen.
        """
        self.complete = written is None or isinstance(written, Overtaken)
        self.unseen = written is not None

    def answer(self, place: int, reply: Reply) -> None:
        """The reply to one RCPT."""
        if reply.positive:
            self.accepted.append(place)
        elif reply.code in TOO_MANY:
            self._results.setdefault(place, Later("4" + reply.status[1:], reply.text, crowded=True))
        else:
            self._results.setdefault(place, _refusal(reply))

    def refuse(self, reply: Reply) -> None:
        """For every recipient that has no result yet."""
        self._rest(_refusal(reply))

    def give_up(self, why: Refused | Lost) -> None:
        """To be tried again: the server certainly has not taken it."""
        self._rest(Later(why.status, why.text))

    def decide(self, reply: Reply) -> None:
        """The reply to the content, for every recipient that was accepted."""
        self._rest(Taken(reply.status, reply.text) if reply.positive else _refusal(reply))

    def settle(self, ended: Ended | None) -> None:
        """Tell the outcome. Who has no result when the session ends is to be tried again.

        After 421 a server reads no more. One that only refused RSET goes on, with all that was written behind it.
        """
        if ended is not None and not isinstance(ended, Parted):
            over = isinstance(ended, Refused) and ended.reply.closing
            self._rest(Later(f"4{ended.status[1:]}", ended.text, uncertain=self.complete and not over))
        places = range(len(self.job.envelope.recipients))
        self.job.settle(Transaction(tuple([self._results[place] for place in places]), ended))

    def _rest(self, result: RecipientResult) -> None:
        for place in self.recipients:
            self._results.setdefault(place, result)


def _mail(job: Job, capabilities: Capabilities) -> bytes | Never:
    """The MAIL command, or what the message needs and the server lacks. Converting it is not ours to do."""
    envelope, content = job.envelope, job.content
    addresses_ascii = envelope.sender.isascii() and all(map(str.isascii, envelope.recipients))
    eight_bit = envelope.eight_bit or content.eight_bit
    if capabilities.size is not None and content.size > capabilities.size:
        return Never("5.3.4", f"the message has {content.size} octets, the server takes {capabilities.size}")
    if envelope.smtputf8 and not capabilities.smtp_utf8:
        status = "5.6.9" if addresses_ascii else "5.6.7"
        return Never(status, "the message needs SMTPUTF8, which the server does not offer")
    if eight_bit and not capabilities.eight_bit_mime:
        return Never("5.6.3", "the message needs 8BITMIME, which the server does not offer")
    if envelope.require_tls and not capabilities.require_tls:
        return Never(NOT_SUPPORTED, "the message requires TLS, and the server does not offer REQUIRETLS")
    sender = path(envelope.sender, capabilities)
    if isinstance(sender, BadAddress):
        return _unsent("sender", sender, "5.1.7")
    size = b" SIZE=%d" % content.size if "SIZE" in capabilities.keywords else b""
    body = b" BODY=8BITMIME" if eight_bit else b""
    utf8 = b" SMTPUTF8" if capabilities.smtp_utf8 and (envelope.smtputf8 or not addresses_ascii) else b""
    require_tls = b" REQUIRETLS" if envelope.require_tls else b""
    return b"MAIL FROM:%b%b%b%b%b\r\n" % (sender, size, body, utf8, require_tls)


def _unsent(who: str, bad: BadAddress, status: str) -> Never:
    return Never("5.6.7" if bad.needs_utf8 else status, f"{who} address not sent: {bad.reason}")


def _refusal(reply: Reply) -> Later | Never:
    """A 2yz or 3yz where it has no place is no promise of anything: try again later."""
    if reply.permanent:
        return Never(reply.status, reply.text)
    return Later(reply.status if reply.code >= 400 else "4.5.0", reply.text)
