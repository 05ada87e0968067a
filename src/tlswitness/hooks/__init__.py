"""Hook modules: who is told of data points, off the delivery's path.

Separate because a slow, raising or crashing hook must neither delay nor fail mail. Here is the first form: callables
and Python modules in this process, best effort, each with a bounded queue and a thread of its own. Producers know
`PointSink` and nothing else. Data points are those of RFC 8460 section 4.4.
"""

from tlswitness.hooks.counters import HookCounters
from tlswitness.hooks.hookset import HookSet
from tlswitness.hooks.load import load
from tlswitness.hooks.module import HOOK, HookFunction, HookLoadFailed, HookModule, PointSink
from tlswitness.hooks.settings import HookLimits

__all__ = [
    "HOOK",
    "HookCounters",
    "HookFunction",
    "HookLimits",
    "HookLoadFailed",
    "HookModule",
    "HookSet",
    "PointSink",
    "load",
]
