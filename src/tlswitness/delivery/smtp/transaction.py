"""Messages through an open session: MAIL, RCPT, DATA, the content, and what became of each recipient. No I/O.

    transact(capabilities, envelope, content)       -> Transaction
    transact_each(capabilities, next_job)           -> None | Parted | Refused | Lost

`next_job` gives one message after the other, and `Then` when it has none: what becomes of the session.

Where the server offers PIPELINING the commands of a message go out together, and with `transact_each` also with the
content of the message before: one round trip for each message (RFC 2920 section 3.1 allows both). RFC 5321 sections
3.3, 4.1.1, 4.5.3. Not here: which server comes next, and what a refusal means for the queue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tlswitness.delivery.outcome import Envelope
from tlswitness.delivery.smtp.capabilities import Capabilities
from tlswitness.delivery.smtp.message import END, Content
from tlswitness.delivery.smtp.outgoing import (
    Ended,
    Job,
    Later,
    Never,
    Outgoing,
    Parted,
    RecipientResult,
    Taken,
    Transaction,
)
from tlswitness.delivery.smtp.reply import ProtocolError, Reply
from tlswitness.delivery.smtp.talk import (
    DEFAULT_TIMEOUTS,
    Gone,
    Lost,
    Refused,
    Stage,
    Talk,
    Timeouts,
    Write,
    ask,
    read,
)

__all__ = [
    "Ended",
    "Job",
    "Later",
    "Never",
    "Parted",
    "RecipientResult",
    "Taken",
    "Then",
    "Transaction",
    "transact",
    "transact_each",
]

START_MAIL = 354
"""The reply that asks for the content."""
WITHDRAWN = ProtocolError("the message was withdrawn")


class Then(Enum):
    """What becomes of a session when no message is left for it."""

    STAY = "it can carry more later"
    PART = "QUIT, in the same breath as the last content where that is allowed"


def transact(
    capabilities: Capabilities,
    envelope: Envelope,
    content: Content,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
    then: Then = Then.STAY,
) -> Talk[Transaction]:
    """One message."""
    settled: list[Transaction] = []
    jobs = [Job(envelope, content, settled.append)]
    ended = yield from transact_each(capabilities, lambda: jobs.pop() if jobs else then, timeouts)
    return Transaction(settled[0].results, ended)


def transact_each(
    capabilities: Capabilities, next_job: Callable[[], Job | Then], timeouts: Timeouts = DEFAULT_TIMEOUTS
) -> Talk[Ended | None]:
    """One message after the other until `next_job` has none, each settled when its outcome is known.

    `next_job` is called when the content of the message before is about to be written, so that the commands of the next
    can go with it, and once more when that is settled; after `Then.PART` it may not be called again. A job that it gave
    is settled, unless the conversation itself is broken off. None: the session is ready for more.
    """
    return (yield from _Dialogue(capabilities, next_job, timeouts).run())


@dataclass(slots=True)
class _Dialogue:
    """What the messages of one conversation share."""

    capabilities: Capabilities
    next_job: Callable[[], Job | Then]
    timeouts: Timeouts
    then: Then = Then.STAY
    """What `next_job` said last when it had no message."""
    following: Outgoing | None = None
    """Its commands have been written behind the content of the message before."""
    dirty: bool = False
    """The server holds half a transaction: RSET first."""
    parted: bool = False
    """QUIT has been written."""

    def run(self) -> Talk[Ended | None]:
        current = self._take()
        while current is not None:
            ended = yield from self._envelope(current)
            if ended is None:
                ended = yield from (self._content(current) if current.open else self._tidy())
            if ended is not None:
                current.settle(ended)
                if self.following is not None:
                    self.following.settle(ended)
                return ended
            current.settle(Parted() if self.parted else None)
            if self.parted:
                break
            current, self.following = self.following or self._take(), None
        return (yield from self._finish())

    def _take(self) -> Outgoing | None:
        """The next message that this server can be asked to take; the others are settled here."""
        while isinstance(job := self.next_job(), Job):
            message = Outgoing(job, self.capabilities)
            if message.recipients:
                return message
            message.settle(None)
        self.then = job
        return None

    def _opening(self, message: Outgoing) -> Write:
        """All commands of `message`, in one group."""
        lines = [message.mail, *message.recipients.values(), b"DATA\r\n"]
        if self.dirty:
            lines.insert(0, b"RSET\r\n")
        message.written = True
        return Write(b"".join(lines), replies=len(lines))

    def _envelope(self, message: Outgoing) -> Talk[Ended | None]:
        """MAIL, RCPT and DATA. Afterwards the message is open, or every recipient has its result."""
        pipelined = self.capabilities.pipelining
        if pipelined and not message.written:
            yield self._opening(message)
        if self.dirty:
            ended = yield from self._reset(self._step(b"RSET\r\n", self.timeouts.quit))
            if ended is not None:
                return ended
        mail = yield from self._step(message.mail, self.timeouts.mail)
        if not isinstance(mail, Reply) or mail.closing:
            return _ended(Stage.MAIL, mail)
        if not mail.positive:
            message.refuse(mail)
            if not pipelined:
                return None
        for place, line in message.recipients.items():
            reply = yield from self._step(line, self.timeouts.rcpt)
            if not isinstance(reply, Reply) or reply.closing:
                return _ended(Stage.RCPT, reply)
            message.answer(place, reply)
        self.dirty = mail.positive
        if not message.accepted and not pipelined:
            return None
        return (yield from self._data(message, mail))

    def _data(self, message: Outgoing, mail: Reply) -> Talk[Ended | None]:
        """DATA. With nobody to go to, a 354 must be answered with an empty message (RFC 2920 section 3.1)."""
        reply = yield from self._step(b"DATA\r\n", self.timeouts.data)
        if not isinstance(reply, Reply) or reply.closing:
            return _ended(Stage.DATA, reply)
        if reply.code != START_MAIL:
            message.refuse(reply)
            return None
        self.dirty = False
        if mail.positive and message.accepted:
            message.open = True
            return None
        if message.accepted:
            return Lost(Stage.DATA, ProtocolError("DATA was accepted after MAIL was refused"))
        nothing = yield from ask(END, self.timeouts.dot)
        if not isinstance(nothing, Reply) or nothing.closing:
            return _ended(Stage.CONTENT, nothing)
        return None

    def _content(self, message: Outgoing) -> Talk[Ended | None]:
        """The content and, as far as pipelining allows, what comes after it."""
        if not message.job.depart():
            return Lost(Stage.DATA, WITHDRAWN)  # only the end of the connection makes a server forget an open message
        pipelined = self.capabilities.pipelining
        if pipelined:
            self.following = self._take()
        message.complete = (yield Write(message.job.content.wire)) is None
        if self.following is not None:
            yield self._opening(self.following)
        elif pipelined and self.then is Then.PART:
            self.parted = True
            yield Write(b"QUIT\r\n")
        reply = yield from read(self.timeouts.dot)
        if not isinstance(reply, Reply) or reply.closing:
            return _ended(Stage.CONTENT, reply)
        if reply.positive and not message.complete:
            return Lost(Stage.CONTENT, ProtocolError("half a message was accepted"))
        message.decide(reply)
        return None

    def _tidy(self) -> Talk[Ended | None]:
        """After a message that nobody gets: where none follows, the session is made clean before anyone is told."""
        self.following = self._take()
        if self.dirty and self.following is None and self.then is Then.STAY:
            return (yield from self._reset(ask(b"RSET\r\n", self.timeouts.quit)))
        return None

    def _finish(self) -> Talk[Ended | None]:
        """Leave the session, if it is not to stay."""
        if self.then is Then.STAY:
            return None
        if not self.parted:
            yield Write(b"QUIT\r\n")
        yield from read(self.timeouts.quit)
        return Parted()

    def _reset(self, answer: Talk[Reply | Gone]) -> Talk[Ended | None]:
        reply = yield from answer
        self.dirty = False
        if not isinstance(reply, Reply):
            return Lost(Stage.RESET, reply)
        return None if reply.positive else Refused(Stage.RESET, reply)

    def _step(self, line: bytes, timeout: float) -> Talk[Reply | Gone]:
        """The reply to a command, which with pipelining has been written already."""
        return read(timeout) if self.capabilities.pipelining else ask(line, timeout)


def _ended(stage: Stage, answer: Reply | Gone) -> Ended:
    """The session is over: by 421, which may answer any command (RFC 5321 section 3.8), or without a word."""
    return Refused(stage, answer) if isinstance(answer, Reply) else Lost(stage, answer)
