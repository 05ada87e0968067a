"""Messages through an open session: MAIL, RCPT, DATA, the content, and what became of each recipient. No I/O.

    transact(capabilities, envelope, content)       -> Transaction
    transact_each(capabilities, next_job)           -> None | Parted | Refused | Lost

Where the server offers PIPELINING the commands of a message go out together, and with `transact_each` also with the
content of the message before: one round trip for each message (RFC 2920 section 3.1 allows both). RFC 5321 sections
3.3, 4.1.1, 4.5.3. Not here: which server comes next, and what a refusal means for the queue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
    "Transaction",
    "transact",
    "transact_each",
]

START_MAIL = 354
"""The reply that asks for the content."""


def transact(
    capabilities: Capabilities,
    envelope: Envelope,
    content: Content,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
    *,
    part: bool = False,
) -> Talk[Transaction]:
    """One message. With `part`, QUIT follows it, in the same breath where that is allowed."""
    settled: list[Transaction] = []
    jobs = [Job(envelope, content, settled.append)]
    ended = yield from transact_each(capabilities, lambda: jobs.pop() if jobs else None, timeouts, part=part)
    return Transaction(settled[0].results, ended)


def transact_each(
    capabilities: Capabilities,
    next_job: Callable[[], Job | None],
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
    *,
    part: bool = False,
) -> Talk[Ended | None]:
    """One message after the other until `next_job` has none, each settled when its outcome is known.

    `next_job` is called when the content of the message before is about to be written, so that the commands of the next
    can go with it. A job that it gave is settled, unless the conversation itself is cancelled. None: the session is
    ready for more.
    """
    return (yield from _Dialogue(capabilities, next_job, timeouts, part).run())


@dataclass(slots=True)
class _Dialogue:
    """What the messages of one conversation share."""

    capabilities: Capabilities
    next_job: Callable[[], Job | None]
    timeouts: Timeouts
    part: bool
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
            if ended is None and current.open:
                ended = yield from self._content(current)
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
        while (job := self.next_job()) is not None:
            message = Outgoing(job, self.capabilities)
            if message.recipients:
                return message
            message.settle(None)
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
        pipelined = self.capabilities.pipelining
        if pipelined:
            self.following = self._take()
        message.complete = (yield Write(message.job.content.wire)) is None
        if self.following is not None:
            yield self._opening(self.following)
        elif self.part and pipelined:
            self.parted = True
            yield Write(b"QUIT\r\n")
        reply = yield from read(self.timeouts.dot)
        if not isinstance(reply, Reply) or reply.closing:
            return _ended(Stage.CONTENT, reply)
        if reply.positive and not message.complete:
            return Lost(Stage.CONTENT, ProtocolError("half a message was accepted"))
        message.decide(reply)
        return None

    def _finish(self) -> Talk[Ended | None]:
        """Leave the session clean, or not at all."""
        if self.part:
            if not self.parted:
                yield Write(b"QUIT\r\n")
            yield from read(self.timeouts.quit)
            return Parted()
        if self.dirty:
            return (yield from self._reset(ask(b"RSET\r\n", self.timeouts.quit)))
        return None

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
