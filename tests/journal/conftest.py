"""A journal in a directory of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tlswitness.journal.settings import JournalSettings


@pytest.fixture
def settings(tmp_path: Path) -> JournalSettings:
    directory = tmp_path / "journal"
    directory.mkdir()
    return JournalSettings(directory=directory)


@pytest.fixture
def only_segment(settings: JournalSettings) -> Callable[[], Path]:
    def find() -> Path:
        (found,) = settings.directory.glob("*.seg")
        return found

    return find
