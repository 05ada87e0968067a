"""Helpers for tests of delivery: a playbook for conversations, and a peer on loopback that does as it is told."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from tlswitness.delivery.attempt import Broken, Session
from tlswitness.delivery.outcome import Relay, TlsFacts
from tlswitness.delivery.settings import Destination
from tlswitness.delivery.smtp.capabilities import Capabilities
from tlswitness.delivery.smtp.reply import Reply, ReplyParser
from tlswitness.delivery.smtp.talk import PeerClosed, ReadReply, Talk, UpgradeToTls, Write
from tlswitness.lab.authority import Authority
from tlswitness.policy.plan import Plan

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serving = Callable[[Handler], AbstractAsyncContextManager[int]]


class Playbook:
    """Plays the peer of a conversation from a list of steps.

    `"<< EHLO me"` is a line that must be written; `">> 250-mx|250 SIZE"` a reply, its lines parted by bars; any other
    value is an event as it is (`PeerClosed()`, a `Chain`). What is written must be asked for, line by line.
    """

    def play(self, talk: Talk[Any], *steps: object) -> Any:
        left = deque(steps)
        written = b""
        awaited = 1 if isinstance(steps[0], str) and steps[0].startswith(">>") else 0
        event: Any = None
        while True:
            try:
                command = talk.send(event)
            except StopIteration as stop:
                written = self._lines(written, left)
                assert not left, f"steps not played: {list(left)}"
                assert not written, f"written and not expected: {written!r}"
                return stop.value
            match command:
                case Write(data, replies):
                    written += data
                    awaited += replies
                    event = None
                case ReadReply(timeout):
                    assert timeout > 0
                    written = self._lines(written, left)
                    assert not written, f"written and not expected: {written!r}"
                    assert awaited > 0, "a reply is read that nothing causes"
                    awaited -= 1
                    event = self._event(left.popleft())
                case UpgradeToTls():
                    written = self._lines(written, left)
                    event = left.popleft()

    @staticmethod
    def _lines(written: bytes, left: deque[object]) -> bytes:
        while left and isinstance(left[0], str) and left[0].startswith("<<"):
            line = left.popleft()[3:].encode() + b"\r\n"
            assert written.startswith(line), f"expected {line!r}, written {written!r}"
            written = written[len(line) :]
        return written

    @staticmethod
    def _event(step: object) -> object:
        if not isinstance(step, str):
            return step
        assert step.startswith(">> "), step
        (reply,) = ReplyParser().feed("".join(f"{line}\r\n" for line in step[3:].split("|")).encode())
        assert isinstance(reply, Reply)
        return reply


@pytest.fixture
def playbook() -> Playbook:
    return Playbook()


@pytest.fixture
def serving() -> Serving:
    @asynccontextmanager
    async def serve(handler: Handler) -> AsyncIterator[int]:
        tasks: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                await handler(reader, writer)
            except (OSError, asyncio.CancelledError):
                pass
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.wait_closed()

    return serve


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority(time.time())


HANG = object()
"""An answer that never comes."""
CLOSE = PeerClosed()
"""The connection is closed in place of an answer."""


class MemoryServer:
    """An SMTP server without a socket, whose answers a test chooses.

    An answer is the text of a reply, HANG, CLOSE, a function of the command's argument that gives one, or a list of
    them for one command after the other, of which the last one stays. `"."` is the end of the message.
    """

    GOOD: ClassVar[dict[str, object]] = {
        "MAIL": "250 2.1.0 ok",
        "RCPT": "250 2.1.5 ok",
        "DATA": "354 go ahead",
        ".": "250 2.0.0 taken",
        "RSET": "250 2.0.0 ok",
        "QUIT": "221 2.0.0 bye",
    }

    def __init__(self, *, pipelining: bool = True, **answers: object) -> None:
        self.capabilities = Capabilities(keywords=frozenset(), pipelining=pipelining, eight_bit_mime=True)
        self.answers = self.GOOD | answers
        self.connections: list[MemoryConnection] = []
        self.taken: list[tuple[str, ...]] = []
        """The recipients of each message that was taken."""

    def answer(self, verb: str, argument: str) -> Any:
        answer = self.answers[verb]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer(argument) if callable(answer) else answer


class MemoryConnection:
    """What a `Connection` is to those above it, to a server in memory."""

    def __init__(self, server: MemoryServer, local_ip: str = "198.51.100.1", peer_ip: str = "192.0.2.1") -> None:
        self.server = server
        self.local_ip = local_ip
        self.peer_ip = peer_ip
        self.alive = True
        self.end = ""
        """`quit` or `abort`, when it has come to that."""
        self.commands: list[str] = []
        self._recipients: list[str] = []
        self._answers: deque[Any] = deque()
        self._content = False
        self._tasks: set[asyncio.Task[None]] = set()
        server.connections.append(self)

    def begin(self, talk: Talk[Any], ended: Callable[[Any], None]) -> None:
        async def perform() -> None:
            try:
                result = await self.run(talk)
            except asyncio.CancelledError:
                assert self._gone(talk, ended), "a conversation that nobody broke off"
            except Exception as error:  # noqa: BLE001 - told to who wants the result
                ended(error)
            else:
                ended(result)

        task = asyncio.create_task(perform())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    def _gone(talk: Talk[Any], ended: Callable[[Any], None]) -> bool:
        """Every further question is answered with the end."""
        try:
            while True:
                talk.send(CLOSE)
        except StopIteration as stop:
            ended(stop.value)
        return True

    async def run(self, talk: Talk[Any]) -> Any:
        assert self.alive, "a conversation on a dead connection"
        event: Any = None
        try:
            while True:
                command = talk.send(event)
                event = await self._do(command)
        except StopIteration as stop:
            return stop.value
        except BaseException:
            self.abort()
            raise

    async def quit(self) -> None:
        assert self.alive, "a goodbye on a dead connection"
        self.end = "quit"
        if self.server.answer("QUIT", "") is HANG:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.abort()
                raise
        self.alive = False

    def close(self) -> None:
        self.end = self.end or "quit"
        self.alive = False

    def abort(self) -> None:
        self.end = self.end or "abort"
        self.alive = False
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()

    async def _do(self, command: object) -> object:
        match command:
            case Write(data):
                if self._content:
                    assert data.endswith(b".\r\n")
                    self._content = False
                    self._obey(".")
                else:
                    for line in data.decode().splitlines():
                        self._obey(line)
                return None
            case ReadReply():
                await asyncio.sleep(0)
                answer = self._answers.popleft()
                if answer is HANG:
                    await asyncio.Event().wait()
                if answer is CLOSE:
                    self._answers.appendleft(CLOSE)
                    self.alive = False
                    return answer
                (reply,) = ReplyParser().feed(f"{answer}\r\n".encode())
                assert isinstance(reply, Reply)
                return reply
        raise AssertionError(command)

    def _obey(self, line: str) -> None:
        self.commands.append(line)
        if self._answers and self._answers[-1] is CLOSE:
            return
        verb, _, argument = line.partition(" ")
        answer = self.server.answer(verb, argument)
        if verb == "DATA" and not self._recipients:
            answer = "503 5.5.1 no valid recipients"
        self._answers.append(answer)
        good = isinstance(answer, str) and answer[0] in "23"
        if verb == "MAIL":
            self._recipients = []
        elif verb == "RCPT" and good:
            self._recipients.append(argument.removeprefix("TO:<").partition(">")[0])
        elif verb == "DATA":
            self._content = good
        elif verb == "." and (good or answer is CLOSE):
            self.server.taken.append(tuple(self._recipients))  # a server that closes may have it all the same


class MemoryOpener:
    """What an `Opener` is to those above it: sessions with servers in memory, by address; others are broken."""

    TLS = TlsFacts("TLSv1.3", "X", ("sts",))

    def __init__(self, **servers: MemoryServer | Callable[[Plan], Any]) -> None:
        self.servers: dict[str, Any] = {}
        self.opened: list[tuple[str, Plan]] = []
        self.reported: list[object] = []

    @property
    def addresses(self) -> list[str]:
        return [address for address, _ in self.opened]

    def report(self, outcome: object) -> None:
        self.reported.append(outcome)

    async def open(self, plan: Plan, address: str, destination: Destination) -> Session | Broken:
        await asyncio.sleep(0)
        self.opened.append((address, plan))
        relay = Relay(plan.host.text, address, plan.port)
        server = self.servers.get(address)
        if callable(server):
            server = server(plan)
        if isinstance(server, MemoryServer):
            connection: Any = MemoryConnection(server, peer_ip=address)
            return Session(connection, plan, relay, server.capabilities, self.TLS)
        return server or Broken(relay, "4.4.1", f"cannot connect to {relay}: nobody is there", "not connected")


@pytest.fixture
def memory() -> Any:
    """`memory.Server(...)`, `memory.Opener()`, `memory.Connection(server)`, `memory.HANG`, `memory.CLOSE`."""
    return SimpleNamespace(
        Server=MemoryServer, Opener=MemoryOpener, Connection=MemoryConnection, HANG=HANG, CLOSE=CLOSE
    )
