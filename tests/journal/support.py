"""Findings to be written, and what a reader makes of a journal."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

from tlswitness.datapoint import DataPoint, Finding, Policy, PolicyType
from tlswitness.journal.reader import Reader
from tlswitness.journal.segment import Entry


def finding(number: int = 1, **members: object) -> Finding:
    """The finding of a success at `d{number}.example`."""
    policy = Policy(policy_type=PolicyType.STS, policy_domain=f"d{number}.example", policy_string=("mode: enforce",))
    return Finding(DataPoint(epoch=0, type=1, policy=policy, **members))


FINDINGS = [finding(number) for number in range(10)]


def entries(numbers: Iterable[int], epoch: int = 1_746_712_864) -> list[Entry]:
    """One session for each number, of the finding `number % 10`, at `epoch` plus the number."""
    return [(epoch + number, FINDINGS[number % 10]) for number in numbers]


def drained(directory: Path, cursor: dict[str, int] | None = None, limit: int = 1000) -> list[Entry]:
    """All that a reader finds from `cursor` on; moves the cursor."""
    found: list[Entry] = []
    cursor = {} if cursor is None else cursor
    with Reader(directory, cursor) as reader:
        while chunks := reader.read(limit):
            for chunk in chunks:
                found += [(epoch, seen) for epoch, seen, _, _ in chunk.sessions]
                cursor[chunk.segment] = chunk.end
    return found


def in_child(work: Callable[[], object]) -> int:
    """The process id of one that is forked from this one, and does `work`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the threads of this process
        child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child
