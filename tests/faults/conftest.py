import time
from collections.abc import AsyncIterator

import pytest

from tlswitness.lab import Internet


@pytest.fixture
async def internet() -> AsyncIterator[Internet]:
    async with Internet(time.time) as running:
        yield running
