"""A loaded script as its process calls it."""

from __future__ import annotations

from typing import Any

import lupa.lua51
import msgspec

from tlswitness.datapoint.finding import Finding
from tlswitness.hooks.host.lua.errors import ScriptError, ScriptLimit, text_of
from tlswitness.hooks.host.lua.findings import KeptFindings
from tlswitness.hooks.host.lua.limits import MAX_KEPT_TEXT, MEMORY_FOR_TEXT
from tlswitness.hooks.host.lua.runtime import LuaRuntime


class LuaCallee:
    """Calls the hook of each module that the script registered, in the order of registration."""

    def __init__(self, runtime: LuaRuntime, modules: int, *, confined: bool = False) -> None:
        """`modules`: how many there are, all of them ready to be called; `confined`: nothing leaves them but prints."""
        self.confined = confined
        self._runtime: LuaRuntime | None = runtime
        self._modules = modules
        self._call = runtime.function("call")
        self._turn = runtime.function("turn")
        max_text = min(MAX_KEPT_TEXT, runtime.memory // MEMORY_FOR_TEXT)
        self._kept = KeptFindings(runtime.function("keep"), runtime.function("forget"), max_text=max_text)
        runtime.finding_of = self._kept.finding

    def call(self, epoch: int, finding: Finding) -> object:
        """What the module returned (of several, the first one).

        Raises `ScriptError`, or the `Retry` that a script asked for: the first of them when all modules were called.
        """
        runtime = self._open()
        number = self._number(runtime, finding)
        if self._modules == 1:
            return self._one(runtime, 1, number, epoch)
        answers: list[object] = []
        errors: list[BaseException] = []
        for index in range(1, self._modules + 1):
            try:
                answers.append(self._one(runtime, index, number, epoch))
            except Exception as error:  # noqa: BLE001 - one module's fault is not the others'
                errors.append(error)
        if errors:
            raise errors[0]
        return answers[0]

    def close(self) -> None:
        """Call each module's `deinit`, the last one first; from now on nothing is called. Raises the first error."""
        runtime, self._runtime = self._runtime, None
        if runtime is None:
            return
        errors: list[BaseException] = []
        for index in range(self._modules, 0, -1):
            try:
                runtime.guarded(self._turn, index, b"deinit")
            except Exception as error:  # noqa: BLE001 - the others have their turn all the same
                errors.append(error)
        if errors:
            raise errors[0]

    def _open(self) -> LuaRuntime:
        if self._runtime is None:
            raise ScriptError("the script is closed")
        return self._runtime

    def _one(self, runtime: LuaRuntime, index: int, number: int, epoch: int) -> object:
        try:
            answer = self._call(index, number, epoch)
        except lupa.lua51.LuaError as error:
            raise runtime.failure(error) from None
        return answer if answer is None else _plain(answer)

    def _number(self, runtime: LuaRuntime, finding: Finding) -> int:
        """The finding's number in Lua. What is kept there makes room for it if need be."""
        try:
            return self._kept.number(finding)
        except lupa.lua51.LuaError as error:
            failed = runtime.failure(error)
        if not isinstance(failed, ScriptLimit):
            raise failed
        self._kept.clear()
        runtime.collect()
        return runtime.guarded(self._kept.number, finding)  # type: ignore[no-any-return]


def _plain(answer: Any) -> object:
    """What a hook returned as Python has it; tables and JSON objects come as JSON text behind a False."""
    match answer:
        case bytes():
            return text_of(answer)
        case (False, bytes() as text):
            try:
                return msgspec.json.decode(text)
            except msgspec.DecodeError:  # NaN, or octets that are no UTF-8
                return text_of(text)
        case _:
            return answer
