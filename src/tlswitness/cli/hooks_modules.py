"""Which module is meant on the command line, and the data points of a file for it.

Separate because both may be wrong in many ways, and each is said in words before anything runs.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tlswitness.config import Config, HookConfig, HookKind
from tlswitness.datapoint import DataPoint, decode
from tlswitness.datapoint.finding import Finding
from tlswitness.hooks.spec import ModuleSpec
from tlswitness.service.translate import module_specs

ONE_A_LINE = "a data point is one JSON object on one line; `jq -c . FILE` puts those of several lines on one each"
"""What helps where no line of a file is a point: manual pages print them on many lines."""

MAX_LINE = 1024 * 1024
"""Octets of a line: a data point has a quarter of that at most."""

_ENDINGS = {".py": HookKind.PYTHON, ".lua": HookKind.LUA, ".so": HookKind.C}


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line of the file that is no data point."""

    number: int
    what: str

    def __str__(self) -> str:
        return f"line {self.number}: {self.what}"


Line = tuple[int, int, Finding] | BadLine
"""The number of the line, the epoch of its point, and what was found."""


def configured(config: Config, name: str) -> ModuleSpec | None:
    """The module that the configuration calls `name`."""
    return next((spec for spec in module_specs(config) if spec.name == name), None)


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
    """The points of `file`, gzipped or not; `-` is the standard input. Raises OSError, EOFError and zlib.error."""
    if str(file) == "-":
        yield _lines(sys.stdin.buffer)
        return
    with file.open("rb") as stream:
        packed = stream.peek(2)[:2] == b"\x1f\x8b"
        if packed:
            with gzip.open(stream) as unpacked:
                yield _lines(unpacked)  # type: ignore[arg-type]  # a GzipFile is read like any file
        else:
            yield _lines(stream)


def _unknown(config: Config, module: str) -> str:
    if module.endswith(".c"):
        return f"{module}: it is a source; what a C compiler makes of it, a .so, is a module"
    names = ", ".join(each.name for each in module_specs(config))
    known = f"configured are: {names}" if names else "none is configured"
    return f"{module}: no hook has this name ({known}), and its ending is not .py, .lua or .so; --kind says what it is"


def _kind(module: str) -> HookKind | None:
    if module.startswith(("http://", "https://")):
        return HookKind.WEBHOOK
    return _ENDINGS.get(Path(module).suffix)


def _lines(stream: IO[bytes]) -> Iterator[Line]:
    number = 0
    while line := stream.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE)
            yield BadLine(number, f"longer than {MAX_LINE} octets")
        elif line.strip():
            point = decode(line)
            yield (number, point.epoch, Finding(point)) if isinstance(point, DataPoint) else BadLine(number, str(point))
