"""The daemon: one life from the lock on the journal's directory to the last module's end.

Separate because here alone it is decided in which order things begin and end, and what a signal means. SIGHUP loads the
configuration anew; SIGTERM and SIGINT let the modules be told what the journal holds, then end it; a second one ends it
at once. Nothing that fails to start but the lock and a status socket that is somebody else's keeps it from running.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

from tlswitness.engine.background import background, cancel
from tlswitness.hooks.supervisor import Supervisor
from tlswitness.journal import DirectoryLock, JournalSink, Writer
from tlswitness.service.janitor import EVERY, Janitor
from tlswitness.service.look import Looker, Sources
from tlswitness.service.metrics import Metrics
from tlswitness.service.notify import Notifier
from tlswitness.service.reload import Load, Reloader
from tlswitness.service.scrape import MetricsServer
from tlswitness.service.settings import ServiceSettings
from tlswitness.service.socket import SocketLive, SocketUnusable, StatusSocket
from tlswitness.service.status import Status, encode

CHAIN = "serve"
"""The daemon's own chain in the journal; the lock sees to it that nobody else has it."""
BEAT = 5.0
"""Seconds between two looks at how all is going."""

log = logging.getLogger(__name__)


class Daemon:
    """To be run once, in a loop of the main thread."""

    def __init__(
        self,
        settings: ServiceSettings,
        load: Load,
        *,
        on_reload: Callable[[], None] = lambda: None,
        notifier: Notifier | None = None,
    ) -> None:
        """`load` reads the configuration anew; `on_reload` is called when what it read has come to hold."""
        self._first = settings
        self._notifier = notifier or Notifier()
        self._supervisor = Supervisor(settings.journal.directory, settings.hooks)
        self._writer = Writer(settings.journal, CHAIN)
        self.sink = JournalSink(self._writer)
        """Takes points of sources in this process."""
        self._janitor = Janitor(settings.hooks)
        self._reloader = Reloader(settings, load, self._supervisor, on_reload)
        sources = Sources(
            self._supervisor, self.sink, self._writer, self._janitor, settings.journal.directory, self._about
        )
        self._looker = Looker(sources)
        self._metrics = Metrics()
        self._metrics_at = ""
        self._faults: list[str] = []
        self._since = time.time()
        self._reloading: asyncio.Task[None] | None = None
        self._stop, self._hurry, self._hangup = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._status = 0

    async def run(self) -> int:
        """The exit status: 0, or 128 and a signal where it was the second one. Raises DirectoryBusy, SocketLive, and
        OSError where the directory cannot be used.
        """
        self._heed_signals()
        async with AsyncExitStack() as stack:
            await self._start(stack)
            await self._go_on()
            await self._end()
        return self._status

    def _heed_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_end, number)
        loop.add_signal_handler(signal.SIGHUP, self._hangup.set)

    def _told_to_end(self, number: int) -> None:
        if self._stop.is_set():
            self._status = 128 + number
            self._hurry.set()
        self._stop.set()

    async def _start(self, stack: AsyncExitStack) -> None:
        settings = self._first
        settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        stack.enter_context(DirectoryLock(settings.journal.directory))
        await asyncio.to_thread(self._janitor.recover, settings.journal.directory)
        stack.push_async_callback(asyncio.to_thread, self.sink.close)
        await self._open_socket(stack)
        await self._open_metrics(stack)
        await self._supervisor.apply(settings.modules)
        for loop in (self._beat(), self._sweep()):
            stack.push_async_callback(partial(cancel, background(loop)))
        self._since = time.time()
        self._notifier.ready(await self._words())
        log.info(
            "ready: %d module%s of %s, the journal is %s",
            len(settings.modules),
            "s" * (len(settings.modules) != 1),
            settings.file or "no configuration file",
            settings.journal.directory,
            extra={"fields": {"pid": os.getpid(), "modules": len(settings.modules), "config": str(settings.file)}},
        )

    async def _open_socket(self, stack: AsyncExitStack) -> None:
        sock = StatusSocket(self._first.socket, {"status": self._answer})
        try:
            await sock.start()
        except SocketLive:
            raise
        except SocketUnusable as error:
            self._fault(f"`tlswitness status` cannot ask: {error}")
        stack.push_async_callback(sock.close)

    async def _open_metrics(self, stack: AsyncExitStack) -> None:
        listen = self._first.metrics
        if listen is None:
            return
        server = MetricsServer(listen, self._metrics.registry, self._look)
        try:
            await server.start()
        except OSError as error:
            self._fault(f"no metrics: {listen} cannot be had: {error.strerror or error}")
            return
        self._metrics_at = str(replace(listen, port=server.port))
        stack.push_async_callback(server.close)

    def _fault(self, words: str) -> None:
        self._faults.append(words)
        log.error("%s", words)

    async def _go_on(self) -> None:
        """Until it is told to end."""
        while not self._stop.is_set():
            await _first_of(self._stop, self._hangup)
            if self._hangup.is_set() and not self._stop.is_set():
                self._hangup.clear()
                await self._reload()

    async def _reload(self) -> None:
        """Until it is done, or the daemon is told to end: a new version that never loads must not be waited for."""
        self._notifier.reloading()
        done = asyncio.Event()
        self._reloading = background(self._reloader.reload())
        self._reloading.add_done_callback(lambda _: done.set())
        await _first_of(done, self._stop)
        if not self._stop.is_set():
            self._notifier.ready(await self._words())

    async def _end(self) -> None:
        drain = self._reloader.settings.drain
        log.info("told to end: the modules are told what the journal holds, for up to %g s", drain)
        self._notifier.stopping("the modules are told what the journal holds")
        await asyncio.to_thread(self.sink.close)
        stopping = asyncio.create_task(self._supervisor.stop(drain=drain))
        hurrying = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({stopping, hurrying}, return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()
        if not stopping.done():
            stopping.cancel()  # and with this process the modules end, wherever they are
            log.warning("told to end a second time: it ends now, and the modules with it")
            return
        stopping.result()
        if self._reloading is not None:
            await asyncio.wait({self._reloading})
        self._tell_left()
        log.info("ended")

    def _tell_left(self) -> None:
        """Modules that time has not sufficed for."""
        try:
            snapshots = self._supervisor.snapshots()
        except OSError:
            return
        for snapshot in snapshots:
            if snapshot.behind:
                log.warning(
                    "hook %s was stopped %d octets before the end of the journal: it goes on there at the next start",
                    snapshot.name,
                    snapshot.behind,
                    extra={"fields": {"module": snapshot.name, "behind": snapshot.behind}},
                )

    async def _beat(self) -> None:
        """Say that it goes round, and look. Should a bug end this, the service manager notices."""
        every = BEAT if self._notifier.watchdog is None else min(BEAT, self._notifier.watchdog / 3)
        while True:
            self._notifier.alive()
            if not self._stop.is_set():
                self._notifier.status(await self._words())
            await asyncio.sleep(every)

    async def _sweep(self) -> None:
        while True:
            settings = self._reloader.settings
            names = [spec.name for spec in settings.modules]
            await asyncio.to_thread(self._janitor.sweep, settings.journal, names, time.time())
            await asyncio.sleep(EVERY)

    async def _look(self) -> Status:
        status = await self._looker.look()
        self._metrics.show(status)
        return status

    async def _answer(self) -> bytes:
        return encode(await self._look())

    async def _words(self) -> str:
        """One line on how all is."""
        status = await self._look()
        troubles = list(status.troubles())
        count = len(status.modules)
        modules = f"{count} module{'s' * (count != 1)}"
        return f"{modules}; {troubles[0]}{' ...' if len(troubles) > 1 else ''}" if troubles else f"{modules}, all well"

    def _about(self, status: Status) -> Status:
        reloader = self._reloader
        return replace(
            status,
            since=self._since,
            config="" if reloader.settings.file is None else str(reloader.settings.file),
            state="stopping" if self._stop.is_set() else "running",
            reload=reloader.last,
            reloads=reloader.count,
            failed_reloads=reloader.failed,
            metrics=self._metrics_at,
            faults=tuple(self._faults),
        )


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
