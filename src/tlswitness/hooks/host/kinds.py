"""Each kind of module and who loads it.

Separate because a host is imported when it is needed: the process of a Python module has no Lua in it, and a broken
libjson-c is the trouble of C modules alone.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import cast

from tlswitness.hooks.contract import HookLoadFailed
from tlswitness.hooks.host.callee import BatchCallee, Callee, Printer
from tlswitness.hooks.spec import Kind, ModuleSpec

HOSTS = {
    Kind.PYTHON: "tlswitness.hooks.host.python",
    Kind.LUA: "tlswitness.hooks.host.lua",
    Kind.C: "tlswitness.hooks.host.native",
    Kind.PANICLOG: "tlswitness.hooks.host.builtin",
    Kind.JSONL: "tlswitness.hooks.host.builtin",
    Kind.WEBHOOK: "tlswitness.hooks.host.builtin",
}
"""Each has `load(spec, printer)`."""

Loader = Callable[[ModuleSpec, Printer], Callee | BatchCallee | HookLoadFailed]


def load(spec: ModuleSpec, printer: Printer) -> Callee | BatchCallee | HookLoadFailed:
    """The module of `spec`, or why there is none. Runs it, in this process."""
    try:
        host = importlib.import_module(HOSTS[spec.kind])
    except (ImportError, OSError) as error:  # OSError: a shared library that is not there
        return HookLoadFailed(spec.name, spec.target, f"modules of kind {spec.kind} cannot run here: {error}")
    return cast("Loader", host.load)(spec, printer)
