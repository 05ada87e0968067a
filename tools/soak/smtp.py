"""A delivery to a server that says anything, in any pieces, before TLS and within it.

The engine's own attempt, connection, wire and dialogue; TLS, time and the socket are of paper. The input is what the
server says: WAIT stands where it waits for the client to say something, NEXT where the next connection begins. Within
"TLS" the client's octets are flipped, so that what is clear text can be told.

The oracle: no mail in clear text where the plan demands TLS, none over a session that its verdict forbids, nothing
taken without a positive reply that came after the whole content, one report for each connection, bounded buffers, and
an end that the types allow.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast
from unittest.mock import patch

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.datapoint.outcome import Outcome, SessionEnded
from tlswitness.delivery import wire as wire_module
from tlswitness.delivery.attempt import Broken, Opener, Session
from tlswitness.delivery.connection import Connection
from tlswitness.delivery.outcome import Envelope
from tlswitness.delivery.settings import Destination, Sender
from tlswitness.delivery.smtp.message import Content, prepare
from tlswitness.delivery.smtp.outgoing import Job, Later, Never, RecipientResult, Taken, Transaction
from tlswitness.delivery.smtp.reply import MAX_LINE, MAX_TEXT
from tlswitness.delivery.smtp.transaction import Then, transact_each
from tlswitness.delivery.tls import TlsContexts
from tlswitness.delivery.verdict.chain import Chain
from tlswitness.delivery.verdict.judge import Verdict
from tlswitness.delivery.wire import INBOX, MAX_UNASKED, Wire
from tlswitness.dns.answer import TlsaRecord
from tlswitness.names import Domain, HostName
from tlswitness.policy.dane.model import DaneRecords
from tlswitness.policy.plan import Plan
from tlswitness.policy.plan.model import DaneDemand, LocalRules, StsDemand, TlsWanted
from tlswitness.policy.sts.grammar import parse_policy
from tlswitness.policy.sts.model import StsPolicy
from tools.soak.target import Target, kind

WAIT, NEXT = b"\xfe", b"\xfc"
SHAKEN, REFUSED, ALERT = b"!", b"?", b"\x15"
"""In the server's side of "TLS": the handshake is done, or has failed; the session breaks."""
FLIP = bytes(octet ^ 0x80 for octet in range(256))
PATIENCE = 8
"""Turns of the loop in which the client may say something before the server goes on."""
MAX_CONNECTIONS = 6
MAX_SILENCES = 1_000
"""Times that hours pass without a word."""

DOMAIN, MX, ADDRESS = Domain("example.com"), HostName("mx.example.com", "mx.example.com"), "192.0.2.1"
SHORT = tuple(prepare(b"Subject: secret %d\r\n\r\n.The secret\r\n..\r\n" % number) for number in range(4))
LONG = tuple(prepare(b"Subject: secret %d\r\n\r\n" % number + b"Again and again.\r\n" * 9_000) for number in range(4))
MIDDLE = tuple(prepare(b"Subject: secret %d\r\n\r\n" % number + b"Again and again.\r\n" * 3_400) for number in range(4))
"""Written at once; in parts; as large as BDAT takes it, so that two are written in parts."""
_MAIL = re.compile(rb"MAIL FROM|RCPT TO|DATA\r\n|secret", re.IGNORECASE)
_POSITIVE = re.compile(rb"(?:^|\n)2[0-9][0-9](?:[ \r\n])")
_CONTEXTS = TlsContexts.make()


def _plans() -> tuple[Plan, ...]:
    def plan(**demands: Any) -> Plan:
        return Plan(DOMAIN, MX, (ADDRESS,), 25, **({"local": LocalRules(), "sts": None, "dane": None} | demands))

    def sts(mode: str) -> StsDemand:
        policy = parse_policy(f"version: STSv1\nmode: {mode}\nmx: {MX}\nmax_age: 9\n".encode())
        assert isinstance(policy, StsPolicy)
        return StsDemand(DOMAIN, policy, binding=mode == "enforce")

    record = TlsaRecord(3, 1, 1, bytes(32))
    dane = DaneDemand(DaneRecords(MX, (record,), (record,), (MX,)))
    unusable = DaneDemand(DaneRecords(MX, (record,), (), (MX,)), (Failure(Cause.TLSA_ALL_UNUSABLE),))
    return (
        plan(),
        plan(sts=sts("enforce")),
        plan(sts=sts("testing")),
        plan(dane=dane),
        plan(dane=unusable),
        plan(dane=dane, sts=sts("enforce")),
        plan(local=LocalRules(tls=TlsWanted.REQUIRED)),
        plan(local=LocalRules(tls=TlsWanted.NO)),
    )


