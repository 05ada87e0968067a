"""A module's own directory: its progress file, its lock, its dead letters.

Separate because here a name from the configuration becomes a path, and a module that is new gets the place in the
journal at which it begins.
"""

from __future__ import annotations

import re
from pathlib import Path

from tlswitness.hooks.progress import FILE, Progress
from tlswitness.hooks.spec import ModuleSpec, Start
from tlswitness.journal.names import segments, sizes

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


def home_of(hooks: Path, name: str) -> Path:
    """The directory of the module `name` below `hooks`. Raises ValueError for what is no name."""
    if not _NAME.fullmatch(name) or not name.strip("."):
        raise ValueError(f"a module is named by 1 to 64 letters, digits, '.', '_' and '-', not by dots alone: {name!r}")
    return hooks / name


def prepared(home: Path, journal: Path, spec: ModuleSpec) -> Progress:
    """The progress of a module whose process is about to start; for a new module that of its beginning. Raises OSError.

    Segments that are gone are forgotten. Not while a process of it runs.
    """
    for directory in (home.parent, home, journal):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / FILE
    progress = Progress.open_or_create(path, lambda: {} if spec.start is Start.BEGINNING else sizes(journal))
    try:
        progress = progress.compact(path, {name.id for name in segments(journal)})
        progress.settle()
    except BaseException:
        progress.close()
        raise
    return progress
