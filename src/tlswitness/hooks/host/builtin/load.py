"""Which of our modules a spec means.

Separate from them, as each is of use without the others.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from tlswitness.hooks.contract import HookLoadFailed
from tlswitness.hooks.host.builtin.files import JsonLines, PaniclogLines
from tlswitness.hooks.host.builtin.post import Poster
from tlswitness.hooks.host.builtin.webhook import Webhook, agent_headers
from tlswitness.hooks.host.callee import BatchCallee, Printer
from tlswitness.hooks.spec import Kind, ModuleSpec

_OF_DEADLINE = 0.25
"""How much of a call's deadline a request may take, and a connection: at worst a call needs two and one of them."""


def load(spec: ModuleSpec, printer: Printer) -> BatchCallee | HookLoadFailed:  # noqa: ARG001 - ours print nothing
    """The module of `spec`, or why there is none. It is ready when a file can be written; a server may be away."""
    match spec.kind:
        case Kind.PANICLOG:
            return _file(spec, PaniclogLines(Path(spec.target), microseconds=spec.microseconds))
        case Kind.JSONL:
            return _file(spec, JsonLines(Path(spec.target)))
        case Kind.WEBHOOK:
            return _webhook(spec)
        case _:
            return HookLoadFailed(spec.name, spec.target, f"a module of the kind {spec.kind} is not one of ours")


def _file(spec: ModuleSpec, module: PaniclogLines | JsonLines) -> BatchCallee | HookLoadFailed:
    try:
        module.open()
    except OSError as error:
        return HookLoadFailed(spec.name, spec.target, f"it cannot be written: {error.strerror or error}")
    return module


def _webhook(spec: ModuleSpec) -> BatchCallee | HookLoadFailed:
    try:
        parts = urlsplit(spec.target)
        fit = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fit = False
    if not fit:
        return HookLoadFailed(spec.name, spec.target, "not a URL of http or https")
    poster = Poster(spec.target, agent_headers(spec.headers), patience=spec.limits.deadline * _OF_DEADLINE)
    return Webhook(poster, batch=spec.batch)