PLANS = _plans()


class Loop(asyncio.SelectorEventLoop):
    """Time passes when it is told to, too."""

    skew = 0.0

    def time(self) -> float:
        return super().time() + self.skew


class PaperTls:
    """What `TlsLayer` is to a wire."""

    def __init__(self, *_: object) -> None:
        self.broken: str | None = None
        self._out = b""
        self._in = b""

    def handshake(self, data: bytes) -> Chain | Failure | None:
        head, done, rest = data.partition(SHAKEN)
        if REFUSED in head:
            return Failure(Cause.TLS_ALERT, "of paper")
        if not done:
            return None
        self._in = rest
        return Chain((b"leaf",), "TLSv1.3", "PAPER")

    def decrypt(self, data: bytes) -> bytes:
        plain, alert, _ = (self._in + data).partition(ALERT)
        self._in = b""
        if alert:
            self.broken = "alert of paper"
        return plain

    def encrypt(self, data: bytes | memoryview) -> None:
        if self.broken is None:
            self._out += bytes(data).translate(FLIP)

    def output(self) -> bytes:
        out, self._out = self._out, b""
        return out

    def close(self) -> bytes:
        return b""


@dataclass
class Peer:
    """One connection, from the server's side; also the transport of paper."""

    script: bytes
    dice: random.Random
    contents: tuple[Content, ...]
    wire: Wire = field(init=False)
    written: bytearray = field(default_factory=bytearray)
    said: bytearray = field(default_factory=bytearray)
    behind: dict[Content, int] = field(default_factory=dict)
    """Octets that had been said when the whole of a content had been written."""
    closed: bool = False
    fault: Exception | None = None

    def connect(self) -> Connection:
        self.wire = Wire()
        self.wire.connection_made(cast("Any", self))
        return Connection(self.wire, "198.51.100.1", ADDRESS, _CONTEXTS, Destination(DOMAIN, Sender("me")).timeouts)

    async def serve(self) -> None:
        """Until the end; a fault ends the client too, and is kept."""
        try:
            await self._serve()
        except Exception as error:  # noqa: BLE001 - what was looked for
            self.fault = error
            self.wire.abort()

    async def _serve(self) -> None:
        """Say what is to be said, and then end: by closing, by silence."""
        for part in self.script.split(WAIT):
            before = len(self.written)
            await self._say(part)
            for _ in range(PATIENCE):
                if len(self.written) != before or self.wire.end is not None:
                    break
                await asyncio.sleep(0)
        if self.dice.randrange(2):
            self.wire.connection_lost(None)
        for _ in range(MAX_SILENCES):
            if self.wire.end is not None:
                return
            cast("Loop", asyncio.get_running_loop()).skew += 10_000
            await asyncio.sleep(0)
        raise AssertionError("silence does not end it")

    async def _say(self, data: bytes) -> None:
        while data and self.wire.end is None and not self.closed:
            buffer = self.wire.get_buffer(-1)
            size = min(self.dice.choice((1, 2, 7, 50, INBOX)), len(data), len(buffer))
            buffer[:size], data = data[:size], data[size:]
            self.said += buffer[:size]
            self.wire.buffer_updated(size)
            self._bounded()
            if self.dice.randrange(4) == 0:
                await asyncio.sleep(0)

    def _bounded(self) -> None:
        wire = self.wire
        assert len(wire._replies) <= MAX_UNASKED + INBOX // 4, "replies pile up"  # noqa: SLF001
        assert len(wire._parser._rest) <= MAX_LINE + INBOX, "a line grows"  # noqa: SLF001

    # What a wire asks of a transport.

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        assert high > low

    def write(self, data: bytes | memoryview) -> None:
        assert not self.closed, "written behind the end"
        self.written += data
        for content in self.contents:
            if content not in self.behind and self._ends(content, len(data)):
                self.behind[content] = len(self.said)
        if len(data) > 1000 and self.dice.randrange(2):
            self.wire.pause_writing()
            asyncio.get_running_loop().call_soon(self.wire.resume_writing)

    def _ends(self, content: Content, new: int) -> bool:
        """Whether the content is complete now, in whichever way it was written."""
        tail = bytes(self.written[-len(content.dotted) - new - 100 :])
        tail = tail.translate(FLIP) if isinstance(self.wire.shaken, Chain) else tail
        return content.dotted in tail or b"BDAT %d LAST\r\n" % content.size + content.octets in tail

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        self.closed = True

    def close(self) -> None:
        self.closed = True


