"""A journal with a writer, and a supervisor that is stopped in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from tests.hooks.support import Hook, until
from tests.journal.support import entries

from tlswitness.hooks.spec import ModuleSpec
from tlswitness.hooks.supervisor import ModuleSnapshot, State, Supervisor, runner
from tlswitness.journal import JournalSettings, Writer


class Room:
    """What a test of supervised modules needs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = path / "journal"
        self.journal.mkdir()
        self.hooks = path / "hooks"
        self.writer = Writer(JournalSettings(directory=self.journal), "test")
        self.supervisor = Supervisor(self.journal, self.hooks)

    def hook(self, name: str = "m") -> Hook:
        return Hook(self.path, name)

    def append(self, numbers: Iterable[int]) -> None:
        self.writer.append(entries(numbers))

    def of(self, name: str = "m") -> ModuleSnapshot:
        return next(found for found in self.supervisor.snapshots() if found.name == name)

    async def run(self, *specs: ModuleSpec) -> None:
        await self.supervisor.apply(specs)

    async def reach(self, state: State, name: str = "m") -> ModuleSnapshot:
        await until(lambda: self.of(name).state is state)
        return self.of(name)

    async def caught_up(self, name: str = "m") -> ModuleSnapshot:
        await until(lambda: self.of(name).behind == 0)
        return self.of(name)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules of tests die often."""
    monkeypatch.setattr(runner, "RESTART_FIRST", 0.01)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(tmp_path)
    yield made
    await made.supervisor.stop(deadline=0.5)
    made.writer.close()
