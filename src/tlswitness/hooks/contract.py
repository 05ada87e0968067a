"""The hook's contract: what a module has, what it may raise, and what is said of one that does not load.

The function is `core_smtp_tls_reporting`, as in the seed's MTA; what it returns has no significance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tlswitness.datapoint.model import DataPoint

HOOK = "core_smtp_tls_reporting"
"""The name of the function in a module."""

HookFunction = Callable[[DataPoint], object]
"""Is told one data point, one after the other. May return an awaitable."""


class PointSink(Protocol):
    """All that producers of data points know of who is told."""

    def submit(self, point: DataPoint) -> None:
        """Take `point` over. From any thread; takes constant time, never waits and never raises."""
        ...


class Retry(Exception):  # noqa: N818 - it asks for something, it is no error
    """Raised by a module: this point could not be handled now; tell it again, after `after` seconds or a back-off."""

    def __init__(self, reason: str = "", *, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


@dataclass(frozen=True, slots=True)
class HookLoadFailed:
    """A module that could not be loaded: everything else goes on without it."""

    name: str
    target: str
    """The file or import path as given."""
    reason: str

    def __str__(self) -> str:
        return f"hook {self.name!r} is not loaded: {self.target}: {self.reason}"
