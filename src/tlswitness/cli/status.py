"""Exit statuses: those of sysexits.h, as mail programs expect them."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    OK = 0
    NO = 1
    """The command did its work, and its answer is "no"."""
    USAGE = 64
    DATA = 65
    NO_INPUT = 66
    NO_USER = 67
    NO_HOST = 68
    UNAVAILABLE = 69
    SOFTWARE = 70
    OS = 71
    CANNOT_CREATE = 73
    IO = 74
    TEMPFAIL = 75
    PROTOCOL = 76
    NO_PERMISSION = 77
    CONFIG = 78
    INTERRUPTED = 130
