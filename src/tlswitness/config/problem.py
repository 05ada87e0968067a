"""What is wrong with a configuration file: all of it at once, each with place, value and what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

MAX_SHOWN = 80
"""Characters of a wrong value that are shown."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    key: str
    """The key path as TOML writes it; "" for the file as a whole."""
    what: str
    """What is wrong, in words; "" where what is allowed says it all."""
    value: str | None = None
    """The value as TOML writes it."""
    allowed: str = ""
    hint: str = ""
    """What was probably meant."""
    file: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        key = self.key if self.value is None else f"{self.key} = {self.value}"
        said = [self.what, f"allowed: {self.allowed}" if self.allowed else "", self.hint]
        return f"{place}{key}{': ' if key else ''}{'; '.join(part for part in said if part)}"


class ConfigError(Exception):
    """A configuration that cannot be used. `problems` says all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def shown(value: object) -> str:
    """A wrong value, short enough for a message."""
    match value:
        case bool():
            text = "true" if value else "false"
        case str():
            text = '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in value) + '"'
        case dict():
            text = "a table"
        case date():
            text = value.isoformat()
        case list():
            text = f"[{', '.join(shown(item) for item in value[:4])}{', ...' if len(value) > 4 else ''}]"
        case _:
            text = str(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 4] + "... "
