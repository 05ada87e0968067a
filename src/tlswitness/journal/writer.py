"""One writer's chain of segments: append, acknowledge, close and open anew.

Separate because here the promise is made: when `append` returns, the points are in the file and survive SIGKILL; in
mode `always` they are on the disk. A segment of an earlier life is never touched: the first append opens a new one.
"""

from __future__ import annotations

import errno
import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from weakref import WeakSet

from tlswitness.journal.line import MAX_MARK
from tlswitness.journal.names import CHAIN, last_number, new_segment, segments, sync_directory
from tlswitness.journal.positions import read_positions
from tlswitness.journal.segment import MAX_FINDINGS, Entry, Segment, WriteFailed
from tlswitness.journal.settings import MIB, Fsync, JournalSettings

MAX_PIECE = 4096
"""Entries in one write, where they need not be one: what a reader sees at once stays small."""
MAX_BATCH = 16 * MIB
"""Octets, roughly, of a batch with a position: it must be in one segment, and readers hold it in memory."""

Sync = Callable[[int], None]

_writers: WeakSet[Writer] = WeakSet()
"""Those of this process, for one that is forked from it."""


class Writer:
    """Appends to one chain. From any thread; appends of several threads follow one another, their fsyncs are shared.

    In a process that is forked it appends to a new chain: the segment that is open is the other one's.
    """

    def __init__(
        self,
        settings: JournalSettings,
        chain: str,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sync: Sync = os.fdatasync,
    ) -> None:
        """`chain` is this writer's alone. Nothing is opened before the first append."""
        if not CHAIN.fullmatch(chain):
            raise ValueError(f"a chain is named by 1 to 40 of a-z, 0-9 and _, not {chain!r}")
        self.chain = chain
        self._settings = settings
        self._serials: dict[str, int] | None = None  # read when they are needed
        self._clock = clock
        self._monotonic = monotonic
        self._sync = sync
        self._writing = threading.Lock()
        self._syncing = threading.Lock()
        self._segment: Segment | None = None
        self._since = 0.0
        self._closed = threading.Event()
        self._ticker: threading.Thread | None = None
        _writers.add(self)

    def forked(self) -> None:
        """Called in a new process, which has none of the threads of the other and copies of its locks."""
        self.chain = f"{self.chain[:31]}_{secrets.token_hex(4)}"
        self._writing, self._syncing = threading.Lock(), threading.Lock()
        closed, self._closed = self._closed.is_set(), threading.Event()
        if closed:
            self._closed.set()
        self._ticker = self._serials = None
        segment, self._segment = self._segment, None
        if segment is not None and segment.open:
            segment.abandon()

    def append(self, entries: Sequence[Entry], *, source: str = "", position: str = "") -> None:
        """Write `entries` in their order. With `source`, which the caller has claimed, they and its new `position`
        count together or not at all.

        Raises WriteFailed, which says how many entries were taken, or ValueError.
        """
        if source:
            self._append_marked(entries, source, position)
            return
        taken = 0
        while taken < len(entries):
            piece = entries[taken : taken + MAX_PIECE]
            try:
                self._append(piece, None)
            except WriteFailed as failed:
                raise WriteFailed(failed.error, taken + failed.taken) from failed
            taken += len(piece)

    def _append_marked(self, entries: Sequence[Entry], source: str, position: str) -> None:
        if max(len(source), len(position)) > MAX_MARK:
            raise ValueError(f"a source and its position have at most {MAX_MARK} characters")
        # No finding is written twice in a batch, but each may be new.
        size = sum(len(tail) for tail in {finding.tail for _, finding in entries}) + 40 * len(entries)
        if size > MAX_BATCH:
            raise ValueError(f"a batch with a position has at most {MAX_BATCH} octets, not {size}")
        self._append(entries, (source, position))

    def _append(self, entries: Sequence[Entry], place: tuple[str, str] | None) -> None:
        with self._writing:
            segment = self._writable()
            serial = 0 if place is None else self._serials_known().get(place[0], 0) + 1
            try:
                segment.append(entries, None if place is None else (serial, *place))
            except WriteFailed:
                self._retire()  # numbers of findings may be lost with the lines that gave them
                raise
            end = segment.size
            if place is not None:
                self._serials_known()[place[0]] = serial
        if self._settings.fsync is Fsync.ALWAYS:
            try:
                self._sync_to(segment, end)
            except OSError as error:
                raise WriteFailed(error, len(entries)) from error

    @property
    def watermark(self) -> tuple[str, int] | None:
        """The segment that is open and how much of it is on the disk for sure; None where none is open."""
        segment = self._segment
        return None if segment is None else (segment.name.id, segment.synced)

    def flush(self) -> None:
        """Bring all that was appended to the disk. Raises OSError."""
        with self._writing:
            segment = self._segment
            end = 0 if segment is None else segment.size
        if segment is not None:
            self._sync_to(segment, end)

    def close(self) -> None:
        """End the chain: nothing more can be appended."""
        self._closed.set()
        with self._writing:
            self._retire()
        if self._ticker is not None and self._ticker is not threading.current_thread():
            self._ticker.join()

    def _serials_known(self) -> dict[str, int]:
        """The last serial of each source. Raises WriteFailed."""
        if self._serials is None:
            try:
                self._serials = dict(read_positions(self._settings.directory).serials)
            except OSError as error:
                raise WriteFailed(error, 0) from error
        return self._serials

    def _writable(self) -> Segment:
        """The open segment, a new one where it is full, old or missing."""
        if self._closed.is_set():
            raise ValueError("the writer is closed")
        segment = self._segment
        if segment is not None and not self._full(segment):
            return segment
        number = None if segment is None else segment.name.number
        self._retire()
        try:
            return self._open(number)
        except OSError as error:
            raise WriteFailed(error, 0) from error

    def _full(self, segment: Segment) -> bool:
        return (
            segment.size >= self._settings.segment_bytes
            or self._monotonic() - self._since >= self._settings.segment_seconds
            or segment.findings >= MAX_FINDINGS
        )

    def _open(self, number: int | None) -> Segment:
        directory = self._settings.directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if number is None:
            number = last_number(segments(directory), self.chain)
        segment = Segment(directory, new_segment(self.chain, number + 1, self._clock()))
        if self._settings.fsync is not Fsync.NEVER:
            with suppress(OSError):  # the name may be lost with the power, no more
                sync_directory(directory)
        self._segment, self._since = segment, self._monotonic()
        if self._settings.fsync is Fsync.INTERVAL and self._ticker is None:
            self._ticker = threading.Thread(target=self._tick, name=f"journal {self.chain}", daemon=True)
            self._ticker.start()
        return segment

    def _retire(self) -> None:
        """Close the open segment; what is in it is brought to the disk first, where the mode promises that."""
        with self._syncing:
            segment, self._segment = self._segment, None
            if segment is None:
                return
            if self._settings.fsync is not Fsync.NEVER:
                with suppress(OSError):  # who waits for it in `_sync_to` is told
                    self._sync(segment.fd)
                    segment.synced = segment.size
            segment.close()

    def _sync_to(self, segment: Segment, end: int) -> None:
        """Return when the first `end` octets of `segment` are on the disk: one fsync serves all who wait for it."""
        with self._syncing:
            if segment.synced >= end:
                return
            if not segment.open:
                raise OSError(errno.EIO, "the segment was closed, and could not be brought to the disk")
            size = segment.size
            self._sync(segment.fd)
            segment.synced = size

    def _tick(self) -> None:
        while not self._closed.wait(self._settings.interval):
            segment = self._segment
            if segment is not None and segment.size > segment.synced:
                with suppress(OSError):  # tried again in a moment
                    self._sync_to(segment, segment.size)


def _forked() -> None:
    for writer in tuple(_writers):
        writer.forked()


os.register_at_fork(after_in_child=_forked)
