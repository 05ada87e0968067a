"""The options of the daemon: its journal, and how it is watched.

Separate from those of mail, which mean the same for every program that delivers.
"""
# ruff: noqa: RUF009 - option() and its like make dataclass fields, which is what the rule asks for

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tlswitness.config.kind import Choice, Count, FilePath, Flag, Seconds
from tlswitness.config.option import follows, option
from tlswitness.config.place import Endpoint
from tlswitness.config.web import ListenAt

UNSET = Path()
"""Stands for a path that nobody set."""


class Fsync(StrEnum):
    ALWAYS = "always"
    INTERVAL = "interval"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalConfig:
    """The journal."""

    enabled: bool = option(Flag(), True, "Keep data points in a journal, from which hooks are told.")
    directory: Path = follows(
        FilePath("a directory"),
        UNSET,
        lambda config: config.state_dir / "journal",
        "Where the journal is kept.",
        words="`journal` in `state_dir`",
    )
    fsync: Fsync = option(
        Choice(Fsync),
        Fsync.INTERVAL,
        "When points are safe from a loss of power: before they count as written, soon after, or when the system "
        "likes. A crash of the program loses none, whatever stands here.",
    )
    fsync_interval: float = option(Seconds(0.01, 60), 0.2, 'How soon, where `fsync` is "interval".')
    keep_days: int = option(Count(1, 3650), 30, "Days after which points are deleted.")
    max_size: int = option(
        Count(16, 16_777_216), 10_240, "MiB of all points; the oldest are deleted when there are more."
    )
    segment_size: int = option(Count(1, 1024), 64, "MiB of one file of the journal; then a new one begins.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeConfig:
    """The daemon."""

    metrics: Endpoint = option(
        ListenAt(), Endpoint("127.0.0.1", 9815), "Where Prometheus may ask for metrics, at `/metrics`."
    )
    status_socket: Path = follows(
        FilePath("a socket"),
        UNSET,
        lambda config: config.state_dir / "status.sock",
        "The socket that `tlswitness status` and `tlswitness hooks list` ask.",
        words="`status.sock` in `state_dir`",
    )
    drain: float = option(Seconds(0, 3600), 10, "How long an end waits for modules to be told what is in the journal.")
