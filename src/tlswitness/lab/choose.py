"""Which cells a run of the lab shows."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase

from tlswitness.lab.table import Cell, cells


def choose(names: Sequence[str]) -> tuple[Cell, ...]:
    """The cells of the table that `names` name, all if there are none.

    A name is a cell (`C3/enforce`), a row (`C3`), or a pattern with stars (`A*/cache`); case does not matter. Raises
    LookupError, with a suggestion, on a name that is none.
    """
    if not names:
        return cells()
    chosen: dict[str, Cell] = {}
    for name in names:
        found = [cell for cell in cells() if _is_meant(cell, name)]
        if not found:
            raise LookupError(_unknown(name))
        chosen |= {cell.id: cell for cell in found}
    return tuple(cell for cell in cells() if cell.id in chosen)


def _is_meant(cell: Cell, name: str) -> bool:
    wanted = name.lower()
    return wanted in (cell.id.lower(), cell.row.lower(), cell.domain) or fnmatchcase(cell.id.lower(), wanted)


def _unknown(name: str) -> str:
    ids = {cell.id.lower(): cell.id for cell in cells()} | {cell.row.lower(): cell.row for cell in cells()}
    close = difflib.get_close_matches(name.lower(), ids, n=3)
    hint = f"; did you mean {' or '.join(ids[match] for match in close)}?" if close else "; `--list` shows all"
    return f"there is no scenario {name!r}{hint}"
