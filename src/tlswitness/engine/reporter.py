"""From outcomes to the sink: each becomes its data points at the moment it is known.

Separate because reporting must never break mail: whatever goes wrong here is logged and the delivery goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from tlswitness.datapoint import NotReportable, Outcome, PolicyFailed, points_of
from tlswitness.hooks import PointSink
from tlswitness.memory import Recently

REPEAT = 300.0
"""Seconds in which a failure without a session is told once: it is one failed lookup, however many messages wait."""

_log = logging.getLogger(__name__)


class Reporter:
    """Turns outcomes into data points and hands them on."""

    def __init__(self, sinks: Iterable[PointSink], clock: Callable[[], float]) -> None:
        self._sinks = tuple(sinks)
        self._clock = clock
        self._told: Recently[tuple[object, ...]] = Recently(clock, REPEAT)

    def report(self, outcome: Outcome) -> None:
        """Never raises."""
        try:
            self._report(outcome)
        except Exception:  # noqa: BLE001 - reporting never breaks mail
            _log.exception("an outcome could not be reported: %r", outcome)

    def _report(self, outcome: Outcome) -> None:
        if isinstance(outcome, PolicyFailed) and not self._told.admit(_kind(outcome)):
            return
        match points_of(outcome, int(self._clock())):
            case NotReportable(reason=reason):
                _log.debug("not reportable: %s", reason)
            case points:
                for point in points:
                    for sink in self._sinks:
                        sink.submit(point)


def _kind(failed: PolicyFailed) -> tuple[object, ...]:
    return (failed.recipient_domain, failed.policy.policy_type, failed.failure.cause, failed.mx)
