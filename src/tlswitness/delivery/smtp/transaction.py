"""Messages through an open session: MAIL, RCPT, the content, and what became of each recipient. No I/O.

    transact(capabilities, envelope, content)       -> Transaction
    transact_each(capabilities, next_job)           -> None | Parted | Refused | Lost

`next_job` gives one message after the other, and `Then` when it has none: what becomes of the session.

Three dialogues, by what the server offers. In lockstep each command waits for its reply. With PIPELINING the commands
of a message go out together, and with the content of the message before: one round trip for each message (RFC 2920
section 3.1 allows both). With CHUNKING too, a content that is not long goes right behind its commands, and other
messages behind that: many messages in one round trip (RFC 3030 sections 2 and 4.2). RFC 5321 sections 3.3, 4.1.1,
4.5.3. Not here: which server comes next, and what a refusal means for the queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
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
UNKNOWN_COMMAND = frozenset({500, 502})
"""To BDAT: the server offers CHUNKING and does not have it, and reads the content as commands now."""
NO_CHUNKING = ProtocolError("CHUNKING was offered, and BDAT is not known")
HALF = ProtocolError("half a message was accepted")
WITHDRAWN = ProtocolError("the message was withdrawn")
MAX_AHEAD = 8
"""Messages on their way in one session with CHUNKING. Should it break, the fate of as many is uncertain."""
MAX_OCTETS_AHEAD = 128 * 1024
"""Octets of such messages: they must fit into buffers while the server takes its time for the first one."""
MAX_CHUNK = 64 * 1024
"""Octets of a content that is written before it is known whether anyone may have it."""


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
    capabilities: Capabilities,
    next_job: Callable[[], Job | Then],
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
    *,
    idle: bool = False,
) -> Talk[Ended | None]:
    """One message after the other until `next_job` has none, each settled when its outcome is known.

    `next_job` is called whenever the commands of another message can go out, and once more when all are settled; after
    `Then.PART` it may not be called again. A job that it gave is settled, unless the conversation itself is broken off.
    None: the session is ready for more.

    After a time in which the session was `idle` the server may be about to close it: then the first message goes by
    DATA, whose 354 shows that it is there, and its content is not lost with the session.
    """
    return (yield from _Dialogue(capabilities, next_job, timeouts, idle).run())


@dataclass(slots=True)
class _Dialogue:
    """What the messages of one conversation share."""

    capabilities: Capabilities
    next_job: Callable[[], Job | Then]
    timeouts: Timeouts
    idle: bool
    """Nothing has been heard of the server in this conversation."""
    then: Then = Then.STAY
    """What `next_job` said last when it had no message."""
    ahead: deque[Outgoing] = field(default_factory=deque)
    """The messages after the current one; all but the last have been written, as far as they can be."""
    dirty: bool = False
    """The server holds half a transaction: RSET first."""
    parted: bool = False
    """QUIT has been written."""

    def run(self) -> Talk[Ended | None]:
        current = self._take()
        while current is not None:
            ended = yield from (self._by_bdat(current) if current.chunked else self._by_data(current))
            if ended is not None:
                current.settle(ended)
                for message in self.ahead:
                    message.settle(ended)
                return ended
            current.settle(Parted() if self.parted else None)
            current = self._next()
        return (yield from self._finish())

    def _next(self) -> Outgoing | None:
        if self.ahead:
            return self.ahead.popleft()
        return None if self.parted else self._take()

    def _take(self) -> Outgoing | None:
        """The next message that this server can be asked to take; the others are settled here."""
        while isinstance(job := self.next_job(), Job):
            message = Outgoing(job, self.capabilities)
            message.chunked = self.capabilities.chunking and job.content.size <= MAX_CHUNK and not self.idle
            if message.recipients and not (message.chunked and self._withdrawn(message)):
                return message
            message.settle(None)
        self.then = job
        return None

    def _withdrawn(self, message: Outgoing) -> bool:
        """Whether it is not to be sent any more: its content goes with its commands."""
        if message.job.depart():
            return False
        message.give_up(Lost(Stage.MAIL, WITHDRAWN))
        return True

    def _opening(self, message: Outgoing, *, reset: bool) -> Write:
        """All that can be written of `message` before a reply to it, in one group."""
        message.written = True
        message.reset = reset
        lines = [b"RSET\r\n"] if reset else []
        lines += [message.mail, *message.recipients.values()]
        replies = len(lines) + 1
        if message.chunked:
            content = message.job.content
            lines += [b"BDAT %d LAST\r\n" % content.size, content.octets]
        else:
            lines.append(b"DATA\r\n")
        return Write(b"".join(lines), replies)

    def _by_bdat(self, message: Outgoing) -> Talk[Ended | None]:
        """The whole message at once, and others behind it."""
        yield from self._write_bdat(message, reset=self.dirty)
        yield from self._write_ahead()
        mail = yield from self._envelope(message)
        if not isinstance(mail, Reply):
            return mail
        reply = yield from read(self.timeouts.dot)
        if not isinstance(reply, Reply) or reply.closing:
            return _ended(Stage.CONTENT, reply)
        if reply.code in UNKNOWN_COMMAND:
            lost = Lost(Stage.CONTENT, NO_CHUNKING)
            message.give_up(lost)
            return lost
        if reply.positive and message.unseen:
            return Lost(Stage.CONTENT, HALF)
        self.dirty = not reply.positive
        message.decide(reply)
        return (yield from self._tidy()) if self.dirty else None

    def _write_ahead(self) -> Talk[None]:
        """As many messages as may be on their way; one by DATA has to wait until it is its turn."""
        while not self.parted and self._room_ahead():
            message = self._take()
            if message is None:
                if self.then is Then.PART:
                    self.parted = True
                    yield Write(b"QUIT\r\n")
                return
            self.ahead.append(message)
            if message.chunked:
                # Nobody knows what becomes of the message before, and only RSET makes up for its failure.
                yield from self._write_bdat(message, reset=True)

    def _room_ahead(self) -> bool:
        ahead = self.ahead
        if not ahead:
            return True
        octets = sum([message.job.content.size for message in ahead])
        return len(ahead) < MAX_AHEAD - 1 and octets < MAX_OCTETS_AHEAD and ahead[-1].chunked

    def _write_bdat(self, message: Outgoing, *, reset: bool) -> Talk[None]:
        if not message.written:
            message.sent((yield self._opening(message, reset=reset)))

    def _by_data(self, message: Outgoing) -> Talk[Ended | None]:
        """The content when the server asks for it."""
        pipelined = self.capabilities.pipelining
        if pipelined and not message.written:
            yield self._opening(message, reset=self.dirty)
        message.reset = message.reset or (self.dirty and not pipelined)
        mail = yield from self._envelope(message)
        if not isinstance(mail, Reply):
            return mail
        if pipelined or message.accepted:
            ended = yield from self._data(message, mail)
            if ended is not None:
                return ended
        return (yield from (self._content(message) if message.open else self._tidy()))

    def _envelope(self, message: Outgoing) -> Talk[Reply | Ended]:
        """RSET if need be, MAIL and RCPT. The reply to MAIL."""
        if message.reset:
            ended = yield from self._reset(self._step(b"RSET\r\n", self.timeouts.quit))
            if ended is not None:
                return ended
        mail = yield from self._step(message.mail, self.timeouts.mail)
        if not isinstance(mail, Reply) or mail.closing:
            return _ended(Stage.MAIL, mail)
        self.idle = False
        if not mail.positive:
            message.refuse(mail)
            if not self.capabilities.pipelining:
                return mail
        for place, line in message.recipients.items():
            reply = yield from self._step(line, self.timeouts.rcpt)
            if not isinstance(reply, Reply) or reply.closing:
                return _ended(Stage.RCPT, reply)
            message.answer(place, reply)
        self.dirty = mail.positive
        return mail

    def _data(self, message: Outgoing, mail: Reply) -> Talk[Ended | None]:
        """DATA. With nobody to go to, a 354 must be answered with an empty message (RFC 2920 section 3.1)."""
        reply = yield from self._step(b"DATA\r\n", self.timeouts.data)
        if not isinstance(reply, Reply) or reply.closing:
            return _ended(Stage.DATA, reply)
        if reply.positive:  # the replies are those to other commands: what a server waits for after that, nobody knows
            return Lost(Stage.DATA, ProtocolError(f"DATA was answered with {reply.code}"))
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
        following = self._take() if self.capabilities.pipelining else None
        message.sent((yield Write(message.job.content.dotted)))
        if following is not None:
            self.ahead.append(following)
            written = yield self._opening(following, reset=False)
            if following.chunked:
                following.sent(written)
        elif self.capabilities.pipelining and self.then is Then.PART:
            self.parted = True
            yield Write(b"QUIT\r\n")
        reply = yield from read(self.timeouts.dot)
        if not isinstance(reply, Reply) or reply.closing:
            return _ended(Stage.CONTENT, reply)
        if reply.intermediate:  # DATA answered twice: the answer to the message may still be to come
            return Lost(Stage.CONTENT, ProtocolError("no answer to a message"))
        if reply.positive and message.unseen:
            return Lost(Stage.CONTENT, HALF)
        message.decide(reply)
        return None

    def _tidy(self) -> Talk[Ended | None]:
        """After a message that nobody gets: where none follows, the session is made clean before anyone is told."""
        if self.ahead or self.parted:
            return None
        following = self._take()
        if following is not None:
            self.ahead.append(following)
        elif self.dirty and self.then is Then.STAY:
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
