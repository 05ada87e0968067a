"""The log of a command: lines on the standard error, as words or as JSON.

Separate because it is the one place that touches Python's logging as a whole: rooms only write to their loggers. A line
stays one line, whatever a server said: nothing that a peer chose can forge another or move a terminal's cursor.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TextIO

from tlswitness.config import LogConfig, LogFormat, LogLevel

ROOT = "tlswitness"
"""The logger above all of ours."""

_LEVELS = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@contextmanager
def shown(
    config: LogConfig, *, least: int = logging.DEBUG, without: Sequence[str] = (), stream: TextIO | None = None
) -> Iterator[None]:
    """Within the context our log goes to `stream` (the standard error), nothing of it below `least`, nor of the modules
    `without` (below ROOT).
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if config.format is LogFormat.JSON else TextLines())
    silent = frozenset(f"{ROOT}.{name}" for name in without)
    handler.addFilter(lambda record: record.name not in silent)
    logger = logging.getLogger(ROOT)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(max(_LEVELS[config.level], least))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


class TextLines(logging.Formatter):
    """`2026-01-31T23:59:59.123Z warning policy.sts.store: ...`, tracebacks indented below."""

    def format(self, record: logging.LogRecord) -> str:
        name = record.name.removeprefix(f"{ROOT}.")
        line = f"{_time(record)} {record.levelname.lower()} {name}: {_UNPRINTABLE.sub('?', record.getMessage())}"
        trace = self._trace(record)
        return "\n    ".join([line, *(_UNPRINTABLE.sub("?", below) for below in trace.splitlines())])

    def _trace(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info else ""


class JsonLines(TextLines):
    """One object a line: time, level, logger, message, the fields of an attempt, a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        members: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        attempt = getattr(record, "attempt", None)
        if isinstance(attempt, dict):
            members["attempt"] = attempt
        trace = self._trace(record)
        if trace:
            members["traceback"] = trace
        return json.dumps(members, ensure_ascii=True, default=str)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03d}Z"
