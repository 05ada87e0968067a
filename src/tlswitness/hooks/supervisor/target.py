"""Whether what a module was loaded from has changed.

Separate because two ask: a reload, and a module that waits until its file is mended.
"""

from __future__ import annotations

from pathlib import Path

from tlswitness.hooks.spec import Kind, ModuleSpec

Stamp = tuple[int, int, int]

_CODE = (Kind.PYTHON, Kind.LUA, Kind.C)
"""The targets of the others are written, not read."""


def stamp(spec: ModuleSpec, file: str = "") -> Stamp | None:
    """When the file that is loaded was last changed; None where it cannot be told. `file` is where an import led."""
    if spec.kind not in _CODE:
        return None
    try:
        info = Path(file or spec.target).stat()
    except (OSError, ValueError):  # ValueError: a name with a NUL
        return None
    return info.st_ino, info.st_mtime_ns, info.st_size
