"""A mapped file of words and slots, one slot for each segment of the journal: how far somebody is in it.

Separate from what the words mean (`progress`) because this is about the file: that it is there as a whole or not at
all, that it grows, and that a fact is one aligned word of 8 octets, which the machine stores as a whole. A slot's name
is written before the word that says that it is taken.

The file is a page of words and a table of slots. It is allocated before it is mapped: a store into a page that a full
disk cannot give would be a SIGBUS.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from zlib import crc32

from tlswitness.journal.names import sync_directory

MAX_ID = 32
"""Octets of a segment's id."""
MAX_SLOTS = 4_194_304
"""Segments (256 MiB of slots): a journal with more of them has lost its retention."""
FIRST_SLOTS = 960
"""Slots of a new file: 16 pages with the header."""
SLOT_WORDS = 8
FIRST_WORD = 8
"""The first word of the page that is not about the file."""

_HEAD = 4096
_SLOT = SLOT_WORDS * 8
TABLE = _HEAD // 8
"""The word at which slots begin. Each has: done offset, whether finished, four of the id, its length, its check."""
_FINISHED, _ID, _LENGTH, _CHECK = 1, 2, 6, 7
_TAKEN = 1 << 32

_MAGIC, _VERSION, _CAPACITY = 0, 1, 2
_MAGIC_WORD = int.from_bytes(b"tlswhook", sys.byteorder)
"""Stored in the machine's own order, as all words are: a file from another machine does not pass."""
_VERSION_WORD = 1
UNBORN = ".new"
"""Ends the name of a file that is not whole yet."""


class BadProgress(Exception):  # noqa: N818 - what is wrong with the file, in words
    """Not a progress file of this version, or a damaged one."""


class SlotFile:
    """One mapped file. Each process has its own."""

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
    def open(cls, path: Path) -> Self:
        """Open what exists. Raises FileNotFoundError, BadProgress, OSError."""
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        return cls(fd)

    @classmethod
    def made(cls, new: Path, cursor: Mapping[str, int]) -> Self:
        """A file that is called `new` until it is published; all before `cursor` is done in it. Raises OSError."""
        fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            slots = _rounded(len(cursor))
            os.posix_fallocate(fd, 0, _HEAD + slots * _SLOT)
            os.pwrite(fd, b"".join(word.to_bytes(8, sys.byteorder) for word in (_MAGIC_WORD, _VERSION_WORD, slots)), 0)
        except BaseException:
            os.close(fd)
            new.unlink(missing_ok=True)
            raise
        file = cls(fd)
        for segment, offset in cursor.items():
            file._words[TABLE + file.slot(segment) * SLOT_WORDS] = offset
        return file

    def publish(self, new: Path, path: Path) -> None:
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

    def _map(self) -> None:
        info = os.fstat(self._fd)
        if not stat.S_ISREG(info.st_mode):
            raise BadProgress("no regular file")
        if info.st_size < _HEAD + _SLOT:
            raise BadProgress(f"no progress file: it has {info.st_size} octets, at least {_HEAD + _SLOT} are needed")
        head = memoryview(os.pread(self._fd, _HEAD, 0)).cast("Q")  # judged before what is mapped now is given up
        if head[_MAGIC] != _MAGIC_WORD:
            raise BadProgress("no progress file: it begins with something else")
        if head[_VERSION] != _VERSION_WORD:
            raise BadProgress(f"of version {head[_VERSION]}; this program knows version {_VERSION_WORD}")
        capacity = head[_CAPACITY]
        if not 0 < capacity <= MAX_SLOTS or info.st_size < _HEAD + capacity * _SLOT:
            raise BadProgress(f"damaged: {capacity} slots do not fit into {info.st_size} octets")
        self._judge(head)
        self._unmap()
        self._mmap = mmap.mmap(self._fd, info.st_size)
        # A process that a module forks, and that comes back from the call, must end rather than go on with our cursor.
        self._mmap.madvise(mmap.MADV_DONTFORK)
        self._size = info.st_size
        self._octets = memoryview(self._mmap)
        self._words = self._octets.cast("Q")
        self._capacity = capacity

    def _judge(self, head: memoryview) -> None:
        """Raise BadProgress where the words that are not about the file cannot be."""

    def _taken(self) -> list[tuple[str, int]]:
        """Each segment with its slot, in the order of the slots."""
        return [(name, slot) for slot in range(self._capacity) if (name := self._name(slot)) is not None]

    def _name(self, slot: int) -> str | None:
        at = TABLE + slot * SLOT_WORDS
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
        at = TABLE + slot * SLOT_WORDS
        self._octets[(at + _ID) * 8 : (at + _ID) * 8 + len(name)] = name
        words = self._words
        words[at] = words[at + _FINISHED] = 0
        words[at + _LENGTH] = len(name)
        words[at + _CHECK] = crc32(name) | _TAKEN
        return slot

    def _grow(self) -> None:
        capacity = self._capacity * 2
        if capacity > MAX_SLOTS:
            raise OSError(errno.EFBIG, f"more than {MAX_SLOTS} segments")
        os.posix_fallocate(self._fd, 0, _HEAD + capacity * _SLOT)
        os.fsync(self._fd)  # else, after a loss of power, the file might be shorter than it says
        self._map()
        self._words[_CAPACITY] = self._capacity = capacity

    def finished(self, slot: int) -> None:
        """Nothing will follow in this segment."""
        self._words[TABLE + slot * SLOT_WORDS + _FINISHED] = 1

    def segment(self, slot: int) -> str:
        """The segment of a slot that is taken."""
        return self._name(slot) or ""

    def cursor(self) -> dict[str, int]:
        """Each segment and the offset before which all was told; also while the process runs."""
        self._refresh()
        return {name: self._words[TABLE + slot * SLOT_WORDS] for name, slot in self._taken()}

    def finished_segments(self) -> set[str]:
        """Segments that were read to their end."""
        self._refresh()
        return {name for name, slot in self._taken() if self._words[TABLE + slot * SLOT_WORDS + _FINISHED]}

    def _refresh(self) -> None:
        """The other side may have made the file longer; and somebody shorter: to read on would be a SIGBUS. Raises
        BadProgress; then what was mapped stays so.
        """
        if os.fstat(self._fd).st_size < self._size:
            raise BadProgress("damaged: it has become shorter")
        if self._words[_CAPACITY] != self._capacity:
            self._map()

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
