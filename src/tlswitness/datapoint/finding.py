"""A finding: all that a data point says but for when.

Separate because sessions repeat: thousands of points differ in their second alone. Whoever stores, shows or tells many
points handles each finding once and writes no more than the epoch for each session. Texts are those of `text.py`, to
the byte.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tlswitness.datapoint.decode import decode
from tlswitness.datapoint.model import DataPoint
from tlswitness.datapoint.reader import DataPointError
from tlswitness.datapoint.text import compact, paniclog
from tlswitness.datapoint.views import View

_COMPACT_HEAD = '{"epoch":0'
_SPACED_HEAD = '{ "epoch": 0'
_setters: dict[str, Any] = {name: getattr(DataPoint, name).__set__ for name in DataPoint.__slots__}
_set_epoch = _setters.pop("epoch")


class Finding:
    """What a data point found, at no particular time. Equal findings have equal text."""

    __slots__ = ("_last", "_spaced", "point", "tail")

    point: DataPoint
    """The data point at epoch 0."""
    tail: str
    """The compact text behind the epoch, from the comma to the closing brace: what findings are told apart by."""

    def __init__(self, point: DataPoint) -> None:
        """The finding of `point`, whose epoch does not matter."""
        self.point = point if point.epoch == 0 else replace(point, epoch=0)
        self.tail = compact(self.point).removeprefix(_COMPACT_HEAD)
        self._spaced: str | None = None
        self._last = self.point

    @classmethod
    def decode(cls, text: str) -> Finding | DataPointError:
        """The finding whose `text` this is; what is none is named as `decode` of points does."""
        if not text.startswith("{"):
            return DataPointError("", "a JSON object", "something else")
        point = decode(f"{_COMPACT_HEAD}{',' if text != '{}' else ''}{text[1:]}")
        return point if isinstance(point, DataPointError) else cls(point)

    @property
    def text(self) -> str:
        """The compact text of the finding alone: a JSON object without `epoch`."""
        return "{" + self.tail[1:]

    def at(self, epoch: int) -> DataPoint:
        """The data point of this finding at `epoch` (seconds since 1970, within a point's limits: not checked anew)."""
        last = self._last
        if last.epoch == epoch:
            return last
        point = object.__new__(DataPoint)
        _set_epoch(point, epoch)
        for name, set_to in _setters.items():
            set_to(point, getattr(last, name))
        self._last = point
        return point

    def compact(self, epoch: int) -> str:
        """`compact(self.at(epoch))`."""
        return f'{{"epoch":{epoch}{self.tail}'

    def paniclog(self, epoch: int) -> str:
        """`paniclog(self.at(epoch))`."""
        if self._spaced is None:
            self._spaced = paniclog(self.point).removeprefix(_SPACED_HEAD)
        return f'{{ "epoch": {epoch}{self._spaced}'

    def seen(self, view: View) -> Finding | None:
        """The finding as `view` shows it; None where it does not."""
        if not view.shows(self.point):
            return None
        shown = view.of(self.point)
        return self if shown is self.point else Finding(shown)

    def __eq__(self, other: object) -> bool:
        return self.tail == other.tail if isinstance(other, Finding) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.tail)

    def __repr__(self) -> str:
        return f"Finding({self.text})"
