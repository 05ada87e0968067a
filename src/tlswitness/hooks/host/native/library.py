"""A file to a loaded shared object, or to words.

Separate because there are many ways for a file to be no module, and the loader's own words for most of them help only
those who know it. Nothing is searched for: what is loaded is the file at the path.
"""

from __future__ import annotations

import ctypes
import os
import re
import struct
from pathlib import Path

from tlswitness.hooks.contract import HOOK
from tlswitness.hooks.host.native.jsonc import SONAME, JsonC

_HEADER = struct.Struct("<16sHH")
"""The beginning of an ELF file: identification, type, machine."""
_MAGIC = b"\x7fELF"
_TYPES = {1: "an object file: link it with `cc -shared`", 2: "a program, not a shared object", 4: "a core dump"}
_SHARED = 3
_MACHINES = {3: "i386", 8: "mips", 21: "ppc64", 22: "s390", 40: "arm", 62: "x86-64", 183: "aarch64", 243: "riscv"}
_BITS = {1: "32-bit", 2: "64-bit"}
_JSONC_FILE = re.compile(r"/\S*/libjson-c\.so\S*")


def open_library(target: str, jsonc: JsonC) -> ctypes.CDLL | str:
    """The shared object at `target`, all its symbols bound, or why there is none. Runs its constructors."""
    path = _resolved(target)
    if isinstance(path, str):
        return path
    fault = _elf_fault(path)
    if fault:
        return fault
    try:
        library = ctypes.CDLL(str(path), mode=os.RTLD_NOW | os.RTLD_LOCAL)
    except OSError as error:
        return _loader_words(str(error), path)
    if not _has(library, HOOK):
        return f"it does not export {HOOK}; it must have `int {HOOK}(void *closure, struct json_object *json)`"
    return _second_jsonc(library, jsonc) or library


def _resolved(target: str) -> Path | str:
    """The file itself, with an absolute path: a name without a slash would be looked for in the library path."""
    if "\0" in target:
        return "a path has no NUL"
    path = Path(target)
    try:
        found = path.resolve(strict=True)
    except FileNotFoundError:
        if path.is_symlink():
            return f"it is a symbolic link to {path.readlink()}, which does not exist"
        return "there is no such file"
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        return f"it cannot be found: {getattr(error, 'strerror', None) or error}"
    if found.is_dir():
        return "it is a directory"
    return found if found.is_file() else "it is not a regular file"


def _elf_fault(path: Path) -> str | None:
    """Why the file cannot be loaded into this process, as far as its header tells."""
    try:
        ours, theirs = _head(Path("/proc/self/exe")), _head(path)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if not theirs.startswith(_MAGIC) or len(theirs) < _HEADER.size:
        return "it is not a shared object (no ELF file)"
    if ours[4:6] != theirs[4:6] or ours[18:20] != theirs[18:20]:
        return f"it is for another machine: {_machine(theirs)}; this process is {_machine(ours)}"
    _, kind, _ = _HEADER.unpack(theirs)
    return None if kind == _SHARED else f"it is {_TYPES.get(kind, f'an ELF file of type {kind}, not a shared object')}"


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEADER.size)


def _machine(head: bytes) -> str:
    order = "<" if head[5] == 1 else ">"
    (number,) = struct.unpack_from(f"{order}H", head, 18)
    end = "" if order == "<" else ", big-endian"
    return f"{_BITS.get(head[4], 'unknown class')} {_MACHINES.get(number, f'machine {number}')}{end}"


def _loader_words(error: str, path: Path) -> str:
    """What the loader says, without the path that stands before it anyway."""
    words = error.removeprefix(f"{path}: ")
    symbol = re.search(r"undefined symbol: (\S+)", words)
    if symbol:
        return f"it needs the symbol {symbol[1].rstrip(',')}, which nothing that it is linked with has"
    missing = re.match(r"(\S+): cannot open shared object file", words)
    if missing:
        return f"it needs the library {missing[1]}, which cannot be found"
    return f"it cannot be loaded: {words}"


def _second_jsonc(library: ctypes.CDLL, jsonc: JsonC) -> str | None:
    """Objects of one json-c must not be handed to another. One that is linked in and hidden cannot be seen."""
    files = sorted(set(_JSONC_FILE.findall(Path("/proc/self/maps").read_text())))
    if len(files) > 1:
        return f"it brings another json-c: there are {' and '.join(files)}; link it with {SONAME} alone"
    if _has(library, "json_object_put"):
        theirs = ctypes.cast(library.json_object_put, ctypes.c_void_p).value
        if theirs != jsonc.put_address:
            return f"it brings a json-c of its own; link it with {SONAME}"
    return None


def _has(library: ctypes.CDLL, name: str) -> bool:
    return hasattr(library, name)
