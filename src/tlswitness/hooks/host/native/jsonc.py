"""json-c, the library whose objects modules in C are told.

Separate because it is a foreign library with an ABI of its own: what we call of it is declared once, here.
"""

from __future__ import annotations

import ctypes
from typing import Any

from tlswitness.datapoint.limits import MAX_DEPTH

SONAME = "libjson-c.so.5"
PACKAGE = "libjson-c5"
"""Debian's name for it."""
_POINTER = ctypes.c_void_p


class JsonC:
    """A parser of json-c. For one thread."""

    def __init__(self, library: ctypes.PyDLL) -> None:
        """Raises AttributeError where `library` lacks a function, MemoryError where it makes no parser."""
        self._new = _declared(library, "json_tokener_new_ex", _POINTER, ctypes.c_int)
        self._free = _declared(library, "json_tokener_free", None, _POINTER)
        self._reset = _declared(library, "json_tokener_reset", None, _POINTER)
        self._error = _declared(library, "json_tokener_get_error", ctypes.c_int, _POINTER)
        self._words = _declared(library, "json_tokener_error_desc", ctypes.c_char_p, ctypes.c_int)
        self._parse = _declared(library, "json_tokener_parse_ex", _POINTER, _POINTER, ctypes.c_char_p, ctypes.c_int)
        self.put: Any = _declared(library, "json_object_put", ctypes.c_int, _POINTER)
        """Give an object back."""
        # Our depth counts the outermost object, json-c's too; one more so that it never decides.
        self._tokener: int | None = self._new(MAX_DEPTH + 1)
        if not self._tokener:
            raise MemoryError("json-c has no memory for a parser")

    @property
    def put_address(self) -> int | None:
        """Where the code of `json_object_put` is: another one means another json-c."""
        return ctypes.cast(self.put, _POINTER).value

    def parse(self, text: bytes) -> int:
        """The address of a new object, to be `put`. Raises ValueError for what json-c does not read."""
        found: int | None = self._parse(self._tokener, text, len(text))
        if not found:
            raise ValueError(f"json-c does not read the point: {self._fault()}")
        return found

    def close(self) -> None:
        """Free the parser; there is no parsing afterwards."""
        if self._tokener:
            self._free(self._tokener)
            self._tokener = None

    def _fault(self) -> str:
        words: bytes = self._words(self._error(self._tokener))
        self._reset(self._tokener)
        return words.decode(errors="replace")


def open_jsonc() -> JsonC | str:
    """json-c, or why there is none."""
    try:
        # PyDLL keeps the GIL: these calls are short, and giving it up costs as much as they do. RTLD_GLOBAL: modules
        # that were linked without -ljson-c, for a program that has it, find it all the same.
        return JsonC(ctypes.PyDLL(SONAME, mode=ctypes.RTLD_GLOBAL))
    except OSError as error:
        return f"modules in C need json-c ({SONAME}; Debian's package is {PACKAGE}): {error}"
    except (AttributeError, MemoryError) as error:
        return f"this {SONAME} cannot be used: {error}"


def _declared(library: ctypes.PyDLL, name: str, result: Any, *arguments: Any) -> Any:
    function = getattr(library, name)
    function.restype = result
    function.argtypes = arguments
    return function
