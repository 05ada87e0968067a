"""Messages to more domains than this process may have files: they queue, none is deferred for want of a descriptor."""

import random
import time

import pytest
from tests.faults.support import many
from tools.faults.life import live
from tools.faults.town import town

from tlswitness.lab import Internet

pytestmark = pytest.mark.slow

DOMAINS = 200


@pytest.mark.parametrize("limit", [64, 256])
async def test_few_descriptors(limit):
    said = []
    async with Internet(time.time) as internet, town(internet, random.Random(1), count=DOMAINS) as here:
        args = (here.config("many"), here.surroundings(), here.domains, limit)
        await live(many.deliver, args, 50, said.append)
    assert said[1:] == [f"Delivered {DOMAINS}", "bad "], said
