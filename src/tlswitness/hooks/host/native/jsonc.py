"""json-c, the library whose objects modules in C are told.

Separate because it is a foreign library with an ABI of its own: what we call of it is declared once, here.
"""

from __future__ import annotations

import ctypes
from typing import Any

from tlswitness.datapoint.finding import Finding
from tlswitness.datapoint.limits import MAX_DEPTH

SONAME = "libjson-c.so.5"
PACKAGE = "libjson-c5"
"""Debian's name for it."""
MAX_TEMPLATES = 8192
"""Objects that are kept to be copied."""
MAX_TEMPLATE = 4096
"""Characters of a finding that is kept: a stranger's policy may make it huge."""
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
        self._get = _declared(library, "json_object_object_get", _POINTER, _POINTER, ctypes.c_char_p)
        self._set_integer = _declared(library, "json_object_set_int64", ctypes.c_int, _POINTER, ctypes.c_int64)
        self._copy = _declared(library, "json_object_deep_copy", ctypes.c_int, _POINTER, _POINTER, _POINTER)
        self._copied = ctypes.c_void_p()
        self._into = ctypes.byref(self._copied)
        self._templates: dict[str, tuple[int, int]] = {}
        """By the tail of a finding: an object of it, and that object's epoch."""
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

    def point(self, epoch: int, finding: Finding) -> int:
        """The address of a new object of `finding` at `epoch`, to be `put`. Raises as `parse`.

        A copy of one that was parsed before, where there is one: that takes two thirds of the time.
        """
        template = self._templates.get(finding.tail) or self._template(finding)
        if template is None:
            return self.parse(finding.compact(epoch).encode())
        self._set_integer(template[1], epoch)
        copied: Any = self._copied
        copied.value = None
        if self._copy(template[0], self._into, None) or not copied.value:
            raise MemoryError("json-c has no memory for a point")
        found: int = copied.value
        return found

    def _template(self, finding: Finding) -> tuple[int, int] | None:
        """A new template; None for a finding that is too large to be kept."""
        if len(finding.tail) > MAX_TEMPLATE:
            return None
        if len(self._templates) >= MAX_TEMPLATES:
            self._forget()
        parsed = self.parse(finding.compact(0).encode())
        template = self._templates[finding.tail] = parsed, self._get(parsed, b"epoch")
        return template

    def _forget(self) -> None:
        for parsed, _ in self._templates.values():
            self.put(parsed)
        self._templates.clear()

    def close(self) -> None:
        """Free the parser and all templates; there is no parsing afterwards."""
        self._forget()
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
