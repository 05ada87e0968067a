"""What of a data point one hook is shown, and which points it is shown at all.

Separate because the seed's hooks must see exactly what the seed promises, and hooks written for us may see everything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from tlswitness.datapoint.model import OUR_TEXT_MEMBERS, DataPoint
from tlswitness.datapoint.results import PolicyType

_NOT_OF_THE_SEED: dict[str, Any] = dict.fromkeys(OUR_TEXT_MEMBERS.values())


class Members(StrEnum):
    """Which members of a point are shown."""

    SEED = "seed"
    """Exactly the seed's, in its order."""
    FULL = "full"
    """All."""


class Sessions(StrEnum):
    """Points of which sessions are shown."""

    POLICY = "policy"
    """Those under MTA-STS or DANE: the seed's scope."""
    ALL = "all"
    """Those without any policy too."""


@dataclass(frozen=True, slots=True)
class View:
    """How one hook looks at data points. The default is that of Python hooks."""

    members: Members = Members.FULL
    sessions: Sessions = Sessions.ALL

    def shows(self, point: DataPoint) -> bool:
        """Whether the hook is told of `point` at all."""
        return self.sessions is Sessions.ALL or point.policy.policy_type is not PolicyType.NONE

    def of(self, point: DataPoint) -> DataPoint:
        """`point` as the hook sees it."""
        return point if self.members is Members.FULL else seed_members(point)


SEED_VIEW = View(Members.SEED, Sessions.POLICY)
"""What hooks written for the seed's MTA expect."""


def seed_members(point: DataPoint) -> DataPoint:
    """`point` with the seed's members alone."""
    policy = replace(point.policy, mx_host=(), unknown=())
    return replace(point, policy=policy, further_failures=(), unknown=(), **_NOT_OF_THE_SEED)
