"""Conversations over loopback with peers of every kind."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import uvloop
from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Envelope as ServerEnvelope

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.delivery.connection import BLOCK, ConnectFailed, Connection
from tlswitness.delivery.outcome import Envelope
from tlswitness.delivery.smtp import (
    Greeted,
    Later,
    Lost,
    Parted,
    PeerClosed,
    ProtocolError,
    Refused,
    Stage,
    Strength,
    Taken,
    Then,
    TimedOut,
    Timeouts,
    TlsFailed,
    TlsUp,
    greet,
    hello_after_tls,
    prepare,
    reset,
    starttls,
    transact,
    transact_each,
)
from tlswitness.delivery.smtp.capabilities import Capabilities
from tlswitness.delivery.smtp.transaction import Job, Transaction
from tlswitness.delivery.tls import TlsContexts
from tlswitness.delivery.wire import Wire
from tlswitness.lab.authority import Authority
from tlswitness.lab.mx import BEHAVIOURS, MxServer, Suite, server_context
from tlswitness.names import HostName, parse_host
from tlswitness.net import DirectDialer

CONTEXTS = TlsContexts.make()
_name = parse_host("mx.example")
assert isinstance(_name, HostName)
SNI = _name
QUICK = Timeouts(greeting=0.1)
DEFAULT = Timeouts()
ENVELOPE = Envelope("a@b.example", ("c@mx.example",))
MESSAGE = prepare(b"Subject: hi\r\n\r\n.\r\nbye\r\n")


async def connect(port: int, timeouts: Timeouts = DEFAULT) -> Connection:
    opened = await Connection.open(DirectDialer(), "127.0.0.1", port, contexts=CONTEXTS, timeouts=timeouts)
    assert isinstance(opened, Connection)
    return opened


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1_000_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came true")


async def closed(connection: Connection) -> None:
    """Wait until the transport is gone, so that nothing is left to warn about."""
    connection.abort()
    transport = connection._wire._transport
    assert transport is not None
    await until(lambda: transport.get_extra_info("socket").fileno() < 0)


async def secure(connection: Connection, timeouts: Timeouts = DEFAULT, strength: Strength = Strength.WIDE) -> Any:
    greeted = await connection.run(greet("me.example", timeouts))
    assert isinstance(greeted, Greeted)
    return await connection.run(starttls(greeted.capabilities, SNI, strength, timeouts))


@asynccontextmanager
async def lab_mx(authority: Authority, name: str):  # type: ignore[no-untyped-def]
    behaviour = BEHAVIOURS[name]
    context = server_context(behaviour.suite)
    if behaviour.suite is not Suite.ANONYMOUS:
        authority.issue(["mx.example"]).load_into(context)
    mx = MxServer("mx.example", "127.0.0.1", context, behaviour)
    await mx.start()
    try:
        yield mx
    finally:
        await mx.stop()


async def deliver(authority: Authority) -> None:
    async with lab_mx(authority, "ok") as mx:
        connection = await connect(mx.port)
        assert (connection.local_ip, connection.peer_ip) == ("127.0.0.1", "127.0.0.1")
        up = await secure(connection)
        assert isinstance(up, TlsUp)
        assert len(up.chain.certificates) == 2
        greeted = await connection.run(hello_after_tls("me.example"))
        assert isinstance(greeted, Greeted)
        assert greeted.helo == "mx.example"
        assert greeted.capabilities.pipelining
        for _ in range(2):
            result = await connection.run(transact(greeted.capabilities, ENVELOPE, MESSAGE))
            assert result == Transaction((Taken("2.0.0", "250 2.0.0 message accepted"),))
        large = prepare((b"y" * 998 + b"\r\n") * 3000)
        assert len(large.dotted) > 10 * BLOCK
        assert (await connection.run(transact(greeted.capabilities, ENVELOPE, large))).reusable
        assert await connection.run(reset()) is None
        jobs = 5
        settled: list[Transaction] = []

        def next_job() -> Job | Then:
            nonlocal jobs
            jobs -= 1
            return Job(ENVELOPE, MESSAGE, settled.append) if jobs >= 0 else Then.STAY

        assert await connection.run(transact_each(greeted.capabilities, next_job)) is None
        assert connection.alive
        assert await connection.quit() is None
        assert not connection.alive
        await closed(connection)
        assert [received.data for received in mx.received[:2]] == [b"Subject: hi\r\n\r\n.\r\nbye\r\n"] * 2
        assert len(mx.received[2].data) == large.size
        assert len(mx.received) == 8
        assert [len(transaction.results) for transaction in settled] == [1] * 5


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_delivery_on_both_loops(authority: Authority, run: Callable[[Any], None]) -> None:
    run(deliver(authority))


@pytest.mark.parametrize("end", ["quit", "abort", "close"])
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_who_asks_is_told_once_when_the_socket_is_closed(
    authority: Authority, run: Callable[[Any], None], end: str
) -> None:
    async def part() -> None:
        told: list[str] = []
        async with lab_mx(authority, "ok") as mx:
            connection = await connect(mx.port)
            connection.when_closed(lambda: told.append("closed"))
            await asyncio.sleep(0.01)
            assert told == []
            done = getattr(connection, end)()
            if end == "quit":
                await done
            await until(lambda: bool(told))
            connection.when_closed(lambda: told.append("closed before"))
        assert told == ["closed", "closed before"]

    run(part())


@pytest.mark.parametrize(
    ("behaviour", "failure"),
    [
        ("tls-alert", Failure(Cause.TLS_ALERT, "handshake failure")),
        ("tls-garbage", Failure(Cause.TLS_LOCAL, "wrong version number")),
        ("tls-close", Failure(Cause.TLS_CLOSED)),
        ("tls-silent", Failure(Cause.TLS_TIMEOUT)),
        ("starttls-injection", Failure(Cause.STARTTLS_INJECTION)),
        ("starttls-454", Failure(Cause.STARTTLS_REFUSED, "454 4.7.0")),
        ("starttls-501", Failure(Cause.STARTTLS_REFUSED, "501 5.5.4")),
        ("no-starttls", Failure(Cause.STARTTLS_NOT_OFFERED)),
    ],
)
async def test_tls_failures(authority: Authority, behaviour: str, failure: Failure) -> None:
    async with lab_mx(authority, behaviour) as mx:
        connection = await connect(mx.port)
        times = Timeouts(handshake=0.1) if behaviour == "tls-silent" else Timeouts()
        failed = await secure(connection, times)
        assert failed == TlsFailed(failure, clear_usable=failed.clear_usable)
        assert connection.alive is failed.clear_usable
        assert await connection.quit() is None
        await closed(connection)


@pytest.mark.parametrize(("behaviour", "protocol"), [("tls10-only", "TLSv1"), ("tls-anonymous", "TLSv1.2")])
async def test_weak_tls_is_better_than_none(authority: Authority, behaviour: str, protocol: str) -> None:
    async with lab_mx(authority, behaviour) as mx:
        connection = await connect(mx.port)
        up = await secure(connection)
        assert isinstance(up, TlsUp)
        assert up.chain.protocol == protocol
        assert isinstance(await connection.run(hello_after_tls("me")), Greeted)
        await connection.quit()
        await closed(connection)
        connection = await connect(mx.port)
        assert isinstance(await secure(connection, strength=Strength.DEMANDED), TlsFailed)
        await closed(connection)


@pytest.mark.parametrize(
    ("behaviour", "codes"),
    [
        # A reset may overtake the alert.
        ("tls-late-alert", ("alert certificate required", "connection closed")),
        ("tls-late-close", ("connection closed",)),
    ],
)
@pytest.mark.parametrize("good_verdict", [True, False])
async def test_tls_that_breaks_late(
    authority: Authority, behaviour: str, codes: tuple[str, ...], good_verdict: bool
) -> None:
    async with lab_mx(authority, behaviour) as mx:
        connection = await connect(mx.port)
        assert isinstance(await secure(connection), TlsUp)
        if good_verdict:
            late = await connection.run(hello_after_tls("me"))
            assert isinstance(late, TlsFailed)
            failure = late.failure
        else:
            failure = await connection.quit()
        assert failure in [Failure(Cause.TLS_AFTER_HANDSHAKE, code) for code in codes]
        await closed(connection)


async def test_bad_verdict_and_sound_tls(authority: Authority) -> None:
    async with lab_mx(authority, "ok") as mx:
        connection = await connect(mx.port)
        assert isinstance(await secure(connection), TlsUp)
        assert await connection.quit() is None
        await closed(connection)


EHLO = b"250-mx.example\r\n250 STARTTLS\r\n"


@pytest.mark.parametrize(
    ("pieces", "cause"),
    [
        ([b"220 go\r\n250-evil\r\n250 SIZE\r\n"], Cause.STARTTLS_INJECTION),
        ([b"220 go\r\n2"], Cause.STARTTLS_INJECTION),
        ([b"220 go\r\n\r\n"], Cause.STARTTLS_INJECTION),
        ([b"220 go\r\n" * 100], Cause.STARTTLS_INJECTION),
        ([b"220 go\r\n", b"250-evil\r\n250 SIZE\r\n"], Cause.TLS_LOCAL),
        ([b"220-go\r\n220 on\r\n", b""], Cause.TLS_CLOSED),
    ],
)
@pytest.mark.rfc(3207, "6")
async def test_injection(serving: Any, pieces: list[bytes], cause: Cause) -> None:
    async def inject(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx.example\r\n")
        await reader.readline()
        writer.write(EHLO)
        await reader.readline()
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await reader.read(1)

    async with serving(inject) as port:
        connection = await connect(port)
        failed = await secure(connection)
        assert isinstance(failed, TlsFailed)
        assert failed.failure.cause is cause
        assert not failed.clear_usable
        assert not connection.alive
        await closed(connection)


async def test_nothing_said_before_tls_is_heard_after_it(authority: Authority, serving: Any) -> None:
    """What arrives with the handshake, yet before our EHLO, is an answer to nothing."""
    context = server_context(Suite.MODERN)
    authority.issue(["mx.example"]).load_into(context)

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx.example\r\n")
        await reader.readline()
        writer.write(EHLO)
        await reader.readline()
        writer.write(b"220 go\r\n")
        await writer.start_tls(context)
        writer.write(b"250-evil\r\n250 SIZE\r\n")
        await reader.read()

    async with serving(early) as port:
        connection = await connect(port)
        assert isinstance(await secure(connection), TlsUp)
        await until(lambda: connection._wire.unsolicited)
        lost = await connection.run(hello_after_tls("me"))
        assert lost == Lost(Stage.HELLO, ProtocolError("a reply that nothing asked for"))
        await closed(connection)


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        (b"SSH-2.0-x\r\n", Lost(Stage.GREETING, ProtocolError("a line is no reply"))),
        (b"220 " + b"x" * 100_000, Lost(Stage.GREETING, ProtocolError("a line is too long"))),
        (b"220-x\r\n" * 100_000, Lost(Stage.GREETING, ProtocolError("a reply is too long"))),
        (b"220-mx\r\n", Lost(Stage.GREETING, TimedOut())),
        (b"", Lost(Stage.GREETING, TimedOut())),
    ],
)
async def test_greetings_that_are_none(serving: Any, said: bytes, lost: Lost) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await reader.read()

    async with serving(say) as port:
        times = QUICK if isinstance(lost.why, TimedOut) else DEFAULT
        connection = await connect(port, times)
        assert await connection.run(greet("me", times)) == lost
        assert not connection.alive
        await closed(connection)


async def test_one_octet_at_a_time(serving: Any) -> None:
    """Dripping octets put no deadline off."""

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for octet in b"220 " + b"x" * 10_000:
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0.002)

    async with serving(drip) as port:
        connection = await connect(port, QUICK)
        start = asyncio.get_running_loop().time()
        assert await connection.run(greet("me", QUICK)) == Lost(Stage.GREETING, TimedOut())
        assert asyncio.get_running_loop().time() - start < 5
        await closed(connection)


async def test_the_whole_conversation_is_bounded(serving: Any) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        while await reader.readline():
            await asyncio.sleep(0.02)
            writer.write(b"250 ok\r\n")

    async with serving(slow) as port:
        times = Timeouts(conversation=0.5)
        connection = await connect(port, times)
        greeted = await connection.run(greet("me"))
        assert isinstance(greeted, Greeted)
        many = Envelope("a@b", tuple(f"r{n}@d" for n in range(1000)))
        result = await connection.run(transact(greeted.capabilities, many, MESSAGE))
        assert isinstance(result.ended, Lost)
        assert result.ended.why == TimedOut()
        assert len(result.results) == 1000
        await closed(connection)


async def test_a_peer_that_does_not_read(serving: Any) -> None:
    done = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        for reply in (b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            await reader.readline()
            writer.write(reply)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await done.wait()

    async with serving(deaf) as port:
        connection = await connect(port, Timeouts(block=0.1))
        greeted = await connection.run(greet("me"))
        assert isinstance(greeted, Greeted)
        huge = prepare(b"x" * 30_000_000)
        result = await connection.run(transact(greeted.capabilities, ENVELOPE, huge))
        assert result.results == (Later("4.4.2", "timed out at end of data"),)
        done.set()
        await closed(connection)


async def test_refused_in_the_middle_of_the_content(serving: Any) -> None:
    async def impatient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        for reply in (b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            await reader.readline()
            writer.write(reply)
        await reader.readline()
        writer.write(b"552 5.3.4 too large\r\n")
        while not (await reader.readline()).startswith(b".\r"):
            pass

    async with serving(impatient) as port:
        connection = await connect(port)
        greeted = await connection.run(greet("me"))
        assert isinstance(greeted, Greeted)
        result = await connection.run(transact(greeted.capabilities, ENVELOPE, prepare(b"x\r\n" * 1_000_000)))
        assert result.results[0].status == "5.3.4"
        await closed(connection)


@pytest.mark.rfc(5321, "4.2.5")
async def test_accepted_in_the_middle_of_the_content(serving: Any) -> None:
    """A reply that overtakes the message answers for nothing, although all of it was written in the end."""

    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        for reply in (b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            await reader.readline()
            writer.write(reply)
        await reader.readline()
        writer.write(b"250 2.0.0 taken\r\n")
        await asyncio.sleep(0.1)
        while await reader.read(100_000):
            pass

    async with serving(hasty) as port:
        connection = await connect(port)
        greeted = await connection.run(greet("me"))
        assert isinstance(greeted, Greeted)
        result = await connection.run(transact(greeted.capabilities, ENVELOPE, prepare(b"x\r\n" * 10_000_000)))
        words = "protocol error: half a message was accepted at end of data"
        assert result.results == (Later("4.5.0", words, uncertain=True),)
        assert not result.reusable
        connection.abort()


class Paper:
    """A transport that takes one block, and then no more until it is told to."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.blocks: list[int] = []
        self.closed = False
        wire.connection_made(cast("Any", self))

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        assert high > low

    def write(self, data: bytes) -> None:
        self.blocks.append(len(data))
        if len(data) > 10_000:
            self.wire.pause_writing()

    def say(self, data: bytes) -> None:
        self.wire.get_buffer(-1)[: len(data)] = data
        self.wire.buffer_updated(len(data))

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True

    close = abort


