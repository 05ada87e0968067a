"""A callable of the program that is to be told: a name, a function, and its view of the data points."""

from __future__ import annotations

from dataclasses import dataclass, field

from tlswitness.datapoint.views import View
from tlswitness.hooks.contract import HookFunction


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
