"""Callables of the program that holds the engine: told in its own process, best effort.

Separate because they have neither a journal nor a cursor: each has a bounded queue and a thread, and what waits there
is lost with the process. Modules that the configuration names have a process and a cursor each (`hooks.supervisor`).
"""

from tlswitness.hooks.inprocess.counters import HookCounters
from tlswitness.hooks.inprocess.hookset import HookSet
from tlswitness.hooks.inprocess.module import HookModule
from tlswitness.hooks.inprocess.settings import HookLimits

__all__ = ["HookCounters", "HookLimits", "HookModule", "HookSet"]