@pytest.mark.rfc(3030, "2")
@pytest.mark.parametrize("size", [65_000, 65_500])
async def test_accepted_before_it_was_sent(size: int) -> None:
    """What goes with its commands, too: written in one block, or in two and accepted between them."""
    wire = Wire()
    transport = Paper(wire)
    connection = Connection(wire, "192.0.2.1", "192.0.2.2", CONTEXTS, DEFAULT)
    transport.say(b"220 mx\r\n")
    wire.take()
    capabilities = Capabilities(pipelining=True, chunking=True)
    talk = transact(capabilities, ENVELOPE, prepare(b"x\r\n" * (size // 3)))
    result = asyncio.create_task(connection.run(talk))
    await asyncio.sleep(0)
    transport.say(b"250 ok\r\n250 ok\r\n250 taken\r\n")
    wire.resume_writing()
    (only,) = (await result).results
    assert len(transport.blocks) == (1 if size == 65_000 else 2)
    half = Later("4.5.0", "protocol error: half a message was accepted at end of data", uncertain=True)
    assert only == (Taken("2.0.0", "250 taken") if size == 65_000 else half)
    connection.abort()


async def test_what_was_written_does_not_wait_for_what_comes_after_it() -> None:
    """A first message whose content is held back behind a second one could be accepted without having been sent."""
    wire = Wire()
    transport = Paper(wire)
    connection = Connection(wire, "192.0.2.1", "192.0.2.2", CONTEXTS, DEFAULT)
    transport.say(b"220 mx\r\n")
    wire.take()
    done: list[Transaction] = []
    jobs = [Job(ENVELOPE, prepare(b"x\r\n" * 20_000), done.append) for _ in range(2)]
    talk = transact_each(Capabilities(pipelining=True, chunking=True), lambda: jobs.pop() if jobs else Then.STAY)
    running = asyncio.create_task(connection.run(talk))
    await asyncio.sleep(0)
    assert [size > 60_000 for size in transport.blocks] == [True, True]
    transport.say(b"250 ok\r\n250 ok\r\n250 taken\r\n")
    wire.connection_lost(None)
    await running
    assert [type(transaction.results[0]) for transaction in done] == [Taken, Later]


async def test_lost_after_the_final_dot(serving: Any) -> None:
    async def vanish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        await reader.readline()
        writer.write(b"250-mx\r\n250 PIPELINING\r\n")
        await reader.readuntil(b"DATA\r\n")
        writer.write(b"250 ok\r\n250 ok\r\n354 go\r\n")
        await reader.readuntil(b"\r\n.\r\n")

    async with serving(vanish) as port:
        connection = await connect(port)
        greeted = await connection.run(greet("me"))
        assert isinstance(greeted, Greeted)
        result = await connection.run(transact(greeted.capabilities, ENVELOPE, MESSAGE))
        assert result.results == (Later("4.4.2", "connection closed at end of data", uncertain=True),)
        assert await connection.quit() is None
        await closed(connection)


async def test_421_while_idle(serving: Any) -> None:
    async def timeout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        await reader.readline()
        writer.write(b"250 hi\r\n421 4.4.2 idle for too long\r\n")

    async with serving(timeout) as port:
        connection = await connect(port)
        greeted = await connection.run(greet("me"))
        assert isinstance(greeted, Greeted)
        await until(lambda: not connection.alive)
        result = await connection.run(transact(greeted.capabilities, ENVELOPE, MESSAGE))
        assert isinstance(result.ended, Refused)
        assert result.results == (Later("4.4.2", "421 4.4.2 idle for too long"),)
        await closed(connection)


async def test_cancelled(serving: Any) -> None:
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()
        gone.set()

    async with serving(silent) as port:
        connection = await connect(port)
        task = asyncio.create_task(connection.run(greet("me")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not connection.alive
        await gone.wait()
        await closed(connection)


async def test_aborted_by_another_task(serving: Any) -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(silent) as port:
        connection = await connect(port)
        task = asyncio.create_task(connection.run(greet("me")))
        await asyncio.sleep(0)
        connection.abort()
        connection.abort()
        assert await task == Lost(Stage.GREETING, PeerClosed())
        await closed(connection)


async def test_one_conversation_at_a_time(serving: Any) -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(silent) as port:
        connection = await connect(port)
        task = asyncio.create_task(connection.run(greet("me")))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one conversation"):
            await connection.run(greet("me"))
        assert connection.alive
        connection.abort()
        await task
        await closed(connection)


async def test_our_own_faults_are_raised(serving: Any) -> None:
    async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        await reader.read()

    async with serving(hello) as port:
        connection = await connect(port)
        with pytest.raises(ValueError, match="cannot be our name"):
            await connection.run(greet("not a name"))
        assert not connection.alive
        await closed(connection)


class Dialer:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def dial(self, address: str, port: int, *, source: str | None = None) -> socket.socket:
        raise self.error


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (ConnectionRefusedError(111, "x"), ConnectFailed("Connection refused")),
        (OSError("no number"), ConnectFailed("cannot connect")),
        (OSError(24, "x"), ConnectFailed("Too many open files", local=True)),
        (TimeoutError(), ConnectFailed("connection timed out")),
        (TimeoutError(110, "x"), ConnectFailed("connection timed out")),
    ],
)
async def test_no_connection(error: OSError, failed: ConnectFailed) -> None:
    assert await Connection.open(Dialer(error), "127.0.0.1", 25, contexts=CONTEXTS) == failed


async def test_dialling_takes_too_long() -> None:
    class Slow:
        async def dial(self, address: str, port: int, *, source: str | None = None) -> socket.socket:
            await asyncio.Event().wait()
            raise AssertionError

    times = Timeouts(connect=0.01)
    opened = await Connection.open(Slow(), "127.0.0.1", 25, contexts=CONTEXTS, timeouts=times)
    assert opened == ConnectFailed("connection timed out")


async def test_a_socket_that_is_dead_already() -> None:
    class Dead:
        async def dial(self, address: str, port: int, *, source: str | None = None) -> socket.socket:
            sock = socket.socket()
            sock.close()
            return sock

    opened = await Connection.open(Dead(), "127.0.0.1", 25, contexts=CONTEXTS)
    assert opened == ConnectFailed("Bad file descriptor")


class Mailbox:
    def __init__(self) -> None:
        self.got: list[ServerEnvelope] = []

    async def handle_DATA(self, _server: SMTP, _session: object, envelope: ServerEnvelope) -> str:
        self.got.append(envelope)
        return "250 2.0.0 kept"


async def test_a_foreign_server(authority: Authority) -> None:
    """aiosmtpd: no PIPELINING, its own STARTTLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue(["mx.example"]).load_into(context)
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(mailbox, hostname="mx.example", tls_context=context, enable_SMTPUTF8=True), "127.0.0.1", 0
    )
    try:
        connection = await connect(server.sockets[0].getsockname()[1])
        assert isinstance(await secure(connection, strength=Strength.DEMANDED), TlsUp)
        greeted = await connection.run(hello_after_tls("me.example"))
        assert isinstance(greeted, Greeted)
        utf8 = Envelope("grüße@b.example", ("c@mx.example", "ö@mx.example"), smtputf8=True, eight_bit=True)
        content = prepare("Subject: ä\n\n.\nbye\n".encode())
        result = await connection.run(transact(greeted.capabilities, utf8, content))
        assert result.results == (Taken("2.0.0", "250 2.0.0 kept"),) * 2
        last = await connection.run(transact(greeted.capabilities, ENVELOPE, MESSAGE, then=Then.PART))
        assert last.ended == Parted()
        await closed(connection)
    finally:
        server.close()
        await server.wait_closed()
    assert mailbox.got[0].rcpt_tos == ["c@mx.example", "ö@mx.example"]
    assert mailbox.got[0].content == "Subject: ä\r\n\r\n.\r\nbye\r\n".encode()
    assert len(mailbox.got) == 2
