"""Loading a configuration: find the file, read it, and give a `Config` or one error with all problems."""

from __future__ import annotations

import os
import re
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tlswitness.config import machine
from tlswitness.config.keypath import KeyPath, lines_of
from tlswitness.config.model import Config
from tlswitness.config.problem import ConfigError, Problem
from tlswitness.config.read import read_config
from tlswitness.config.surroundings import missing_files, missing_modules

MAX_CONFIG_BYTES = 16 << 20
"""A file beyond this is none that a person wrote: a wrong path, such as a device."""

_SYNTAX_LINE = re.compile(r" \(at line (\d+), column \d+\)$")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and where it came from."""

    config: Config
    path: Path | None
    """None: there is no file, and every option has its default."""
    warnings: tuple[str, ...] = ()
    """What an operator should hear, in words."""


def load_config(path: str | os.PathLike[str] | None = None, *, clock: Callable[[], float] = time.time) -> Loaded:
    """Load `path`, else the file of the environment, else the system's, else none.

    What an Engine takes is the `config` of the result. Raises ConfigError with all that is wrong: file, key, line,
    value, what is allowed.
    """
    path = Path(path) if path else machine.config_file()
    if path is None:
        return Loaded(Config(clock=clock), None)
    config = parse_config(_text(path), file=path, clock=clock)
    return Loaded(config, path, (*config.warnings(), *missing_modules(config, path)))


def parse_config(
    text: str, *, file: Path = Path("tlswitness.toml"), clock: Callable[[], float] = time.time, files: bool = True
) -> Config:
    """Read the text of the file `file`; `files` also asks whether the files named in it are there.

    Raises ConfigError, as `load_config`.
    """
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError([_syntax(error, file)]) from None
    read = read_config(table, base=file.parent.absolute(), clock=clock)
    problems = [*read.problems, *(missing_files(read.config) if files else ())]
    if problems:
        lines = lines_of(text)
        found = [replace(problem, file=str(file), line=_line(lines, key)) for key, problem in problems]
        raise ConfigError(sorted(found, key=lambda problem: problem.line or 0))
    return read.config


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise ConfigError([Problem("", error.strerror or "not readable", file=str(path))]) from None
    if len(data) > MAX_CONFIG_BYTES:
        raise ConfigError([Problem("", f"larger than {MAX_CONFIG_BYTES >> 20} MiB", file=str(path))])
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem("", "not UTF-8", file=str(path), line=line)]) from None


def _syntax(error: Exception, file: Path) -> Problem:
    text = str(error)
    line = _SYNTAX_LINE.search(text)
    what = f"not TOML: {_SYNTAX_LINE.sub('', text)}"
    return Problem("", what, file=str(file), line=int(line[1]) if line else None)


def _line(lines: Mapping[KeyPath, int], key: KeyPath) -> int | None:
    """The line of the key, or of the closest table around it."""
    for end in range(len(key), 0, -1):
        number = lines.get(key[:end])
        if number is not None:
            return number
    return None
