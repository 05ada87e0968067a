"""A compiler for the modules of the tests here, and a point to tell them of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st
from tests.datapoint.conftest import _points
from tests.support import native

from tlswitness.datapoint import DataPoint

TEXT = '{"type":1,"policy":{"policy-type":"sts","policy-domain":"example.org"}}'


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Path]:
    """`build(source, *flags)`: a shared object."""

    def make(source: str, *flags: str, name: str = "module.so", **how: object) -> Path:
        return native.build(source, tmp_path / name, *flags, **how)

    return make


@pytest.fixture
def text() -> str:
    """A finding."""
    return TEXT


@pytest.fixture(scope="session")
def any_point() -> st.SearchStrategy[DataPoint]:
    """Any valid data point."""
    return _points()
