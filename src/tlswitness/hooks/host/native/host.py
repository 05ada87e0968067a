"""A shared object as the module's process calls it: init, one call for each point, deinit.

Separate because the order matters here: json-c and the capture of descriptor 1 stand before the module's first line
runs, and all of it happens in one thread that is not the main one, as the headers promise. A signal that kills is the
supervisor's to see: nothing here catches one.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any

from tlswitness.datapoint.finding import Finding
from tlswitness.hooks.contract import HOOK, HookLoadFailed
from tlswitness.hooks.host.callee import Callee, Printer
from tlswitness.hooks.host.captured import Captured, flush_stdio, line_buffered
from tlswitness.hooks.host.native.jsonc import JsonC, open_jsonc
from tlswitness.hooks.host.native.library import open_library
from tlswitness.hooks.spec import ModuleSpec

INIT = "tlswitness_module_init"
DEINIT = "tlswitness_module_deinit"


class NativeCallee:
    """A loaded module. `call` and `close` belong to the thread that made it."""

    def __init__(self, library: ctypes.CDLL, closure: int | None, jsonc: JsonC, captured: Captured) -> None:
        self._library = library
        self._closure = closure
        self._captured = captured
        self._jsonc = jsonc
        self._thread = threading.get_ident()
        self._hook: Any = getattr(library, HOOK)
        self._hook.restype = ctypes.c_int
        self._hook.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        # Bound once: these are looked up for each point.
        self._point, self._put, self._take = jsonc.point, jsonc.put, captured.take
        self._me = threading.get_ident

    def call(self, epoch: int, finding: Finding) -> object:
        """Tell the module of one point; its number, which has no significance. What it printed is printed by then.

        Raises RuntimeError in another thread than that of `load`.
        """
        if self._me() != self._thread:
            raise RuntimeError("a module in C is called in the thread that loaded it")
        json = self._point(epoch, finding)
        answer: int = self._hook(self._closure, json)
        self._put(json)
        self._take()
        return answer

    def close(self) -> None:
        """The module's deinit, if it has one; then descriptor 1 is what it was. The code stays loaded: threads of the
        module's may still run in it.
        """
        if self._me() != self._thread:
            raise RuntimeError("a module in C is closed in the thread that loaded it")
        if hasattr(self._library, DEINIT):
            deinit = getattr(self._library, DEINIT)
            deinit.restype = None
            deinit.argtypes = [ctypes.c_void_p]
            deinit(self._closure)
        self._jsonc.close()
        _end(self._captured)


def load(spec: ModuleSpec, printer: Printer) -> Callee | HookLoadFailed:
    """The module in the shared object `spec.target`. Takes descriptor 1 of the process until the module is closed.

    Raises RuntimeError on the main thread: modules are promised another one.
    """
    if threading.current_thread() is threading.main_thread():
        raise RuntimeError("a module in C is never loaded on the main thread")
    if "\0" in spec.config:
        return HookLoadFailed(spec.name, spec.target, "its config has a NUL, which ends a text in C")
    jsonc = open_jsonc()
    if isinstance(jsonc, str):
        return HookLoadFailed(spec.name, spec.target, jsonc)
    try:
        captured = Captured(printer)
    except OSError as error:
        jsonc.close()
        return HookLoadFailed(spec.name, spec.target, f"its standard output cannot be caught: {error.strerror}")
    line_buffered()
    loaded = _loaded(spec, jsonc, captured)
    if isinstance(loaded, str):
        jsonc.close()
        _end(captured)
        return HookLoadFailed(spec.name, spec.target, loaded)
    return loaded


def _loaded(spec: ModuleSpec, jsonc: JsonC, captured: Captured) -> NativeCallee | str:
    library = open_library(spec.target, jsonc)
    if isinstance(library, str):
        return library
    closure = ctypes.c_void_p()
    if hasattr(library, INIT):
        init = getattr(library, INIT)
        init.restype = ctypes.c_int
        init.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_char_p]
        answer: int = init(ctypes.byref(closure), spec.config.encode())
        if answer:
            return f"its {INIT} returned {answer}; 0 means that it is ready"
    captured.take()
    return NativeCallee(library, closure.value, jsonc, captured)


def _end(captured: Captured) -> None:
    flush_stdio()
    captured.close()
