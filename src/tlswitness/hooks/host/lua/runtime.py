"""One Lua 5.1 with its walls up: what Python and a script may do to each other.

Separate because everything that crosses the border crosses it here. Octets go in and out; no Python object is ever
handed to a script, and a Python function that fails answers with words: the exception is kept until the call is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources
from typing import Any

import lupa.lua51

from tlswitness.datapoint.finding import Finding
from tlswitness.hooks.contract import HOOK, Retry
from tlswitness.hooks.host.callee import Printer
from tlswitness.hooks.host.lua.errors import ScriptError, ScriptLimit, text_of, words_of
from tlswitness.hooks.host.lua.files import ScriptFiles, Unreadable
from tlswitness.hooks.host.lua.limits import MAX_INSTRUCTIONS, MAX_SECONDS

ALLOWED = ("io", "os", "loadlib", "debug")
"""What the confinement lets through when a module's configuration names it. `io` has `popen`, `os` has `execute`; with
`debug` or `loadlib` a script can undo every wall and limit there is."""


class LuaRuntime:
    """A Lua state with the prelude in it. Raises `ScriptError` where a script does, and what `printer` raised."""

    def __init__(
        self,
        files: ScriptFiles,
        printer: Printer,
        *,
        allow: tuple[str, ...],
        memory: int,
        max_instructions: int = MAX_INSTRUCTIONS,
        max_seconds: float = MAX_SECONDS,
    ) -> None:
        """`memory` in octets; the other two hold for one call."""
        self.memory = memory
        self._files = files
        self._printer = printer
        self.finding_of: Callable[[int], Finding] = _no_finding
        """Whoever keeps findings says here which one a number means."""
        self._kept: tuple[str, BaseException] | None = None
        self._failures = 0
        self._lua = lupa.lua51.LuaRuntime(
            encoding=None,
            register_eval=False,
            register_builtins=False,
            attribute_filter=_no_attributes,
            unpack_returned_tuples=True,
            max_memory=memory,
        )
        json = self._prelude("json")
        allowed = self._lua.table_from({name.encode(): True for name in allow})
        confined = self._prelude(
            "confine", allowed, max_instructions, max_seconds, self._module, json[b"pairs"], json[b"ipairs"]
        )
        self._sethook = confined[b"sethook"]
        self._rearm = confined[b"rearm"]
        self._host = self._prelude("host", confined, json, self._print, self._ask_retry, HOOK.encode())
        self._rearm()

    def function(self, name: str) -> Callable[..., Any]:
        """One of the functions of `host.lua`, to be called through `guarded` where it runs a script."""
        return self._host[name.encode()]  # type: ignore[no-any-return]

    def guarded(self, function: Callable[..., Any], *args: object) -> Any:
        """Call into a script."""
        try:
            return function(*args)
        except lupa.lua51.LuaError as error:
            raise self.failure(error) from None

    def collect(self) -> None:
        """Free what nobody holds any more: Lua 5.1 does not do it by itself when its memory ends."""
        self._lua.gccollect()

    def failure(self, error: BaseException) -> BaseException:
        """What to raise for Lua's `error`. The next call begins with a whole account and without the garbage."""
        # A function of C, so no instruction passes before the hook of an interrupted call is off.
        self._sethook()
        reason = self._rearm()
        kept, self._kept = self._kept, None
        if isinstance(error, MemoryError):
            self.collect()
            return ScriptLimit(f"a call took more memory than {self.memory} octets")
        words = words_of(error)
        if kept is not None and kept[0] in words:
            return kept[1]
        if reason is not None:
            return ScriptLimit(text_of(reason))
        if words == "not enough memory" or words.endswith(": not enough memory"):
            self.collect()
            return ScriptLimit(words)
        return ScriptError(words)

    def _prelude(self, name: str, *args: object) -> Any:
        return self._lua.execute(_code(name), *args, name=f"={name}".encode())

    def _print(self, *parts: bytes | int) -> bytes | None:
        """Take one line of a script's; words if the printer failed. A point comes as two numbers."""
        try:
            if len(parts) == 1:
                self._printer(text_of(parts[0]))  # type: ignore[arg-type]
            elif len(parts) == 3 and isinstance(parts[0], bytes) and not isinstance(parts[1], bytes):
                # A text and a point, as the seed's script prints them: spelt out, for it is what most calls do.
                self._printer(f"{text_of(parts[0])}  {self.finding_of(parts[1]).paniclog(parts[2])}")  # type: ignore[arg-type]
            else:
                self._printer("  ".join(self._texts(parts)))
        except BaseException as error:  # noqa: BLE001 - raised again when the call is over
            return self._keep("the output failed", error)
        return None

    def _texts(self, parts: tuple[bytes | int, ...]) -> Iterator[str]:
        rest = iter(parts)
        for part in rest:
            if isinstance(part, bytes):
                yield text_of(part)
            else:
                yield self.finding_of(part).paniclog(next(rest))  # type: ignore[arg-type]

    def _ask_retry(self, reason: bytes, after: float | None) -> bytes:
        return self._keep("a retry was asked for", Retry(text_of(reason), after=after))

    def _keep(self, what: str, error: BaseException) -> bytes:
        self._failures += 1
        words = f"{what} (#{self._failures})"  # told apart, for a script may have caught an earlier one
        self._kept = (words, error)
        return words.encode()

    def _module(self, name: bytes) -> tuple[bytes | None, bytes]:
        """The code of a file that a script requires and its name, or None and words."""
        match self._files.module(text_of(name)):
            case Unreadable(reason):
                return None, reason.encode()
            case code, file:
                return code, file.encode()


def _no_finding(number: int) -> Finding:
    raise KeyError(number)


def _no_attributes(_object: object, name: object, _setting: object) -> str:
    """The second wall, behind handing out no objects at all."""
    raise AttributeError(f"no attribute {name!r} is for Lua")


@cache
def _code(name: str) -> bytes:
    return resources.files(__package__).joinpath("prelude", f"{name}.lua").read_bytes()
