"""What Python modules print, in lines.

Separate because `print` writes pieces, and a line of the log belongs to one call.
"""

from __future__ import annotations

import io
import sys
import threading
from typing import TextIO, cast

from tlswitness.hooks.host.callee import Printer

MAX_LINE = 64 * 1024
"""Characters of a line; one without an end must not fill the memory."""


class PrintedLines(io.TextIOBase):
    """A `sys.stdout` that hands each line to a printer."""

    encoding = "utf-8"

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._before: TextIO | None = None
        self._lock = threading.RLock()  # a module may have threads
        self.partial = ""
        """What has been written of a line that has no end yet."""

    def install(self) -> None:
        """Be `sys.stdout`, until closed."""
        self._before, sys.stdout = sys.stdout, cast("TextIO", self)  # it is all that `print` needs

    def close(self) -> None:
        """End the last line, and give `sys.stdout` back."""
        if self._before is not None:
            self.end_line()
            sys.stdout, self._before = self._before, None

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self.partial = (self.partial + text).split("\n")
            if len(self.partial) > MAX_LINE:  # cut once: each cut copies what is left
                cuts = range(0, len(self.partial), MAX_LINE)
                *pieces, self.partial = [self.partial[cut : cut + MAX_LINE] for cut in cuts]
                lines += pieces
            for line in lines:
                self._printer(line)
        return len(text)

    def end_line(self) -> None:
        """Print what has no end yet: the call is over."""
        with self._lock:
            partial, self.partial = self.partial, ""
            if partial:
                self._printer(partial)
