"""What an engine finds around it and a test or the lab puts in its place: time, chance, and the way to a socket."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tlswitness.net import Dialer, DirectDialer


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The default is the real world."""

    dialer: Dialer = field(default_factory=DirectDialer)
    clock: Callable[[], float] = time.time
    """Seconds since 1970: epochs, expiry of policies, validity of certificates."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds that never go back: how long something took, or is kept. Setting the machine's time must not keep old DNS
    answers alive, nor put off the next test of the resolver."""
    rng: random.Random = field(default_factory=random.Random)
