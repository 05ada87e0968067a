"""Dead letters: points on which a module's process has died again and again, kept as whole data points.

Separate because it is the one thing that a module's process keeps of the points themselves. The file has one JSON line
for each, which `hooks test --file` takes as it is.
"""

from __future__ import annotations

from pathlib import Path

from tlswitness.hooks.host.linefile import LineFile
from tlswitness.journal.names import sync_directory

DEAD_LETTERS = "dead-letter.jsonl"
MAX_FILE = 64 * 1024 * 1024
"""Octets; a module that dies on each point must not fill the disk. The file before this one is kept."""


def keep(home: Path, line: str, *, most: int = MAX_FILE) -> None:
    """Add `line` to the module's dead letters; it is on the disk when this returns. Raises OSError."""
    file = LineFile(home / DEAD_LETTERS, most=most)
    try:
        file.append(line.encode() + b"\n")
        file.sync()
    finally:
        file.close()
    sync_directory(home)
