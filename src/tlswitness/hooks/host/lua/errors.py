"""What goes wrong in a script, in its own words: `tlsrpt.lua:12: attempt to index field 'policy' (a nil value)`."""

from __future__ import annotations

import contextlib

MAX_WORDS = 2000
"""Characters of a script's error that are kept: `error(text)` takes whatever the script has."""


class ScriptError(Exception):
    """A script raised an error in a call."""


class ScriptLimit(ScriptError):  # noqa: N818 - an error by its base
    """A call took more instructions, CPU time or memory than it may."""


def text_of(octets: bytes) -> str:
    r"""Text of a script. Lua's strings are octets: what is no UTF-8 is written as `\xff`, so nothing is lost."""
    return octets.decode("utf-8", "backslashreplace")


def words_of(error: BaseException) -> str:
    """The message of Lua's error, which lupa hands over as if it were Latin-1."""
    message = str(error)
    with contextlib.suppress(UnicodeEncodeError):
        message = text_of(message.encode("latin-1"))
    return message[:MAX_WORDS] or "an error without a message"
