"""Python modules from a file or an import path to hooks.

Separate because this runs code of the operator's that may be missing, broken or something else altogether, and each of
these is an answer in words: the mail goes on. A file is loaded under a name of its own, so that two hooks may have the
same file name; its directory is not put on the import path.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import itertools
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType

from tlswitness.datapoint.views import View
from tlswitness.hooks.contract import HOOK, HookLoadFailed
from tlswitness.hooks.inprocess.module import HookModule

_numbers = itertools.count(1)
_EXAMPLE = f"a function `{HOOK}(datapoint)`"


def load(target: str, *, name: str = "", view: View | None = None) -> HookModule | HookLoadFailed:
    """The hook in `target`: a file if it ends in `.py` or has a slash, an import path otherwise.

    Runs the module. `name` is what logs and commands call the hook; without one it is called after the module.
    """
    is_file = "/" in target or target.endswith(".py")
    called = name or (Path(target).stem if is_file else target)
    loaded = _load_file(Path(target)) if is_file else _load_import(target)
    reason = loaded if isinstance(loaded, str) else _fault(loaded)
    if isinstance(loaded, str) or reason:
        if is_file and isinstance(loaded, ModuleType):
            del sys.modules[loaded.__name__]
        return HookLoadFailed(called, target, str(reason))
    return HookModule(called, getattr(loaded, HOOK), view or View())


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
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


def _fault(module: ModuleType) -> str | None:
    """Why the module is no hook."""
    function = getattr(module, HOOK, None)
    if function is None:
        return f"it has no {HOOK}; it must have {_EXAMPLE}"
    if not callable(function):
        return f"its {HOOK} is of type {type(function).__name__}; it must have {_EXAMPLE}"
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return f"its {HOOK} does not take one argument; it must have {_EXAMPLE}"
    except ValueError:
        return None  # a built-in that does not say what it takes
    return None
