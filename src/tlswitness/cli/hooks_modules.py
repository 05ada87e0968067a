"""Which module is meant on the command line, and the data points of a file for it.

Separate because both may be wrong in many ways, and each is said in words before anything runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tlswitness.config import Config, HookConfig, HookKind
from tlswitness.datapoint import DataPoint, decode
from tlswitness.datapoint.finding import Finding
from tlswitness.datapoint.limits import MAX_TEXT
from tlswitness.hooks.spec import ModuleSpec
from tlswitness.journal.importer import BadLine, opened
from tlswitness.service.translate import module_specs

_ENDINGS = {".py": HookKind.PYTHON, ".lua": HookKind.LUA, ".so": HookKind.C}


Line = tuple[int, int, Finding] | BadLine
"""The number of the line, the epoch of its point, and what was found."""


def configured(config: Config, name: str) -> ModuleSpec | None:
    """The module that the configuration calls `name`."""
    return next((spec for spec in module_specs(config) if spec.name == name), None)


def known(config: Config) -> str:
    """What the configuration calls its modules, in words."""
    names = ", ".join(spec.name for spec in module_specs(config))
    return f"configured are: {names}" if names else "none is configured"


def module_of(config: Config, module: str, kind: str | None) -> ModuleSpec | str:
    """The module that MODULE and --kind mean; else why there is none."""
    spec = configured(config, module)
    if spec is not None and (kind is None or kind == spec.kind):
        return spec
    found = HookKind(kind) if kind else _kind(module)
    if found is None:
        return _unknown(config, module)
    values: dict[str, Any] = {found.value: module}
    hook = HookConfig(**values)
    if hook.file is not None:
        hook = hook.at(hook.file.absolute())
    return module_specs(Config(hook=(hook,), state_dir=config.state_dir))[0]


@contextmanager
def points_of(file: Path) -> Iterator[Iterator[Line]]:
    """The points of `file`, gzipped or not; `-` is the standard input. Raises READ_ERRORS."""
    if str(file) == "-":
        yield _lines(sys.stdin.buffer)
        return
    with opened(file) as stream:
        yield _lines(stream)


def _unknown(config: Config, module: str) -> str:
    if module.endswith(".c"):
        return f"{module}: it is a source; what a C compiler makes of it, a .so, is a module"
    which = f"no hook has this name ({known(config)}), and its ending is not .py, .lua or .so"
    return f"{module}: {which}; --kind says what it is"


def _kind(module: str) -> HookKind | None:
    if module.startswith(("http://", "https://")):
        return HookKind.WEBHOOK
    return _ENDINGS.get(Path(module).suffix)


def _lines(stream: IO[bytes]) -> Iterator[Line]:
    number = 0
    while line := stream.readline(MAX_TEXT + 2):
        number += 1
        if len(line) > MAX_TEXT + 1:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_TEXT)
            yield BadLine(number, f"longer than {MAX_TEXT} octets")
        elif line.strip():
            point = decode(line)
            yield (number, point.epoch, Finding(point)) if isinstance(point, DataPoint) else BadLine(number, str(point))
