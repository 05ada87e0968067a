import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from tlswitness.engine import Engine
from tlswitness.engine.check import Check
from tlswitness.lab import Internet, Staged, choose, staged

Checking = Callable[..., Awaitable[Check]]
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
def check() -> Checking:
    """What an engine says of a staged scenario; options of the configuration may be changed."""

    async def check(staged: Staged, rules: dict[str, Any] | None = None, **how: Any) -> Check:
        config = replace(staged.config, **(rules or {}))
        async with Engine(config, surroundings=staged.surroundings) as engine:
            return await engine.check(staged.site.domain, **how)

    return check
