import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from tlswitness.lab import Internet, Staged, choose, staged

Staging = Callable[[str], Awaitable[Staged]]


@pytest.fixture
async def internet() -> AsyncIterator[Internet]:
    async with Internet(time.time) as running:
        yield running


@pytest.fixture
async def stage(internet: Internet) -> AsyncIterator[Staging]:
    """Builds a scenario of the lab, which stays up as long as the test."""
    async with AsyncExitStack() as stack:

        async def build(scenario: str) -> Staged:
            (cell,) = choose([scenario])
            return await stack.enter_async_context(staged(internet, cell))

        yield build


@pytest.fixture
def config_file(tmp_path, monkeypatch):
    """A configuration whose state is the test's own, and whose resolver nobody answers at."""
    monkeypatch.delenv("TLSWITNESS_CONFIG", raising=False)
    path = tmp_path / "tlswitness.toml"
    path.write_text('state_dir = "state"\nresolvers = ["127.0.0.1:1"]\n[timeouts]\ndns = 0.2\n')
    return path
