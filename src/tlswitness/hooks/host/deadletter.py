"""Dead letters: points on which a module's process has died again and again, kept as whole data points.

Separate because it is the one thing that a module's process keeps of the points themselves. The file has one JSON line
for each, which `hooks test --file` takes as it is.
"""

from __future__ import annotations

import os
from pathlib import Path

DEAD_LETTERS = "dead-letter.jsonl"
MAX_FILE = 64 * 1024 * 1024
"""Octets; a module that dies on each point must not fill the disk. The file before this one is kept."""
BEFORE = ".1"


def keep(home: Path, line: str, *, most: int = MAX_FILE) -> None:
    """Add `line` to the module's dead letters; it is on the disk when this returns. Raises OSError."""
    path = home / DEAD_LETTERS
    octets = line.encode() + b"\n"
    fd = _open(path)
    try:
        if os.fstat(fd).st_size + len(octets) > most:
            path.replace(path.with_name(DEAD_LETTERS + BEFORE))
            os.close(fd)
            fd = _open(path)
        _end_torn_line(fd)
        while octets:
            octets = octets[os.write(fd, octets) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _end_torn_line(fd: int) -> None:
    """Where a process died in the middle of a line, or the disk was full."""
    size = os.fstat(fd).st_size
    if size and os.pread(fd, 1, size - 1) != b"\n":
        os.write(fd, b"\n")
