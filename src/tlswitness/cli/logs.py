"""The log of a command: lines on the standard error, as words or as JSON.

Separate because it is the one place that touches Python's logging as a whole: rooms only write to their loggers. A line
stays one line, whatever a server said: nothing that a peer chose can forge another or move a terminal's cursor.

Where the standard error is systemd's journal (JOURNAL_STREAM), which notes the time itself, lines in words begin with
the level as sd-daemon(3) writes it in place of time and level. A record may have `fields`, a dict of what its words
say, for programs: they are members of the line in JSON.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
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
_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""Of syslog(3)."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@contextmanager
def shown(
    config: LogConfig, *, least: int = logging.DEBUG, without: Sequence[str] = (), stream: TextIO | None = None
) -> Iterator[None]:
    """Within the context our log goes to `stream` (the standard error), nothing of it below `least`, nor of the modules
    `without` (below ROOT).
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(config, stream))
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


def _formatter(config: LogConfig, stream: TextIO) -> logging.Formatter:
    if config.format is LogFormat.JSON:
        return JsonLines()
    return JournalLines() if goes_to_journal(stream, os.environ) else TextLines()


def goes_to_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether `stream` is the one that systemd reads (systemd.exec(5)): a variable alone may be somebody else's."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):  # it is closed, or no file
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class TextLines(logging.Formatter):
    """`2026-01-31T23:59:59.123Z warning policy.sts.store: ...`, tracebacks indented below."""

    def format(self, record: logging.LogRecord) -> str:
        name = record.name.removeprefix(f"{ROOT}.")
        line = f"{self._head(record)}{name}: {_UNPRINTABLE.sub('?', record.getMessage())}"
        trace = self._trace(record)
        below = [_UNPRINTABLE.sub("?", each) for each in trace.splitlines()]
        return f"\n{self._margin(record)}    ".join([line, *below])

    def _head(self, record: logging.LogRecord) -> str:
        return f"{_time(record)} {record.levelname.lower()} "

    def _margin(self, record: logging.LogRecord) -> str:  # noqa: ARG002 - others need it
        return ""

    def _trace(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info else ""


class JournalLines(TextLines):
    """`<4>policy.sts.store: ...`"""

    def _head(self, record: logging.LogRecord) -> str:
        return f"<{_PRIORITIES.get(record.levelno, 6)}>"

    _margin = _head  # each line is an entry of its own


class JsonLines(TextLines):
    """One object a line: time, level, logger, message, fields, those of an attempt, a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        members: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in ("attempt", "fields"):
            value = getattr(record, name, None)
            if isinstance(value, dict):
                members[name] = value
        trace = self._trace(record)
        if trace:
            members["traceback"] = trace
        return json.dumps(members, ensure_ascii=True, default=str)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03d}Z"
