"""Whether the files that a configuration names are there.

Separate because reading a configuration is pure.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tlswitness.config.hook import HookConfig, HookKind
from tlswitness.config.keypath import KeyPath, write_key
from tlswitness.config.model import Config
from tlswitness.config.problem import Problem, shown


def missing_files(config: Config) -> Iterator[tuple[KeyPath, Problem]]:
    """A problem for each named file that cannot be read and that mail depends on."""
    yield from _authorities(config.tls_ca, ("tls_ca",))
    for scope in config.domains.values():
        if scope.config.tls_ca != config.tls_ca:
            yield from _authorities(scope.config.tls_ca, ("domain", scope.domain, "tls_ca"))


def missing_modules(config: Config, file: Path) -> Iterator[str]:
    """In words, each hook whose file cannot be used. `file` has the configuration.

    No problem of the configuration: a module that is built anew this moment must not fail mail, nor end the daemon,
    which goes on without it and tries it again.
    """
    for number, hook in enumerate(config.hook):
        what = _unusable(hook)
        if what:
            path = write_key(("hook", number, str(hook.kind)))
            yield str(Problem(path, what, value=shown(hook.target), file=str(file)))


def _unusable(hook: HookConfig) -> str:
    """A file to load is there; a file to write is none yet, or no directory. Empty where that is so."""
    if hook.file is None:
        return ""
    if hook.kind in (HookKind.PANICLOG, HookKind.JSONL):
        return "it is a directory" if hook.file.is_dir() else ""
    if not os.access(hook.file, os.R_OK):
        return "no such file, or not readable"
    return "it is a directory" if hook.file.is_dir() and hook.kind is not HookKind.PYTHON else ""


def _authorities(file: Path | None, path: KeyPath) -> Iterator[tuple[KeyPath, Problem]]:
    if file is None or file.is_dir():
        return
    what = ""
    try:
        if b"-----BEGIN " not in file.read_bytes():
            what = "it holds no certificate in PEM form"
    except OSError as error:
        what = error.strerror or "not readable"
    if what:
        yield path, Problem(write_key(path), what, value=shown(str(file)), allowed="a PEM file, or a directory")
