"""Hook modules: who is told of data points, off the delivery's path.

Separate because a slow, raising or crashing hook must neither delay nor fail mail. Callables of the program are told in
its process, best effort (`inprocess`). Modules that the configuration names, in Python, Lua or C, read the journal in
processes of their own (`host`), which a supervisor starts, watches and ends (`supervisor`). Data points are those of
RFC 8460 section 4.4.
"""

from tlswitness.hooks.contract import HOOK, HookFunction, HookLoadFailed, PointSink, Retry
from tlswitness.hooks.inprocess import HookCounters, HookLimits, HookModule, HookSet

__all__ = [
    "HOOK",
    "HookCounters",
    "HookFunction",
    "HookLimits",
    "HookLoadFailed",
    "HookModule",
    "HookSet",
    "PointSink",
    "Retry",
]
