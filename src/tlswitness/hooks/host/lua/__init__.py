"""The Lua host: Momentum's scriptlets, unmodified, in Lua 5.1 with its own walls around it.

Separate because it alone knows Lua. Lua 5.1 and not LuaJIT, by measurement: the seed's script takes 5.0 us of CPU a
call against 3.5 us, both well within the 10 us of its target, and only Lua 5.1 counts the instructions of every loop:
LuaJIT's compiled ones run past the hook and do not end. The parts in Lua are in `prelude`: what a script may reach
(`confine.lua`), JSON objects (`json.lua`), and what the host calls (`host.lua`).
"""

from tlswitness.hooks.host.lua.errors import ScriptError, ScriptLimit
from tlswitness.hooks.host.lua.load import load

__all__ = ["ScriptError", "ScriptLimit", "load"]
