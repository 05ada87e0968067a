"""Helpers for tests of delivery: a playbook for conversations, and a peer on loopback that does as it is told."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import pytest

from tlswitness.delivery.smtp.reply import Reply, ReplyParser
from tlswitness.delivery.smtp.talk import ReadReply, Talk, UpgradeToTls, Write
from tlswitness.lab.authority import Authority

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
