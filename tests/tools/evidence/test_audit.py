"""The books find what is planted: audits that find nothing may be blind."""

from __future__ import annotations

import pytest
from tools.evidence.audit import audit_journal, audit_positions, audit_seen
from tools.evidence.ledger import ACKNOWLEDGED, LIVES, ON_DISK, Ledger
from tools.evidence.plan import Plan, entries, outcomes, source
from tools.evidence.writer import write

from tlswitness.journal import Writer


@pytest.fixture
def plan(tmp_path):
    """Two writers of 100 points each, all written."""
    plan = Plan(tmp_path, writers=2, points=100, batch=10)
    for number in range(2):
        write(plan, number)
    return plan


def told(plan, *numbers):
    file = plan.home / "record"
    file.write_text("".join(f"\n{writer} {number} {number}" for writer, number in numbers))
    return audit_seen(plan, file, "m")


ALL = [(writer, number) for number in range(100) for writer in range(2)]


def test_what_is_as_it_should_be(plan):
    assert audit_positions(plan, after_power_cut=False) == []
    assert audit_positions(plan, after_power_cut=True) == []
    assert audit_journal(plan) == []
    assert told(plan, *ALL) == []
    assert told(plan, *ALL[:50], *ALL[20:]) == [], "told again is told"


def test_a_writer_goes_on_where_it_stood(plan):
    longer = Plan(plan.home, writers=2, points=130, batch=10)
    for number in range(2):
        write(longer, number)
    assert audit_journal(longer) == []
    ledger = Ledger(longer.ledger(0))
    assert (ledger[ACKNOWLEDGED], ledger[ON_DISK], ledger[LIVES]) == (130, 130, 2)
    ledger.close()


@pytest.mark.parametrize("begin", [90, 100, 105])
def test_a_point_twice_or_missing_or_too_many_is_a_fault(plan, begin):
    writer = Writer(plan.settings(1), "w1")
    writer.append(entries(outcomes(1), begin, 110), source=source(1), position="110")
    writer.close()
    assert audit_journal(plan)


def test_a_segment_that_is_gone_is_a_fault(plan):
    next(plan.journal.glob("*.w1.*.seg")).unlink()
    assert audit_journal(plan)
    assert audit_positions(plan, after_power_cut=False)
    assert audit_positions(plan, after_power_cut=True)


def test_a_position_beyond_what_was_written_is_a_fault(plan):
    ledger = Ledger(plan.ledger(0))
    ledger[ACKNOWLEDGED] = 50
    ledger.close()
    assert audit_positions(plan, after_power_cut=False)


@pytest.mark.parametrize(
    "numbers",
    [ALL[:-1], ALL[1:], ALL[:50] + ALL[52:], [], [*ALL[2:4], *ALL]],
    ids=["last", "first", "hole", "none", "early"],
)
def test_a_point_that_was_not_told_or_too_early_is_a_fault(plan, numbers):
    assert told(plan, *numbers)


def test_a_torn_record_is_no_record(plan):
    file = plan.home / "record"
    file.write_text("".join(f"\n{writer} {number} {number}" for writer, number in ALL) + "\n1 99 9\n1 200")
    assert audit_seen(plan, file, "m") == []
