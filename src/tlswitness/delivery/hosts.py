"""The order in which the MXs of a domain are tried (RFC 5321 section 5.1). Pure.

An invalid MX keeps its place in the order and is skipped when its turn comes: filtering first could make us the best MX
of a domain that we are a backup for, and a loop (RFC 8461 section 8.4).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tlswitness.names import BadName, HostName

MAX_HOSTS = 20
"""MXs tried in one delivery: a domain with 200 of them must not hold a delivery for 200 timeouts."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """The MXs to try, in order."""

    names: tuple[HostName | BadName, ...]
    own: HostName | None = None
    """The MX that is ourselves: it and all that are no better were dropped."""
    by_chance: bool = False
    """Some have the same preference."""
    more: bool = False
    """There are others, which are left out for their number."""


def in_order(
    records: Sequence[tuple[int, HostName | BadName]], own_names: Iterable[HostName], rng: random.Random
) -> Hosts:
    """The hosts of (preference, name) pairs, best preference first, equal ones in random order, up to ourselves."""
    known = frozenset(own_names)
    ours = [(preference, name) for preference, name in records if isinstance(name, HostName) and name in known]
    limit, own = min(ours, key=lambda record: record[0], default=(None, None))
    left = [record for record in records if limit is None or record[0] < limit]
    rng.shuffle(left)
    left.sort(key=lambda record: record[0])
    names = tuple(dict.fromkeys(name for _, name in left))
    by_chance = len({preference for preference, _ in left}) < len(left)
    return Hosts(names[:MAX_HOSTS], own, by_chance, more=len(names) > MAX_HOSTS)
