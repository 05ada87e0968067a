"""A power cut, as far as it can be played: of what was not fsynced a part is gone, and holes are where it was.

Everybody must be dead. What the writers noted of their fsyncs stays; a segment that nobody noted was never fsynced.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

from tlswitness.journal.line import end_line, seed_of
from tlswitness.journal.names import segments

PAGE = 4096


def cut_power(directory: Path, synced: Path, dice: random.Random) -> int:
    """How many octets are gone."""
    gone = 0
    for name in segments(directory):
        file = directory / name.file
        size = file.stat().st_size
        kept = _synced(synced / name.file)
        if kept >= size or _recovered(file, size, name.id):
            continue
        left = dice.randint(kept, size)
        gone += size - left
        os.truncate(file, left)
        if dice.random() < 0.5:
            gone += _hole(file, kept, left, dice)
        (synced / name.file).write_text(f"{left:020d}")  # what is left is on the disk
    return gone


def _hole(file: Path, begin: int, end: int, dice: random.Random) -> int:
    """A page that never reached the disk, before others that did."""
    pages = range(begin // PAGE + 1, end // PAGE)
    if not pages:
        return 0
    at = dice.choice(pages) * PAGE
    with file.open("r+b") as octets:
        octets.seek(at)
        octets.write(b"\0" * PAGE)
    return PAGE


def _synced(note: Path) -> int:
    try:
        return int(note.read_text() or 0)
    except FileNotFoundError:
        return 0


def _recovered(file: Path, size: int, segment: str) -> bool:
    """Recovery fsyncs what it closes."""
    last = end_line(seed_of(segment), cut=True)
    with file.open("rb") as octets:
        octets.seek(max(0, size - len(last)))
        return octets.read() == last
