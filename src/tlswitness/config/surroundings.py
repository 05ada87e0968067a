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
    """A problem for each named file that cannot be read."""
    yield from _authorities(config.tls_ca, ("tls_ca",))
    for scope in config.domains.values():
        if scope.config.tls_ca != config.tls_ca:
            yield from _authorities(scope.config.tls_ca, ("domain", scope.domain, "tls_ca"))
    for number, hook in enumerate(config.hook):
        yield from _module(hook, ("hook", number, str(hook.kind)))


def _module(hook: HookConfig, path: KeyPath) -> Iterator[tuple[KeyPath, Problem]]:
    """A file to load is there; a file to write is none yet, or no directory."""
    if hook.file is None:
        return
    what = ""
    if hook.kind in (HookKind.PANICLOG, HookKind.JSONL):
        what = "it is a directory" if hook.file.is_dir() else ""
    elif not os.access(hook.file, os.R_OK):
        what = "no such file, or not readable"
    elif hook.file.is_dir() and hook.kind is not HookKind.PYTHON:
        what = "it is a directory"
    if what:
        yield path, Problem(write_key(path), what, value=shown(hook.target))


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
