"""The status socket: a local program asks on one line what the daemon tells, and has a line of JSON for an answer.

Separate because a socket that an earlier life left behind must be told from one that another daemon answers at, and
from what is no socket. Mode 0600: the status names files and errors.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

from tlswitness.service.door import MAX_CLIENTS, Door

MAX_PATH = 107
"""Octets that the path of a socket may have (unix(7))."""
MAX_REQUEST = 256
"""Octets of the line that asks."""

Answer = Callable[[], Awaitable[bytes]]


class SocketUnusable(Exception):  # noqa: N818 - why, in words
    """The socket cannot be made."""


class SocketLive(SocketUnusable):
    """Somebody answers at it."""


class StatusSocket:
    """Answers at `path` from `start` to `close`."""

    def __init__(self, path: Path, answers: Mapping[str, Answer]) -> None:
        """`answers` has, for each word that may be asked, who makes the answer: JSON on one line."""
        self.path = path
        self._answers = answers
        self._server: asyncio.Server | None = None
        self._made: tuple[int, int] | None = None
        self._door = Door(self._talk, _refusal("too many ask at the same time") + b"\n")

    async def start(self) -> None:
        """Raises SocketLive, SocketUnusable."""
        reason = path_fault(self.path)
        if reason:
            raise SocketUnusable(reason)
        try:
            sock = await asyncio.to_thread(_bound, self.path)
        except OSError as error:
            raise SocketUnusable(f"{self.path}: {error.strerror or error}") from error
        status = self.path.stat()
        self._made = status.st_dev, status.st_ino
        self._server = await asyncio.start_unix_server(self._door.serve, sock=sock, limit=MAX_REQUEST)

    async def close(self) -> None:
        """Answer no more, and remove the socket if it is still ours."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        await self._door.close()
        with suppress(OSError):
            status = self.path.stat()
            if (status.st_dev, status.st_ino) == self._made:
                self.path.unlink()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await self._answer(reader) + b"\n")

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            return _refusal(f"a question has {MAX_REQUEST} octets at most")
        except asyncio.IncompleteReadError as error:
            line = error.partial
        word = line.decode("utf-8", "replace").strip()
        answer = self._answers.get(word)
        if answer is None:
            return _refusal(f"{word[:40]!r} cannot be asked; what can: {', '.join(self._answers)}")
        return await answer()


def path_fault(path: Path) -> str:
    """Why no socket can have this path, in words."""
    octets = len(os.fsencode(path))
    return f"{path}: the path of a socket has at most {MAX_PATH} octets, this one {octets}" if octets > MAX_PATH else ""


def _refusal(text: str) -> bytes:
    return json.dumps({"error": text}).encode()


def _bound(path: Path) -> socket.socket:
    """A listening socket, in the place of one that nobody answers at. Raises OSError, SocketUnusable."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _make_way(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        before = os.umask(0o177)  # from its first moment on, it is for nobody else
        try:
            sock.bind(str(path))
        finally:
            os.umask(before)
        sock.listen(MAX_CLIENTS)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _make_way(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SocketUnusable(f"{path}: there is something else with this name, and it is not removed")
    if _answered(path):
        raise SocketLive(f"{path}: another program answers at it")
    path.unlink(missing_ok=True)


def _answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as sock:
        sock.settimeout(1.0)
        try:
            sock.connect(str(path))
        except OSError as error:
            return error.errno not in (errno.ECONNREFUSED, errno.ENOENT)  # a full queue is somebody's
    return True
