"""The files that a script consists of: itself, and what it requires from its own directory.

Separate because a script names files, and must not reach one outside its directory by any name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tlswitness.hooks.host.lua.limits import MAX_SCRIPT

_MODULE = re.compile(r"[A-Za-z0-9_-]+(?:[./][A-Za-z0-9_-]+)*")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is no script, and why."""

    reason: str


class ScriptFiles:
    """A script's own file, and the directory that it may require from."""

    def __init__(self, script: Path) -> None:
        self.script = script
        self._home = script.parent

    def main(self) -> bytes | Unreadable:
        """The script's code."""
        return _read(self.script)

    def module(self, name: str) -> tuple[bytes, str] | Unreadable:
        """The code of the module `a.b` or `a/b`, that is `a/b.lua` or `a/b/init.lua`, and the name of its file."""
        if not _MODULE.fullmatch(name):
            return Unreadable(f"module '{name}' not found: a module's name has letters, digits, '_', '-' and '.'")
        stem = name.replace(".", "/")
        home = self._home.resolve()
        for relative in (f"{stem}.lua", f"{stem}/init.lua"):
            path = home / relative
            if not path.is_file():
                continue
            if not path.resolve().is_relative_to(home):
                return Unreadable(f"module '{name}' is a link out of the script's directory")
            code = _read(path)
            return Unreadable(f"module '{name}': {code.reason}") if isinstance(code, Unreadable) else (code, relative)
        known = "; of Momentum's modules there are msys.core and json" if name.startswith("msys") else ""
        return Unreadable(f"module '{name}' not found: there is no {stem}.lua beside the script{known}")


def _read(path: Path) -> bytes | Unreadable:
    try:
        if not path.is_file():
            return Unreadable("it is a directory" if path.is_dir() else "there is no such file")
        with path.open("rb") as file:
            code = file.read(MAX_SCRIPT + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        return Unreadable(f"it cannot be read: {getattr(error, 'strerror', None) or error}")
    if len(code) > MAX_SCRIPT:
        return Unreadable(f"it is longer than {MAX_SCRIPT} octets")
    code = code.removeprefix(_BOM)
    # As Lua's own loader does: a first line for the shell is a comment, and lines keep their numbers.
    return b"--" + code if code.startswith(b"#") else code
