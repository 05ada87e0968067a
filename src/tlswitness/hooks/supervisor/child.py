"""One process of one module, as the supervisor holds it: started, spoken to, heard, waited for, killed.

Separate because it is about a process and its descriptors alone; what its death means is decided elsewhere. It is
waited for by a pidfd in the event loop: no thread, no signal handler, under any loop. It must be made in the thread
that lives as long as the supervisor does: the death of that thread is the child's.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

from tlswitness.hooks.host.order import MAX_MESSAGE, MAX_ORDER, Message, Order, order_line, read_message
from tlswitness.hooks.priority import give_way

_COMMAND = (sys.executable, "-P", "-m", "tlswitness.hooks.host")
"""Nothing is imported from where the daemon happens to stand."""
_NOT_THEIRS = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
"""Variables by which a service manager speaks with the daemon."""
_PIPE = 1024 * 1024
"""Octets that a pipe can be made to hold; without asking it holds 64 KiB or less."""
_PIECE = 64 * 1024
_MOST_PIECES = 64
"""Pieces read when the process has ended: a program that it left behind may write on and on."""


class Child:
    """A running process; made in an event loop."""

    def __init__(
        self,
        order: Callable[[int], Order],
        *,
        on_message: Callable[[Message], None],
        on_stderr: Callable[[bytes], None],
    ) -> None:
        """Start it with `order`, which is told the descriptor for its messages. Raises OSError."""
        self._loop = asyncio.get_running_loop()
        self._on_message = on_message
        self._on_stderr = on_stderr
        self._partial = b""
        self.ended: asyncio.Future[int] = self._loop.create_future()
        """The exit status, or the negative number of the signal, when it is gone and all that it said has been read."""
        self._messages, theirs = os.pipe2(os.O_CLOEXEC)
        self._stderr, err = os.pipe2(os.O_CLOEXEC)
        try:
            told = order(theirs)
            line = order_line(told)
            self._process = _started(theirs, err, len(line))
        except BaseException:
            os.close(self._messages)
            os.close(self._stderr)
            raise
        finally:
            os.close(theirs)
            os.close(err)
        give_way(told.spec.limits.nice, self._process.pid)
        try:
            self._pidfd = os.pidfd_open(self._process.pid)
        except OSError:  # no descriptor left
            self._process.kill()
            self._process.wait()
            raise
        for fd in (self._messages, self._stderr, self._stdin):
            os.set_blocking(fd, False)
        self._loop.add_reader(self._messages, self._read_messages)
        self._loop.add_reader(self._stderr, self._read_stderr)
        self._loop.add_reader(self._pidfd, self._gone)
        self.tell(line)

    @property
    def _stdin(self) -> int:
        assert self._process.stdin is not None
        return self._process.stdin.fileno()

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, words: bytes) -> None:
        """Give the process words to heed. One that does not read them is killed: they are few, and a pipe takes all."""
        if self.ended.done():
            return
        try:
            if os.write(self._stdin, words) < len(words):
                self.kill()
        except BlockingIOError:
            self.kill()
        except BrokenPipeError:
            pass  # it is ending: `ended` tells

    def kill(self) -> None:
        """SIGKILL, also for the programs that it has started; a process that is gone already is let be."""
        if self.ended.done():
            return  # its descriptor and its number may be another one's by now
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self._kill_programs()

    def _kill_programs(self) -> None:
        """What is in its process group. Before it is reaped: until then nobody else has the number."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def wait(self, seconds: float) -> bool:
        """Whether it has ended, after at most `seconds`."""
        await asyncio.wait({self.ended}, timeout=seconds)
        return self.ended.done()

    def _read_messages(self) -> bool:
        return self._take(self._messages, self._messages_came)

    def _read_stderr(self) -> bool:
        return self._take(self._stderr, self._on_stderr)

    def _take(self, fd: int, give: Callable[[bytes], None]) -> bool:
        """Read once. False where there is nothing."""
        try:
            octets = os.read(fd, _PIECE)
        except BlockingIOError:
            return False
        if octets:
            give(octets)
        else:
            self._loop.remove_reader(fd)
        return bool(octets)

    def _messages_came(self, octets: bytes) -> None:
        *lines, rest = (self._partial + octets).split(b"\n")
        self._partial = rest[:MAX_MESSAGE]
        for line in lines:
            message = read_message(line)
            if message is not None:
                self._on_message(message)

    def _gone(self) -> None:
        """The pidfd is readable: reap it, and read what it had still said.

        Programs that it has left behind go with it, unless its end was an orderly one: each death may leave some.
        """
        found = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            return
        if (found.si_code, found.si_status) != (os.CLD_EXITED, 0):
            self._kill_programs()
        status = self._process.wait()
        for fd in (self._pidfd, self._messages, self._stderr):
            self._loop.remove_reader(fd)
        for read in (self._read_messages, self._read_stderr):
            for _ in range(_MOST_PIECES):
                if not read():
                    break
        for fd in (self._pidfd, self._messages, self._stderr):
            os.close(fd)
        if self._process.stdin is not None:
            self._process.stdin.close()
        if not self.ended.done():  # whoever waited was cancelled, and the future with him
            self.ended.set_result(status)


def _started(messages: int, err: int, order: int) -> subprocess.Popen[bytes]:
    """The process, with room in its stdin for `order` octets and the words behind it. Raises OSError, ValueError."""
    if order > MAX_ORDER:
        raise ValueError(f"the order for a module's process has {order} octets; at most {MAX_ORDER} are possible")
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        _COMMAND,
        stdin=subprocess.PIPE,
        stdout=err,
        stderr=err,
        pass_fds=(messages,),
        env={name: value for name, value in os.environ.items() if name not in _NOT_THEIRS},
        start_new_session=True,  # a terminal's Ctrl-C is for the daemon
        pipesize=_PIPE if order > _PIPE // 128 else -1,
    )
