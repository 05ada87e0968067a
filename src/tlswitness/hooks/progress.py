"""How far a module is: a file that its process and the supervisor have mapped, and that outlives both.

Separate because it is all that the two share while a call runs, and it must be true whoever is killed, at whichever
instruction. So each fact is one aligned word of 8 octets, which the machine stores as a whole, and the order of the
stores is the proof: a call's point is written before the word that says that it runs, a slot's name before the word
that says that it is taken, the new offset of a segment before the word that says that nothing runs. Whoever reads the
file after a SIGKILL finds a cursor before which everything was told and behind which nothing was, but for the one call
that was running. (The loss of power may bring back an older state: then points are told again.)

The file is a page of words (`_MAGIC` ...) and a table of slots, one for each segment of the journal. It is allocated
before it is mapped: a store into a page that a full disk cannot give would be a SIGBUS.

Only the module's process writes while there is one; the supervisor writes before it starts one and after it has died.
"""

from __future__ import annotations

import logging
import mmap
import os
import stat
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Self
from zlib import crc32

from tlswitness.hooks.standing import Counts, Running, Standing
from tlswitness.journal.names import sync_directory

FILE = "progress"
"""Its name in the module's own directory."""
MAX_DEATHS = 3
"""Deaths on one point, after which it goes to the dead letters."""
MAX_ID = 32
"""Octets of a segment's id."""
MAX_SLOTS = 4_194_304
"""Segments (256 MiB of slots): a journal with more of them has lost its retention."""
FIRST_SLOTS = 960
"""Slots of a new file: 16 pages with the header."""

_HEAD = 4096
_SLOT = 64
_WORDS = _SLOT // 8
_TABLE = _HEAD // 8
"""The word at which slots begin. Each has: done offset, whether finished, four of the id, its length, its check."""
_FINISHED, _ID, _LENGTH, _CHECK = 1, 2, 6, 7
_TAKEN = 1 << 32

_MAGIC, _VERSION, _CAPACITY = 0, 1, 2
_CALLS, _ERRORS, _SLOW, _RETRIES, _DAMAGED, _MISSED, _DEATHS, _DEAD_LETTERS = range(8, 16)
_RUN_SLOT, _RUN_OFFSET, _RUN_SINCE, _WAITING = range(16, 20)
_DEATH_SLOT, _DEATH_OFFSET, _DEATH_COUNT = range(24, 27)

_MAGIC_WORD = int.from_bytes(b"tlswhook", sys.byteorder)
"""Stored in the machine's own order, as all words are: a file from another machine does not pass."""
_VERSION_WORD = 1
_ASIDE = ".damaged"
_UNBORN = ".new"

_log = logging.getLogger("tlswitness.hooks")


class BadProgress(Exception):  # noqa: N818 - what is wrong with the file, in words
    """Not a progress file of this version, or a damaged one."""


