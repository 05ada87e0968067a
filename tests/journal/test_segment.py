"""What a segment looks like, and its clean end. The disk's refusals are shown by the writer's tests."""

from __future__ import annotations

import pytest
from tests.journal.support import FINDINGS, entries

from tlswitness.journal import segment as module
from tlswitness.journal.line import end_line, finding_line, head_line, seed_of, session_line
from tlswitness.journal.names import new_segment
from tlswitness.journal.segment import Segment


def test_the_octets(tmp_path):
    name = new_segment("a", 1, 5.0)
    seed = seed_of(name.id)
    segment = Segment(tmp_path, name)
    segment.append([(7, FINDINGS[0]), (7, FINDINGS[1]), (8, FINDINGS[0])])
    segment.append([(8, FINDINGS[0])])
    assert segment.findings == 2
    segment.close()
    assert segment.path.read_bytes() == b"".join(
        [
            head_line(name.head),
            finding_line(1, FINDINGS[0], seed),
            session_line(7, 1, seed),
            finding_line(2, FINDINGS[1], seed),
            session_line(7, 2, seed),
            session_line(8, 1, seed),
            session_line(8, 1, seed),
            end_line(seed),
        ]
    )
    assert segment.size == segment.path.stat().st_size
    assert segment.path.stat().st_mode & 0o777 == 0o600


def test_lines_are_remembered_within_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_LINES", 2)
    segment = Segment(tmp_path, new_segment("a", 1, 5.0))
    segment.append(entries(range(100)) * 2)
    assert len(segment._lines) <= module.MAX_EPOCHS
    assert all(len(lines) <= 2 for lines in segment._lines.values())
    segment.abandon()


def test_a_name_that_is_taken_is_not_written_over(tmp_path):
    name = new_segment("a", 1, 5.0)
    (tmp_path / f"{name.id}.new").write_bytes(b"x")
    with pytest.raises(FileExistsError):
        Segment(tmp_path, name)