@dataclass
class Delivery:
    """One input, taken apart."""

    plan: Plan
    good: bool
    """What the verdict on any chain will be."""
    envelope: Envelope
    contents: tuple[Content, ...]
    """One message for each."""
    scripts: list[bytes]
    dice: random.Random
    peers: list[Peer] = field(default_factory=list)
    reports: list[Outcome] = field(default_factory=list)

    @classmethod
    def of(cls, data: bytes) -> Delivery:
        head, rest = data[:2].ljust(2, b"\0"), data[2:]
        recipients = tuple(f"r{number}@example.com" for number in range(1 + head[1] % 3))
        contents = (SHORT, SHORT, LONG, MIDDLE)[head[1] >> 6][: 1 + (head[1] >> 4) % 4]
        dice = random.Random(data)
        return cls(
            PLANS[head[0] % len(PLANS)],
            not head[0] & 0x80,
            Envelope("me@example.org", recipients),
            contents,
            rest.split(NEXT)[:MAX_CONNECTIONS],
            dice,
        )

    async def run(self) -> object:
        opener = Opener(cast("Any", None), _CONTEXTS, self._judge, self.reports.append)
        serving: list[asyncio.Task[None]] = []

        async def open_one(*_: object, **__: object) -> Connection:
            assert len(self.peers) < MAX_CONNECTIONS, "it connects again and again"
            script = self.scripts.pop(0) if self.scripts else b""
            peer = Peer(script, self.dice, self.contents)
            self.peers.append(peer)
            connection = peer.connect()
            serving.append(asyncio.create_task(peer.serve()))
            return connection

        with patch.object(Connection, "open", open_one), patch.object(wire_module, "TlsLayer", PaperTls):
            try:
                return await self._deliver(opener)
            finally:
                for task in serving:
                    await task
                self._check()

    async def _deliver(self, opener: Opener) -> object:
        destination = Destination(DOMAIN, Sender("me.example"))
        session = await opener.open(self.plan, ADDRESS, destination)
        if isinstance(session, Broken):
            _readable(session.text, session.status)
            return "broken", self.plan.tls_demanded, session.verdict, session.status, len(self.peers)
        assert isinstance(session, Session)
        assert self.good or not self.plan.authentication_demanded, "a session that the verdict forbids"
        peer = self.peers[-1]
        tls = bool(session.tls.protocol)
        assert tls == (peer.wire.shaken is not None and isinstance(peer.wire.shaken, Chain))
        settled: dict[Content, Transaction] = {}

        def settle(content: Content, done: Transaction) -> None:
            assert content not in settled, "settled twice"
            settled[content] = done

        jobs = [Job(self.envelope, content, partial(settle, content)) for content in self.contents]
        given: list[Job] = []

        def next_job() -> Job | Then:
            given.extend(jobs[:1])
            return jobs.pop(0) if jobs else Then.STAY

        ended = await session.connection.run(transact_each(session.capabilities, next_job))
        assert len(settled) == len(given) <= len(self.contents), "a message is forgotten"
        for content, done in settled.items():
            self._results(content, done.results, peer)
        await session.connection.quit()
        results = tuple((kind(result), result.status) for done in settled.values() for result in done.results)
        known = session.capabilities
        return kind(ended), tls, results[:4], known.pipelining, known.chunking, len(self.peers)

    def _results(self, content: Content, results: tuple[RecipientResult, ...], peer: Peer) -> None:
        assert len(results) == len(self.envelope.recipients)
        for result in results:
            assert isinstance(result, Taken | Later | Never)
            _readable(result.text, result.status)
            if isinstance(result, Taken):
                assert content in peer.behind, "taken before the content was written"
                late = bytes(peer.said[peer.behind[content] :])
                assert _POSITIVE.search(late), "taken without a positive reply to the content"

    def _check(self) -> None:
        """What holds whatever came of it."""
        for peer in self.peers:
            if peer.fault is not None:
                raise peer.fault
            assert peer.wire.end is not None, "a connection is left behind"
            if self.plan.tls_demanded:
                assert not _MAIL.search(bytes(peer.written)), "mail in clear text"
            if self.plan.authentication_demanded and not self.good:
                assert not _MAIL.search(bytes(peer.written).translate(FLIP)), "mail over a forbidden session"
        assert len(self.reports) == len(self.peers), "not one report for each connection"
        assert sum(isinstance(report, SessionEnded) for report in self.reports) <= 1, "a session is told twice"

    def _judge(self, chain: Chain, plan: Plan, trust: str | None) -> Verdict:
        assert chain.certificates
        assert trust is None
        failures = () if self.good else (Failure(Cause.CERT_EXPIRED),)
        return Verdict(
            sts=failures if plan.sts else None,
            tlsa=failures if plan.dane else None,
            local=None,
            valid_from=0,
            valid_until=0,
        )


