"""What an option's value may be: reading it from TOML, showing it again, and saying in words what is allowed.

Separate because the parser, `config show` and the documentation must tell the same story about a value. Pure: whether a
file exists is asked elsewhere (`tlswitness.config.surroundings`).
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Refused:
    """A value that an option may not have."""

    value: object
    """The part that is wrong: of a list, its item."""
    reason: str = ""
    """What is wrong with it, where that says more than what is allowed."""


class Kind(ABC, Generic[T]):
    """One kind of value."""

    @property
    @abstractmethod
    def allowed(self) -> str:
        """What is allowed, in words that follow "allowed:"."""

    @abstractmethod
    def read(self, value: object) -> T | list[Refused]:
        """The typed value of what stands in the TOML file; all that is wrong with it otherwise."""

    def show(self, value: T) -> object:
        """The TOML and JSON value that `read` turns into `value`."""
        return value


class Flag(Kind[bool]):
    """On or off."""

    @property
    def allowed(self) -> str:
        return "true or false"

    def read(self, value: object) -> bool | list[Refused]:
        return value if isinstance(value, bool) else [Refused(value)]


@dataclass(frozen=True, slots=True)
class Choice(Kind[E]):
    """One word of a closed list."""

    words: type[E]

    @property
    def allowed(self) -> str:
        return one_of([f'"{word.value}"' for word in self.words])

    def read(self, value: object) -> E | list[Refused]:
        if isinstance(value, str) and value.lower() in set(self.words):
            return self.words(value.lower())
        return [Refused(value)]

    def show(self, value: E) -> object:
        return value.value


@dataclass(frozen=True, slots=True)
class Count(Kind[int]):
    """A whole number."""

    least: int
    most: int

    @property
    def allowed(self) -> str:
        return f"a whole number from {self.least} to {self.most}"

    def read(self, value: object) -> int | list[Refused]:
        if isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most:
            return value
        return [Refused(value)]


@dataclass(frozen=True, slots=True)
class Seconds(Kind[float]):
    """A length of time."""

    least: float
    most: float

    @property
    def allowed(self) -> str:
        return f"seconds, from {self.least:g} to {self.most:g}"

    def read(self, value: object) -> float | list[Refused]:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return [Refused(value)]
        if not math.isfinite(value) or not self.least <= value <= self.most:
            return [Refused(value)]
        return float(value)

    def show(self, value: float) -> object:
        return int(value) if float(value).is_integer() else value


@dataclass(frozen=True, slots=True)
class Text(Kind[str]):
    """Any text of one line, or text of a given shape."""

    words: str = "text of one line"
    shape: re.Pattern[str] = field(default=re.compile(r"[^\x00-\x1f\x7f]*"))

    @property
    def allowed(self) -> str:
        return self.words

    def read(self, value: object) -> str | list[Refused]:
        return value if isinstance(value, str) and self.shape.fullmatch(value) else [Refused(value)]


@dataclass(frozen=True, slots=True)
class FilePath(Kind[Path]):
    """A file or directory; a relative one counts from the directory of the configuration file."""

    words: str

    @property
    def allowed(self) -> str:
        return f"the path of {self.words}"

    def read(self, value: object) -> Path | list[Refused]:
        if isinstance(value, str) and value and "\0" not in value:
            return Path(value)
        return [Refused(value)]

    def show(self, value: Path) -> object:
        return str(value)


class Moment(Kind[datetime]):
    """A date, which lasts to its end, or a time; both in UTC where no offset is given."""

    @property
    def allowed(self) -> str:
        return "a date or a time of TOML: 2027-01-31 or 2027-01-31T12:00:00Z"

    def read(self, value: object) -> datetime | list[Refused]:
        try:
            if isinstance(value, datetime):
                return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
            if isinstance(value, date):
                return datetime.combine(value, time(), UTC) + timedelta(days=1)
        except OverflowError:
            return [Refused(value, "it lies too far away")]
        return [Refused(value)]

    def show(self, value: datetime) -> object:
        return value


@dataclass(frozen=True, slots=True)
class ListOf(Kind[tuple[T, ...]]):
    """Several values of one kind; one alone needs no brackets."""

    item: Kind[T]

    @property
    def allowed(self) -> str:
        return f"{self.item.allowed}; or a list of such"

    def read(self, value: object) -> tuple[T, ...] | list[Refused]:
        items: Sequence[object] = value if isinstance(value, list) else [value]
        good: list[T] = []
        bad: list[Refused] = []
        for item in items:
            read = self.item.read(item)
            if isinstance(read, list):
                bad.extend(read)
            else:
                good.append(read)
        return bad or tuple(good)

    def show(self, value: tuple[T, ...]) -> object:
        return [self.item.show(item) for item in value]


def one_of(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
