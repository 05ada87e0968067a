"""Errors of a call that end the process of its module.

Separate because the daemon's modules and those that a command tries must end alike: memory that has run out comes back
with the process's end alone, and a module that calls `exit()` gets what it asks for.
"""

from __future__ import annotations

import os

from tlswitness.hooks.complaints import error_words
from tlswitness.hooks.host.order import EXIT_MEMORY


def end_with(error: BaseException) -> None:
    """Returns where `error` is none of them."""
    match error:
        case MemoryError():
            os._exit(EXIT_MEMORY)
        case SystemExit(code=code):
            os.write(2, f"the module called exit(): {error_words(error)}\n".encode(errors="replace"))
            os._exit(code if isinstance(code, int) and 0 <= code <= 255 else 1)
        case _:
            pass
