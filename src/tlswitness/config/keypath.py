"""Key paths of a TOML file: writing them, and finding the line where one stands.

Separate because tomllib gives values without places. The lines found are for people; an unusual file may have none.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

KeyPath = tuple[str | int, ...]
"""Keys from the top of the file; the number of a table in an array of tables stands behind its key."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_HEADER = re.compile(r"\s*(\[\[?)(.+?)\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_.\s-]|"[^"]*"|'[^']*')+?)\s*=""")


def write_key(path: KeyPath) -> str:
    """`domain."example.com".tls`; the second table of `[[hook]]` is `hook[2]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            text += ("." if text else "") + quote_key(part)
    return text


def quote_key(key: str) -> str:
    """A key as TOML writes it."""
    if _BARE.fullmatch(key):
        return key
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'


def lines_of(text: str) -> Mapping[KeyPath, int]:
    """The line of each header and each key that stands at the start of a line."""
    found: dict[KeyPath, int] = {}
    scope: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.fullmatch(line)
        if header:
            scope = _parse(header[2])
            if header[1] == "[[":
                counts[scope] = counts.get(scope, -1) + 1
                scope = (*scope, counts[scope])
            path = scope
        else:
            key = _KEY.match(line)
            path = (*scope, *_parse(key[1])) if key else ()
        for prefix in _prefixes(path):
            found.setdefault(prefix, number)
    return found


def _parse(key: str) -> KeyPath:
    try:
        inner: object = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    path: list[str] = []
    while isinstance(inner, dict) and len(inner) == 1:  # none where the key is a comment
        ((name, inner),) = inner.items()
        path.append(name)
    return tuple(path)


def _prefixes(path: KeyPath) -> Iterator[KeyPath]:
    """The path and all that lead to it: a dotted key stands for its tables too."""
    for end in range(len(path), 0, -1):
        yield path[:end]
