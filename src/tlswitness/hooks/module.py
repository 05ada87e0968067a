"""What a hook is: a name, a function, and its view of the data points.

The function is `core_smtp_tls_reporting(datapoint)`, as in the seed's MTA; what it returns has no significance. It may
be a coroutine function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tlswitness.datapoint.model import DataPoint
from tlswitness.datapoint.views import View

HOOK = "core_smtp_tls_reporting"
"""The name of the function in a module."""

HookFunction = Callable[[DataPoint], object]
"""Is told one data point, on a thread of its own, one after the other. May return an awaitable."""


class PointSink(Protocol):
    """All that producers of data points know of who is told: hooks now, a journal in front of them later."""

    def submit(self, point: DataPoint) -> None:
        """Take `point` over. From any thread; takes constant time, never waits and never raises."""
        ...


@dataclass(frozen=True, slots=True)
class HookModule:
    """One hook to be told of data points."""

    name: str
    function: HookFunction
    view: View = field(default_factory=View)

    @classmethod
    def of(cls, function: HookFunction, view: View | None = None) -> HookModule:
        """A callable of the program, named after itself."""
        home = getattr(function, "__module__", None) or type(function).__module__
        name = getattr(function, "__qualname__", None) or type(function).__qualname__
        return cls(f"{home}.{name}", function, view or View())


@dataclass(frozen=True, slots=True)
class HookLoadFailed:
    """A module that could not be loaded: everything else goes on without it."""

    name: str
    target: str
    """The file or import path as given."""
    reason: str

    def __str__(self) -> str:
        return f"hook {self.name!r} is not loaded: {self.target}: {self.reason}"
