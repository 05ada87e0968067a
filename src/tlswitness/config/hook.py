"""The options of a `[[hook]]` table: one module that is told of data points, and how.

Separate from the other options because which of them may stand together depends on the kind of the module, which is
that of the one option that names it.
"""
# ruff: noqa: RUF009 - option() and its like make dataclass fields, which is what the rule asks for

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from tlswitness.config.kind import Choice, Count, FilePath, Flag, ListOf, Seconds, Text
from tlswitness.config.option import follows, maybe, option, settle
from tlswitness.config.web import Headers, Url

HOUR = 3600.0
MAX_MEMORY = 1_048_576
"""MiB."""


class HookKind(StrEnum):
    """What a module is: the option that names it."""

    PYTHON = "python"
    LUA = "lua"
    C = "c"
    PANICLOG = "paniclog"
    JSONL = "jsonl"
    WEBHOOK = "webhook"


class Sessions(StrEnum):
    ALL = "all"
    POLICY = "policy"


class Members(StrEnum):
    SEED = "seed"
    FULL = "full"


class HookStart(StrEnum):
    NOW = "now"
    BEGINNING = "beginning"


class LuaAllow(StrEnum):
    IO = "io"
    OS = "os"
    LOADLIB = "loadlib"
    DEBUG = "debug"


OF_THE_SEED = (HookKind.LUA, HookKind.C, HookKind.PANICLOG)
"""Those that see what the seed's MTA shows, unless they are told otherwise."""

_CODE = (HookKind.PYTHON, HookKind.LUA, HookKind.C)
FITS: dict[str, tuple[HookKind, ...]] = {
    "config": (HookKind.PYTHON, HookKind.C),
    "allow": (HookKind.LUA,),
    "output": _CODE,
    "microseconds": (*_CODE, HookKind.PANICLOG),
    "batch": (HookKind.WEBHOOK,),
    "headers": (HookKind.WEBHOOK,),
}
"""The options that not every kind has."""

_PYTHON = re.compile(r"[^\x00-\x1f]*(?:/[^\x00-\x1f]*|\.py)|[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_FILE = re.compile(r"[^\x00-\x1f]+")
_CONFIG = re.compile(r"[^\x00]{0,65536}")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NAME_WORDS = "1 to 64 letters, digits, `.`, `_` and `-`, not dots alone"
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_UNSET: Any = None


def _file(text: str) -> str:
    return option(Text("the path of a file", _FILE), "", text, default_words="not this kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class HookConfig:
    """One hook module: exactly one of the options of `HookKind`, and how it is told."""

    python: str = option(
        Text("a file (`hooks/notify.py`) or an import path (`notify.mail`)", _PYTHON),
        "",
        "A Python module with a function `core_smtp_tls_reporting(datapoint)`.",
        default_words="not this kind",
    )
    lua: str = _file("A Lua script as Momentum's scriptlets are.")
    c: str = _file("A shared object that exports `core_smtp_tls_reporting`.")
    paniclog: str = _file("Write what Momentum's example of a hook logs into this file: two lines for each point.")
    jsonl: str = _file("Write each point as a line of JSON into this file.")
    webhook: str = option(
        Url(), "", 'Send points to this URL by POST, as `{"points": [...]}`.', default_words="not this kind"
    )
    name: str = option(
        Text(_NAME_WORDS, re.compile(rf"(?!\.*\Z){_NAME.pattern}")),
        "",
        "What the log, the commands and the files of the module call it.",
        default_words="the file's name without its ending, the import path, or the host of the URL",
    )
    members: Members = follows(
        Choice(Members),
        _UNSET,
        lambda hook: Members.SEED if hook.kind in OF_THE_SEED else Members.FULL,
        "Give the members of Momentum's hook alone, or ours too.",
        words='`"seed"` for lua, c and paniclog, `"full"` for the others',
    )
    sessions: Sessions = follows(
        Choice(Sessions),
        _UNSET,
        lambda hook: Sessions.POLICY if hook.kind in OF_THE_SEED else Sessions.ALL,
        "Tell of all sessions, or of those under a policy.",
        words='`"policy"` for lua, c and paniclog, `"all"` for the others',
    )
    start: HookStart = option(
        Choice(HookStart),
        HookStart.NOW,
        "Where a module begins that is new: with the points to come, or with the oldest in the journal.",
    )
    config: str = option(
        Text("text", _CONFIG),
        "",
        "python, c: the text that `init` or `tlswitness_module_init` is given.",
        default_words="none",
    )
    allow: tuple[LuaAllow, ...] = option(
        ListOf(Choice(LuaAllow)), (), "lua: what the script may use beyond computing.", default_words="nothing"
    )
    output: Path | None = maybe(
        FilePath("a file"),
        "python, lua, c: the file that takes what the module prints.",
        none="`hooks/NAME/paniclog` in `state_dir`",
    )
    microseconds: bool = option(
        Flag(), False, "Begin the lines of what is printed with microseconds (16 digits) in place of seconds."
    )
    budget: float = option(Seconds(0.001, HOUR), 0.05, "Calls that take longer are counted as slow.")
    deadline: float = option(Seconds(0.1, HOUR), 30, "A call that takes longer is ended with its process.")
    memory: int = option(Count(64, MAX_MEMORY), 512, "MiB of memory that the module's process may have.")
    nice: int = option(
        Count(0, 19), 19, "How far the module's process steps back behind others; 0: not at all, else SCHED_IDLE."
    )
    batch: int = option(Count(1, 10_000), 500, "webhook: points in one request, at most.")
    headers: tuple[tuple[str, str], ...] = option(
        Headers(), (), "webhook: header fields of its requests, such as those with tokens.", default_words="none"
    )

    def __post_init__(self) -> None:
        settle(self)

    @property
    def kinds(self) -> tuple[HookKind, ...]:
        """The kinds that are named: one, in a configuration that was accepted."""
        return tuple(kind for kind in HookKind if getattr(self, kind))

    @property
    def kind(self) -> HookKind:
        """Python where none is named."""
        return next(iter(self.kinds), HookKind.PYTHON)

    @property
    def target(self) -> str:
        """What the option of its kind says."""
        return cast("str", getattr(self, self.kind))

    @property
    def file(self) -> Path | None:
        """The file that is loaded or written; None for an import path and a URL."""
        match self.kind:
            case HookKind.WEBHOOK:
                return None
            case HookKind.PYTHON if "/" not in self.python and not self.python.endswith(".py"):
                return None
        return Path(self.target) if self.target else None

    def at(self, file: Path) -> HookConfig:
        """The same with `file` for its own."""
        values: dict[str, Any] = {self.kind.value: str(file)}
        return replace(self, **values)

    @property
    def default_name(self) -> str:
        """What a module without a name is called; empty where nothing of its target can be one."""
        named = self.file.stem if self.file else self.target
        if self.kind is HookKind.WEBHOOK:
            named = urlsplit(self.target).hostname or ""
        name = _NOT_IN_NAMES.sub("-", named).strip("-")[:64]
        return name if name.strip(".") else ""
