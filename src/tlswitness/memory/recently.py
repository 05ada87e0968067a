"""What happened a short while ago: the memory behind back-off and behind reports that must not repeat.

Separate because the memory must stay bounded whatever the network makes us remember. RFC 8461 section 3.3 (five
minutes).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

MAX_REMEMBERED = 50_000
"""Keys: bounds what mail to ever new domains can fill. When it is full the oldest is forgotten early."""

K = TypeVar("K", bound=Hashable)


class Recently(Generic[K]):
    """Keys that were marked within the last `seconds`."""

    def __init__(self, clock: Callable[[], float], seconds: float, limit: int = MAX_REMEMBERED) -> None:
        self._clock = clock
        self._seconds = seconds
        self._limit = limit
        self._marked: OrderedDict[K, float] = OrderedDict()

    def __contains__(self, key: K) -> bool:
        at = self._marked.get(key)
        # A clock that was set back must not make a mark last: what lies in the future is not recent.
        return at is not None and 0 <= self._clock() - at < self._seconds

    def __len__(self) -> int:
        return len(self._marked)

    def mark(self, key: K) -> None:
        """From now on `key` is recent."""
        self._marked[key] = self._clock()
        self._marked.move_to_end(key)
        while self._marked and (len(self._marked) > self._limit or next(iter(self._marked)) not in self):
            self._marked.popitem(last=False)

    def forget(self, key: K) -> None:
        self._marked.pop(key, None)

    def admit(self, key: K) -> bool:
        """Whether `key` is not recent; it is from now on. True at most once in `seconds`."""
        if key in self:
            return False
        self.mark(key)
        return True