def _readable(text: str, status: str) -> None:
    assert len(text) <= MAX_TEXT + 200
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", text), "a text that a log would break at"
    assert re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", status), status


def attempt(data: bytes) -> object:
    loop = _loop()
    return loop.run_until_complete(Delivery.of(data).run())


def _loop() -> Loop:
    if not _LOOPS:
        _LOOPS.append(Loop())
    return _LOOPS[0]


_LOOPS: list[Loop] = []


def _seeds() -> Iterator[bytes]:
    ehlo = b"250-mx.example.com\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250 8BITMIME\r\n"
    offers = ehlo.replace(b"250 8BITMIME", b"250-8BITMIME\r\n250 STARTTLS")
    slow = offers.replace(b"250-PIPELINING\r\n", b"")
    greeting = b"220 mx.example.com ESMTP\r\n"
    mail = [b"250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n", b"250 2.0.0 taken\r\n", b"221 2.0.0 bye\r\n"]
    chunking = ehlo.replace(b"250-SIZE", b"250-CHUNKING\r\n250-SIZE")
    bdat = [b"250 ok\r\n250 ok\r\n250 taken\r\n", b"250 reset\r\n250 ok\r\n250 ok\r\n250 taken\r\n"] * 2
    one_by_one = [b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 taken\r\n", b"221 bye\r\n"]
    secure = [greeting, offers, b"220 go\r\n", b"abc!"]
    for plan in range(len(PLANS)):
        yield bytes((plan, 0)) + WAIT.join([*secure, ehlo, *mail])
        yield bytes((plan, 0x80)) + WAIT.join([greeting, slow, b"220 go\r\n", b"!", slow, *one_by_one])
        yield bytes((plan, 0x10)) + WAIT.join([*secure, chunking, *bdat])
    for sizes in (0x10, 0x30, 0x90, 0xD0, 0xF0):
        yield bytes((0, sizes)) + WAIT.join([greeting, ehlo, *mail[:2], *mail])
        yield bytes((0, sizes)) + WAIT.join([greeting, chunking, *bdat, b"221 bye\r\n"])
        yield bytes((0, sizes)) + WAIT.join([greeting, chunking, b"".join(bdat), b"221 bye\r\n"])
    yield bytes((0, 0)) + WAIT.join([greeting, ehlo, *mail])
    yield bytes((2, 0)) + WAIT.join([greeting, offers, b"454 4.7.0 no\r\n", *mail])
    yield bytes((0, 0)) + WAIT.join([greeting, offers, b"220 go\r\n", b"?"]) + NEXT + WAIT.join([greeting, ehlo, *mail])
    yield bytes((0, 0)) + WAIT.join([*secure, ALERT]) + NEXT + WAIT.join([greeting, offers, *mail])
    yield bytes((0x81, 0)) + WAIT.join([*secure, b"221 bye\r\n"])
    yield bytes((0, 1)) + WAIT.join(
        [greeting, ehlo, b"250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n", b"451 no\r\n", b"221 b\r\n"]
    )
    yield bytes((0, 0)) + WAIT.join([greeting, ehlo, b"250 ok\r\n550 no\r\n354 go\r\n", b"250 ok\r\n", b"221 b\r\n"])
    yield bytes((0, 0)) + b"220 " + b"x" * 12_000 + WAIT + ehlo
    yield bytes((0, 0)) + greeting + b"220 again\r\n" * 1_000 + WAIT + ehlo
    yield bytes((0, 0)) + WAIT.join([*secure, b"250-more\r\n" * 1_000])
    yield bytes((0, 0)) + WAIT.join([greeting, b"502 no\r\n", b"250 mx\r\n", *one_by_one])


TARGET = Target(
    "smtp",
    tuple(_seeds()),
    attempt,
    (
        *(b"250 ok\r\n", b"250-", b"354 go\r\n", b"421 bye\r\n", b"550 no\r\n", b"220 go\r\n", b"\r\n", b"\n", b"\r"),
        *(WAIT, WAIT + WAIT, NEXT, SHAKEN, REFUSED, ALERT, b"STARTTLS\r\n", b"PIPELINING\r\n", b"SIZE 1\r\n"),
    ),
    share=3,
)
