"""What a journal holds: chains, sizes, ages, and on a closer look the points and what is damaged.

Separate because people ask this, not programs: it may take its time, and it changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tlswitness.journal.names import SegmentName, end_of, has_writer, segments
from tlswitness.journal.scan import Damage, Scan
from tlswitness.journal.tally import Tally

MAX_LOOKED_AT = 64
"""Segments in which the last points are looked for, where enough have been found: each short-lived writer has one."""


class State(StrEnum):
    """How a segment stands."""

    LIVE = "live"
    """It has a writer."""
    CLOSED = "closed"
    """Its writer ended it."""
    RECOVERED = "recovered"
    """Its writer died, and recovery ended it."""
    LEFT = "left"
    """Its writer died; the next start of the daemon recovers it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One segment on the disk."""

    name: SegmentName
    octets: int
    written: float
    """Unix seconds of the last write."""
    state: State


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a segment."""

    name: SegmentName
    points: int
    findings: int
    damages: tuple[Damage, ...]
    damaged: int
    lost: int
    """Points whose finding is damaged."""
    torn: int
    """Octets at the end that are not whole: of a live segment they may become it."""


def stored(directory: Path) -> list[Stored]:
    """All segments, by chain and number. Raises OSError."""
    found = []
    for name in segments(directory):
        with suppress(FileNotFoundError):
            found.append(_stored(directory, name))
    return found


def contents(directory: Path, names: list[SegmentName], told: Callable[[int], None]) -> Iterator[Contents]:
    """What is in each of `names` that is still there; `told` is called with the octets of each. Raises OSError."""
    for name in names:
        try:
            tally = Tally(directory, name)
        except FileNotFoundError:
            continue
        try:
            size = tally.size
            counts = tally.count(size)
            damages = tuple(tally.take_damages())
            torn = 0 if tally.ended else size - tally.offset
            points = sum(count.sessions for count in counts)
            yield Contents(name, points, tally.findings, damages, tally.damaged, tally.lost, torn)
        finally:
            tally.close()
        told(size)


def last_points(directory: Path, known: list[Stored], wanted: int, limit: int = 1 << 18) -> Iterator[tuple[int, str]]:
    """About the last `wanted` points of the segments `known`, the oldest first: their epochs and compact texts.

    Looks at the last `limit` octets of each segment, the newest segments first. Raises OSError.
    """
    found: list[tuple[int, str]] = []
    for number, each in enumerate(sorted(known, key=lambda each: -each.written)):
        # What was written before the oldest of those found came to be has nothing later.
        if len(found) >= wanted and (number >= MAX_LOOKED_AT or not wanted or each.written < found[-wanted][0]):
            break
        found += _tail(directory, each, wanted, limit)
        found.sort(key=lambda point: point[0])
    yield from found[-wanted:] if wanted else ()


def _tail(directory: Path, segment: Stored, wanted: int, limit: int) -> list[tuple[int, str]]:
    begin = max(0, segment.octets - limit)
    while True:
        scan = Scan(directory, segment.name, begin)
        try:
            rows = scan.read(segment.octets, segment.octets)
        finally:
            scan.close()
        if len(rows) >= wanted or begin == 0:
            return [(epoch, finding.compact(epoch)) for epoch, finding, _, _ in rows[-wanted:]]
        begin = 0


def _stored(directory: Path, name: SegmentName) -> Stored:
    fd = os.open(directory / name.file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        end = end_of(fd, name.id)
        if end is None:
            state = State.LIVE if has_writer(fd) else State.LEFT
        else:
            state = State.RECOVERED if end.cut else State.CLOSED
    finally:
        os.close(fd)
    return Stored(name, status.st_size, status.st_mtime, state)