class Progress:
    """One mapped progress file. Each process has its own."""

    def __init__(self, fd: int) -> None:
        """Map the file that is open as `fd`, which is taken over. Raises BadProgress and OSError."""
        self._fd = fd
        try:
            self._map()
            self._slots: dict[str, int] = dict(self._taken())
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, path: Path) -> Progress:
        """Open what exists. Raises FileNotFoundError, BadProgress, OSError."""
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        return cls(fd)

    @classmethod
    def create(cls, path: Path, cursor: Mapping[str, int]) -> Progress:
        """A new file whose module is told what comes behind `cursor`; in place of an old one. Raises OSError."""
        new = path.with_name(path.name + _UNBORN)
        progress = cls._made(new, cursor)
        progress._publish(new, path)  # noqa: SLF001 - of the same class
        return progress

    @classmethod
    def _made(cls, new: Path, cursor: Mapping[str, int]) -> Progress:
        fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            slots = _rounded(len(cursor))
            os.posix_fallocate(fd, 0, _HEAD + slots * _SLOT)
            os.pwrite(fd, b"".join(word.to_bytes(8, sys.byteorder) for word in (_MAGIC_WORD, _VERSION_WORD, slots)), 0)
        except BaseException:
            os.close(fd)
            new.unlink(missing_ok=True)
            raise
        progress = cls(fd)
        for segment, offset in cursor.items():
            progress.done(progress.slot(segment), offset)
        return progress

    def _publish(self, new: Path, path: Path) -> None:
        """Name the file when it is on the disk: after a loss of power there is all of it or the one before."""
        try:
            self._mmap.flush()
            os.fsync(self._fd)
            new.rename(path)
            sync_directory(path.parent)
        except BaseException:
            self.close()
            new.unlink(missing_ok=True)
            raise

    @classmethod
    def open_or_create(cls, path: Path, cursor: Callable[[], Mapping[str, int]]) -> Progress:
        """What is there; what is no progress file is set aside, with a word in the log, and a new one takes its place,
        whose module goes on at `cursor()`. Raises OSError.
        """
        try:
            return cls.open(path)
        except FileNotFoundError:
            pass
        except BadProgress as bad:
            aside = path.with_name(path.name + _ASIDE)
            path.rename(aside)
            _log.error("%s is %s: it is set aside as %s, and its module begins like a new one", path, bad, aside.name)
        return cls.create(path, cursor())

    def _map(self) -> None:
        info = os.fstat(self._fd)
        if not stat.S_ISREG(info.st_mode):
            raise BadProgress("no regular file")
        if info.st_size < _HEAD + _SLOT:
            raise BadProgress(f"no progress file: it has {info.st_size} octets, at least {_HEAD + _SLOT} are needed")
        self._mmap = mmap.mmap(self._fd, info.st_size)
        self._octets = memoryview(self._mmap)
        words = self._words = self._octets.cast("Q")
        if words[_MAGIC] != _MAGIC_WORD:
            raise BadProgress("no progress file: it begins with something else")
        if words[_VERSION] != _VERSION_WORD:
            raise BadProgress(f"of version {words[_VERSION]}; this program knows version {_VERSION_WORD}")
        self._capacity = words[_CAPACITY]
        if not 0 < self._capacity <= MAX_SLOTS or info.st_size < _HEAD + self._capacity * _SLOT:
            raise BadProgress(f"damaged: {self._capacity} slots do not fit into {info.st_size} octets")

    def _taken(self) -> list[tuple[str, int]]:
        """Each segment with its slot, in the order of the slots."""
        return [(name, slot) for slot in range(self._capacity) if (name := self._name(slot)) is not None]

    def _name(self, slot: int) -> str | None:
        at = _TABLE + slot * _WORDS
        check = self._words[at + _CHECK]
        if not check:
            return None
        length = self._words[at + _LENGTH]
        octets = bytes(self._octets[(at + _ID) * 8 : (at + _ID) * 8 + min(length, MAX_ID)])
        if length > MAX_ID or check != crc32(octets) | _TAKEN or not octets.isascii():
            raise BadProgress(f"damaged: slot {slot} holds no segment")
        return octets.decode("ascii")

    def slot(self, segment: str) -> int:
        """The slot of `segment`, a new one where it has none. Raises OSError where the file cannot grow."""
        slot = self._slots.get(segment)
        if slot is None:
            slot = self._slots[segment] = self._take(segment.encode("ascii"))
        return slot

    def _take(self, name: bytes) -> int:
        if not 0 < len(name) <= MAX_ID:
            raise ValueError(f"a segment's id has 1 to {MAX_ID} octets")
        slot = len(self._slots)  # slots are taken in their order, and given up by `compact` alone
        if slot >= self._capacity:
            self._grow()
        at = _TABLE + slot * _WORDS
        self._octets[(at + _ID) * 8 : (at + _ID) * 8 + len(name)] = name
        words = self._words
        words[at] = words[at + _FINISHED] = 0
        words[at + _LENGTH] = len(name)
        words[at + _CHECK] = crc32(name) | _TAKEN
        return slot

    def _grow(self) -> None:
        capacity = self._capacity * 2
        if capacity > MAX_SLOTS:
            raise OSError(27, f"more than {MAX_SLOTS} segments")  # EFBIG
        os.posix_fallocate(self._fd, 0, _HEAD + capacity * _SLOT)
        os.fsync(self._fd)  # else, after a loss of power, the file might be shorter than it says
        self._unmap()
        self._map()
        self._words[_CAPACITY] = self._capacity = capacity

    def begin(self, slot: int, offset: int, now: int) -> None:
        """A call is about to be made, at `now` (monotonic, ns, not 0)."""
        words = self._words
        words[_RUN_SLOT] = slot
        words[_RUN_OFFSET] = offset
        words[_RUN_SINCE] = now

    def done(self, slot: int, end: int) -> None:
        """Everything before `end` has been told; no call runs."""
        words = self._words
        words[_TABLE + slot * _WORDS] = end
        words[_RUN_SINCE] = 0

    def called(self, slot: int, end: int) -> None:
        """As `done`, and one call more."""
        words = self._words
        words[_TABLE + slot * _WORDS] = end
        words[_RUN_SINCE] = 0
        words[_CALLS] += 1

    def calls_in(self, slot: int) -> tuple[Callable[[int, int], None], Callable[[int], None]]:
        """`begin(offset, now)` and `called(end)` for the calls of one chunk; then `over`.

        As the methods, in fewer steps: between two calls the word that one runs stays, for the cursor has passed its
        offset, and so it is known to be over.
        """
        words, done = self._words, _TABLE + slot * _WORDS
        words[_RUN_SINCE] = 0
        words[_RUN_SLOT] = slot

        def begin(offset: int, now: int) -> None:
            words[_RUN_OFFSET] = offset
            words[_RUN_SINCE] = now

        def called(end: int) -> None:
            words[done] = end
            words[_CALLS] += 1

        return begin, called

    def over(self) -> None:
        """No call runs."""
        self._words[_RUN_SINCE] = 0

    def finished(self, slot: int) -> None:
        """Nothing will follow in this segment."""
        self._words[_TABLE + slot * _WORDS + _FINISHED] = 1

    def wait_until(self, when: int) -> None:
        """No call runs; the next try is made at `when` (monotonic, ns)."""
        words = self._words
        words[_WAITING] = when
        words[_RUN_SINCE] = 0

    def waited(self) -> None:
        self._words[_WAITING] = 0

    def count_retry(self) -> None:
        """A call asked to be made again."""
        self._words[_CALLS] += 1
        self._words[_RETRIES] += 1

    def count_error(self) -> None:
        self._words[_ERRORS] += 1

    def count_slow(self) -> None:
        self._words[_SLOW] += 1

    def count_damages(self, count: int) -> None:
        self._words[_DAMAGED] += count

    def count_dead_letter(self) -> None:
        """The point that was condemned is among the dead letters, and the cursor behind it."""
        self._words[_DEATH_COUNT] = 0
        self._words[_DEAD_LETTERS] += 1

    @property
    def condemned(self) -> tuple[int, int] | None:
        """Slot and offset of the point on which too many processes died."""
        words = self._words
        return (words[_DEATH_SLOT], words[_DEATH_OFFSET]) if words[_DEATH_COUNT] >= MAX_DEATHS else None

    @property
    def suspect(self) -> tuple[int, int] | None:
        """Slot and offset of the point, or the first one of a batch, on which a process died last."""
        words = self._words
        return (words[_DEATH_SLOT], words[_DEATH_OFFSET]) if words[_DEATH_COUNT] else None

    @property
    def running(self) -> Running | None:
        """The call under way. One whose offset the cursor has passed was over already."""
        words = self._words
        since = words[_RUN_SINCE]
        if not since:
            return None
        self._refresh()
        words = self._words
        found = Running(words[_RUN_SLOT], words[_RUN_OFFSET], since)
        over = found.slot >= self._capacity or words[_TABLE + found.slot * _WORDS] > found.offset
        return None if over else found

    @property
    def waiting_until(self) -> int:
        """When the next try of a point is made (monotonic, ns); 0 where none is due."""
        return self._words[_WAITING]

    @property
    def counts(self) -> Counts:
        return Counts(*self._words[_CALLS : _DEAD_LETTERS + 1])

    def settle(self) -> None:
        """Before a process starts: no call runs. What an earlier supervisor's process was at is no death of a point:
        it may have died with everything else.
        """
        self._words[_RUN_SINCE] = self._words[_WAITING] = 0

    def note_death(self, killed_for: Running | None = None) -> tuple[Running | None, int]:
        """After the process has died: the call that it died in, and how many died in the same one, this one included.

        Where the process was killed for a call, that is given as `killed_for`, and another one is not held to account.
        """
        words = self._words
        running = self.running if killed_for is None or self.running == killed_for else None
        words[_DEATHS] += 1
        count = 0
        if running is not None:
            same = (words[_DEATH_SLOT], words[_DEATH_OFFSET]) == (running.slot, running.offset)
            count = (words[_DEATH_COUNT] if same else 0) + 1
            words[_DEATH_COUNT] = 0
            words[_DEATH_SLOT], words[_DEATH_OFFSET] = running.slot, running.offset
            words[_DEATH_COUNT] = count
        self.settle()
        return running, count

    def segment(self, slot: int) -> str:
        """The segment of a slot that is taken."""
        return self._name(slot) or ""

    def cursor(self) -> dict[str, int]:
        """Each segment and the offset before which all was told; also while the process runs."""
        self._refresh()
        return {name: self._words[_TABLE + slot * _WORDS] for name, slot in self._taken()}

    def finished_segments(self) -> set[str]:
        """Segments that were read to their end."""
        self._refresh()
        return {name for name, slot in self._taken() if self._words[_TABLE + slot * _WORDS + _FINISHED]}

    @property
    def standing(self) -> Standing:
        """All that there is to be known of a module, also while the process runs."""
        return Standing(self.counts, self.cursor(), frozenset(self.finished_segments()))

    def _refresh(self) -> None:
        """The other side may have made the file longer."""
        if self._words[_CAPACITY] != self._capacity:
            self._unmap()
            self._map()

    def compact(self, path: Path, existing: Collection[str]) -> Progress:
        """The same without the segments that do not exist any more; closes this one. While no process runs.

        Raises OSError; then this one is as it was.
        """
        cursor, finished = self.cursor(), self.finished_segments()
        kept = {name: offset for name, offset in cursor.items() if name in existing}
        if len(kept) == len(cursor):
            return self
        unborn = path.with_name(path.name + _UNBORN)
        new = Progress._made(unborn, kept)
        for name in finished & kept.keys():
            new.finished(new.slot(name))
        ours, its = self._words, new._words  # noqa: SLF001
        its[_CALLS : _DEAD_LETTERS + 1] = ours[_CALLS : _DEAD_LETTERS + 1]
        its[_MISSED] += len(cursor.keys() - kept.keys() - finished)
        died_in = self.segment(ours[_DEATH_SLOT]) if ours[_DEATH_COUNT] else ""
        if died_in in kept:
            its[_DEATH_SLOT], its[_DEATH_OFFSET] = new.slot(died_in), ours[_DEATH_OFFSET]
            its[_DEATH_COUNT] = ours[_DEATH_COUNT]
        new._publish(unborn, path)  # noqa: SLF001
        self.close()
        return new

    def _unmap(self) -> None:
        for view in (getattr(self, "_words", None), getattr(self, "_octets", None), getattr(self, "_mmap", None)):
            if isinstance(view, memoryview):
                view.release()
            elif view is not None:
                view.close()

    def close(self) -> None:
        """Unmap; a second call does nothing."""
        self._unmap()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _rounded(slots: int) -> int:
    """A capacity with room for more."""
    capacity = FIRST_SLOTS
    while capacity < slots + slots // 4:
        capacity *= 2
    return capacity
