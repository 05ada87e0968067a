"""The Python host: modules from a file or an import path.

Separate because this runs code of the operator's that may be missing, broken or something else altogether, and each of
these is an answer in words: the mail goes on. A file is loaded under a name of its own; its directory is not put on the
import path. What a module has:

    core_smtp_tls_reporting(datapoint)    is told; may be a coroutine function
    init() or init(config)                optional, called once after loading, with the configured text
    deinit()                              optional, called once before an orderly end

Their errors are the module's: one in `init` means that it has not loaded.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import itertools
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType

from tlswitness.datapoint.finding import Finding
from tlswitness.hooks.complaints import error_words
from tlswitness.hooks.contract import HOOK, HookFunction, HookLoadFailed
from tlswitness.hooks.host.callee import Printer
from tlswitness.hooks.host.printed import PrintedLines
from tlswitness.hooks.spec import ModuleSpec

_numbers = itertools.count(1)
_EXAMPLE = f"a function `{HOOK}(datapoint)`"


def load(spec: ModuleSpec, printer: Printer) -> PythonModule | HookLoadFailed:
    """The module of `spec.target`: a file if it ends in `.py` or has a slash, an import path otherwise. Runs it.

    As long as the module is not closed `sys.stdout` is `printer`'s.
    """
    lines = PrintedLines(printer)
    lines.install()
    found = load_module(spec.target)
    reason = found
    if isinstance(found, ModuleType):
        module = PythonModule(found, lines)
        try:
            module.init(spec.config)
        except BaseException as error:  # noqa: BLE001 - `sys.exit()` among it: it has not loaded, in words
            reason = f"its init failed: {_words(error)}"
        else:
            lines.end_line()
            return module
    lines.close()
    return HookLoadFailed(spec.name, spec.target, str(reason))


class PythonModule:
    """A loaded module, called in one thread."""

    call: Callable[[int, Finding], object]
    """Tells the module of one point; a coroutine is waited for on a loop of this thread."""

    def __init__(self, module: ModuleType, lines: PrintedLines) -> None:
        self.file = getattr(module, "__file__", None) or ""
        self._module = module
        self._lines = lines
        self._runner = asyncio.Runner()
        self.call = self._caller(getattr(module, HOOK))

    def init(self, config: str) -> None:
        """Call the module's own `init`, where there is one. Raises what it raises."""
        init = getattr(self._module, "init", None)
        if callable(init):
            self._finish(init(config) if _takes_one(init) else init())

    def close(self) -> None:
        """Call its `deinit`, where there is one. Raises what it raises."""
        deinit = getattr(self._module, "deinit", None)
        try:
            if callable(deinit):
                self._finish(deinit())
        finally:
            self._lines.close()
            self._runner.close()

    def _caller(self, function: HookFunction) -> Callable[[int, Finding], object]:
        """A closure: it is called for each point, and a look-up of an attribute is a tenth of an empty call."""
        lines, finish = self._lines, self._finish

        def call(epoch: int, finding: Finding) -> object:
            try:
                result = function(finding.at(epoch))
                return result if result is None else finish(result)
            finally:
                if lines.partial:
                    lines.end_line()

        return call

    def _finish(self, result: object) -> object:
        return self._runner.run(_awaited(result)) if inspect.isawaitable(result) else result


def load_module(target: str) -> ModuleType | str:
    """The module, which has a hook; or why there is none."""
    is_file = "/" in target or target.endswith(".py")
    module = _load_file(Path(target)) if is_file else _load_import(target)
    if isinstance(module, str):
        return module
    fault = _fault(module)
    if fault is not None and is_file:
        del sys.modules[module.__name__]
    return module if fault is None else fault


async def _awaited(result: Awaitable[object]) -> object:
    return await result


def _load_file(path: Path) -> ModuleType | str:
    """The module, or why there is none."""
    try:
        if not path.is_file():
            return "it is a directory" if path.is_dir() else "there is no such file"
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        return f"it cannot be read: {getattr(error, 'strerror', None) or error}"
    name = f"tlswitness_hook_{next(_numbers)}_{re.sub(r'[^A-Za-z0-9_]', '_', path.stem)}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        return "it is no Python file: its name must end in .py"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up there
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # noqa: BLE001 - `sys.exit()` in a hook must not end the mail
        del sys.modules[name]
        return _words(error)
    return module


def _load_import(target: str) -> ModuleType | str:
    try:
        return importlib.import_module(target)
    except BaseException as error:  # noqa: BLE001 - as above
        return _words(error)


def _words(error: BaseException) -> str:
    """What went wrong while the module ran; Ctrl-C stays what it is."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    if isinstance(error, SyntaxError):
        return f"syntax error at line {error.lineno}: {error.msg}"
    if isinstance(error, ImportError):
        return str(error) or type(error).__name__
    return error_words(error)


def _fault(module: ModuleType) -> str | None:
    """Why the module is no hook."""
    function = getattr(module, HOOK, None)
    if function is None:
        return f"it has no {HOOK}; it must have {_EXAMPLE}"
    if not callable(function):
        return f"its {HOOK} is of type {type(function).__name__}; it must have {_EXAMPLE}"
    if not _takes_one(function):
        return f"its {HOOK} does not take one argument; it must have {_EXAMPLE}"
    return None


def _takes_one(function: Callable[..., object]) -> bool:
    """Whether it can be called with one argument, as far as it says."""
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    except ValueError:
        pass  # a built-in that does not say what it takes
    return True
