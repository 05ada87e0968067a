"""Python modules as hooks in the program's own process.

Separate from the Python host, which loads them, because here nothing has a process, a cursor or a limit.
"""

from __future__ import annotations

from pathlib import Path

from tlswitness.datapoint.views import View
from tlswitness.hooks.contract import HOOK, HookLoadFailed
from tlswitness.hooks.host.python import load_module
from tlswitness.hooks.inprocess.module import HookModule


def load(target: str, *, name: str = "", view: View | None = None) -> HookModule | HookLoadFailed:
    """The hook in `target`: a file if it ends in `.py` or has a slash, an import path otherwise.

    Runs the module. `name` is what logs and commands call the hook; without one it is called after the module.
    """
    called = name or (Path(target).stem if "/" in target or target.endswith(".py") else target)
    module = load_module(target)
    if isinstance(module, str):
        return HookLoadFailed(called, target, module)
    return HookModule(called, getattr(module, HOOK), view or View())
