"""A loaded module as its process calls it, whatever it is written in.

Separate because the loop that reads the journal, keeps the progress and counts must be the same for all languages; a
host for a language turns a target into a `Callee` or into words.

A call may print. `Printer` takes the text of a print, without its newline; who made the loop decides where it goes (the
module's paniclog, or the terminal in `hooks test`), and stamps it with the epoch of the running call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from tlswitness.datapoint.finding import Finding

Printer = Callable[[str], None]


class Callee(Protocol):
    """A module that is told one point at a time. Findings are those that the module's view shows, one object for each
    distinct one as long as it is in use, so that a host may keep what it made of it (weakly, or bounded).
    """

    def call(self, epoch: int, finding: Finding) -> object:
        """Tell the module of one point; what it returned. Raises what the module raised, `Retry` among it."""
        ...

    def close(self) -> None:
        """The module's own end (`deinit`). May raise what the module raises."""
        ...


@runtime_checkable
class BatchCallee(Protocol):
    """One of ours that takes many points at once: all are done when it returns, none when it raises."""

    batch: int
    """The most points of one call."""

    def call_batch(self, points: Sequence[tuple[int, Finding]]) -> object:
        """Take all `points` (epoch and finding), or raise; `Retry` to be told all of them again."""
        ...

    def close(self) -> None: ...
