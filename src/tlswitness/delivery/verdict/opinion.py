"""What one policy makes of a chain."""

from __future__ import annotations

from dataclasses import dataclass

from tlswitness.datapoint.failure import Failure
from tlswitness.delivery.verdict.certificate import Certificate


@dataclass(frozen=True, slots=True)
class Opinion:
    """Under one policy."""

    failures: tuple[Failure, ...]
    """Everything that is wrong; () is a pass."""
    certificates: tuple[Certificate, ...] = ()
    """Those whose dates it rests on."""
