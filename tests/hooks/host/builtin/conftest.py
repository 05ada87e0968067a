"""Points as modules of ours are told them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tlswitness.datapoint import DataPoint, decode
from tlswitness.datapoint.finding import Finding

PANICLOG = Path(__file__).parents[3] / "data" / "momentum_paniclog.txt"


@pytest.fixture
def paniclog_text() -> str:
    """The seed's four lines."""
    return PANICLOG.read_text(encoding="utf-8")


@pytest.fixture
def seed_points(paniclog_text: str) -> list[tuple[int, Finding]]:
    """The two points in them."""
    points = []
    for line in paniclog_text.splitlines():
        if "tls report:" in line:
            point = decode(line.partition("tls report:")[2].strip())
            assert isinstance(point, DataPoint)
            points.append((point.epoch, Finding(point)))
    assert len(points) == 2
    return points
