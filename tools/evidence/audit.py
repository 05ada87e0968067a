"""The books compared: what writers were promised, what is in the journal, what modules were told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tlswitness.journal import Reader, read_positions, recover
from tools.evidence.ledger import ACKNOWLEDGED, ON_DISK, Ledger
from tools.evidence.plan import Plan, identify, source

RECORD = 3
"""Fields: the writer, and the number twice."""
MAX_FAULTS = 10
"""Told of each kind."""


def audit_positions(plan: Plan, *, after_power_cut: bool) -> list[str]:
    """While all are dead: no writer's position is behind what it was promised."""
    faults = []
    sources = read_positions(plan.journal).sources
    for writer in range(plan.writers):
        ledger = Ledger(plan.ledger(writer))
        position = sources.get(source(writer))
        at = int(position.text) if position else 0
        promised = ledger[ON_DISK if after_power_cut else ACKNOWLEDGED]
        if at < promised:
            when = "after a power cut" if after_power_cut else "after SIGKILL"
            faults.append(f"{when} writer {writer} was promised {promised} points, the journal stands at {at}")
        if at > ledger[ACKNOWLEDGED] + plan.batch:
            faults.append(f"writer {writer} had written {ledger[ACKNOWLEDGED]}, the journal stands at {at}")
        if after_power_cut:
            ledger[ACKNOWLEDGED] = ledger[ON_DISK] = at  # from here on that is what counts
        ledger.close()
    return faults


def audit_journal(plan: Plan) -> list[str]:
    """At the end: each point is in the journal once, in its order, and no more than there should be."""
    recover(plan.journal)
    expected = [0] * plan.writers
    faults = []
    for writer, number in _points(plan.journal):
        if number != expected[writer]:
            faults.append(f"writer {writer}: point {number} where {expected[writer]} was to come")
            expected[writer] = number
        expected[writer] += 1
    faults += [
        f"writer {writer}: {count} points of {plan.points}"
        for writer, count in enumerate(expected)
        if count != plan.points
    ]
    sources = read_positions(plan.journal).sources
    return faults[:MAX_FAULTS] + [
        f"writer {writer}: its position is {sources.get(source(writer))}"
        for writer in range(plan.writers)
        if source(writer) not in sources or sources[source(writer)].text != str(plan.points)
    ]


def _points(directory: Path) -> Iterator[tuple[int, int]]:
    with Reader(directory, {}) as reader:
        while chunks := reader.read(10_000):
            for chunk in chunks:
                for epoch, finding, _, _ in chunk.sessions:
                    yield identify(epoch, finding.point.policy.policy_domain)


def audit_seen(plan: Plan, file: Path, module: str) -> list[str]:
    """What a module was told, record by record: each point at least once, and none before the one that it follows."""
    reached = [0] * plan.writers
    faults = []
    with file.open("rb") as records:
        for line in records:
            record = [int(field) for field in line.split() if field.isdigit()]
            if len(record) != RECORD or record[1] != record[2]:
                continue  # torn by SIGKILL: the call did not return, so it is told again
            writer, number, _ = record
            if number > reached[writer]:
                faults.append(f"{module}: writer {writer}: told of {number} before {reached[writer]}")
            reached[writer] = max(reached[writer], number + 1)
    faults += [
        f"{module}: writer {writer}: told of {count} points of {plan.points}"
        for writer, count in enumerate(reached)
        if count != plan.points
    ]
    return faults[:MAX_FAULTS]
