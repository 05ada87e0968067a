"""How far a command has come, for who waits for it.

Separate because every command that reads the journal takes as long as the journal is large: a bar on a terminal, and
nothing in a pipe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tlswitness.cli.common import console
from tlswitness.cli.plain import plain

_COLUMNS = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())


@contextmanager
def bar(total: int | None, what: str) -> Iterator[Callable[[int], None]]:
    """A bar over `total` octets, to be told how many more are done; none where `total` is None."""
    terminal = console(stderr=True)
    if total is None or not terminal.is_terminal:
        yield lambda _octets: None
        return
    with Progress(*_COLUMNS, console=terminal, transient=True) as shown:
        task = shown.add_task(plain(what), total=total)
        yield lambda octets: shown.advance(task, octets)
