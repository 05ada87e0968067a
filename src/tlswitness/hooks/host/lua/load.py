"""From a module's configuration to a loaded script, or to words.

Separate because this runs code of the operator's that may be missing, broken or something else altogether. Momentum
loads such a script and never calls it; here it does not load, and says why in Momentum's words.
"""

from __future__ import annotations

from pathlib import Path

import lupa.lua51

from tlswitness.hooks.contract import HOOK, HookLoadFailed
from tlswitness.hooks.host.callee import Printer
from tlswitness.hooks.host.lua.callee import LuaCallee
from tlswitness.hooks.host.lua.errors import text_of, words_of
from tlswitness.hooks.host.lua.files import ScriptFiles, Unreadable
from tlswitness.hooks.host.lua.limits import MAX_INSTRUCTIONS, MAX_SECONDS, MEMORY_SHARE
from tlswitness.hooks.host.lua.runtime import ALLOWED, LuaRuntime
from tlswitness.hooks.spec import ModuleSpec


def load(
    spec: ModuleSpec,
    printer: Printer,
    *,
    max_instructions: int = MAX_INSTRUCTIONS,
    max_seconds: float = MAX_SECONDS,
) -> LuaCallee | HookLoadFailed:
    """Load the script, call `init` of each module that it registers. The limits hold for one call each."""
    files = ScriptFiles(Path(spec.target))
    code = files.main()
    if isinstance(code, Unreadable):
        return HookLoadFailed(spec.name, spec.target, code.reason)
    unknown = [name for name in spec.allow if name not in ALLOWED]
    if unknown:
        reason = f"allow names {unknown[0]!r}: allowed is {', '.join(ALLOWED)}"
        return HookLoadFailed(spec.name, spec.target, reason)
    try:
        runtime = LuaRuntime(
            files,
            printer,
            allow=spec.allow,
            memory=int(spec.limits.octets * MEMORY_SHARE),
            max_instructions=max_instructions,
            max_seconds=max_seconds,
        )
        started = _started(runtime, code, files.script.name, confined=not spec.allow)
    except lupa.lua51.LuaError as error:
        started = f"Lua does not start in {spec.limits.memory} MiB: {words_of(error)}"
    except Exception as error:  # noqa: BLE001 - the script's, or the printer's
        started = str(error) or type(error).__name__
    return HookLoadFailed(spec.name, spec.target, started) if isinstance(started, str) else started


def _started(runtime: LuaRuntime, code: bytes, file: str, *, confined: bool) -> LuaCallee | str:
    """The script after its code and each `init` have run, or why it is of no use."""
    syntax = runtime.guarded(runtime.function("run"), code, file.encode())
    if syntax is not None:
        return f"syntax error: {text_of(syntax)}"
    modules = runtime.guarded(runtime.function("seal"))
    if isinstance(modules, tuple):
        words, functions = (text_of(each) for each in modules)
        has = f"it has {functions}" if functions else "it has no functions"
        return f"{words}: {has}; called here are {HOOK}, init and deinit"
    if modules == 0:
        return f"it registers no module; it must call msys.registerModule(name, module), module with {HOOK}"
    turn = runtime.function("turn")
    for index in range(1, modules + 1):
        answer, name = runtime.guarded(turn, index, b"init")
        if answer is not True:
            for done in range(index - 1, 0, -1):
                runtime.guarded(turn, done, b"deinit")
            return f"init of module {text_of(name)} returned {text_of(answer)}: it must return true"
    return LuaCallee(runtime, modules, confined=confined)
