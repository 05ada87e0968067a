"""What an engine finds around it."""

import random
import time

from tlswitness.engine import Surroundings
from tlswitness.net import DirectDialer


def test_by_default_it_is_the_real_world():
    around = Surroundings()
    assert isinstance(around.dialer, DirectDialer)
    assert around.clock is time.time
    assert around.monotonic is time.monotonic
    assert isinstance(around.rng, random.Random)
    assert around.rng is not Surroundings().rng
