"""An option: one field of a configuration class is its whole declaration.

The class gives name, type and scope, `option()` the kind, the default, one line of help and its source. The parser,
`config show` and docs/configuration.md are all read off these fields, so that no option is declared twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from tlswitness.config.kind import Kind

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
S = TypeVar("S", bound="DataclassInstance")
_FACTS = "option"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a field says of its option beyond its name and default."""

    kind: Kind[Any]
    text: str
    rfc: str = ""
    momentum: bool = False
    default_words: str = ""
    follows: Callable[[Any], object] | None = None
    """What the value is in a scope that does not set it, where that hangs on other options of the scope."""


@dataclass(frozen=True, slots=True)
class Section:
    """A field that is a table of options of its own."""

    of: type
    text: str
    many: bool = False
    """An array of tables."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option as the parser, the commands and the documentation see it."""

    name: str
    """The key path from the top of its scope: `timeouts.connect`."""
    facts: Facts
    default: Callable[[], object]

    def is_default(self, scope: object) -> bool:
        """Whether the option has in `scope` the value that it has when nobody sets it."""
        default = self.default() if self.facts.follows is None else self.facts.follows(scope)
        return value_at(scope, self.name) == default

    def show(self, value: object) -> object:
        """The TOML value of `value`; None where there is none, and nothing need be written."""
        return None if value is None else self.facts.kind.show(value)


def option(
    kind: Kind[T], default: T, text: str, *, rfc: str = "", momentum: bool = False, default_words: str = ""
) -> T:
    """Declare an option. `text` is its help, `momentum` says that the name is Momentum's."""
    return field(default=default, metadata={_FACTS: Facts(kind, text, rfc, momentum, default_words)})


def maybe(kind: Kind[T], text: str, *, none: str, rfc: str = "", momentum: bool = False) -> T | None:
    """Declare an option that may be without a value; `none` says what that means."""
    return field(default=None, metadata={_FACTS: Facts(kind, text, rfc, momentum, none)})


def derived(
    kind: Kind[T], factory: Callable[[], T], text: str, *, words: str, rfc: str = "", momentum: bool = False
) -> T:
    """Declare an option whose default is found out from the machine; `words` says how."""
    return field(default_factory=factory, metadata={_FACTS: Facts(kind, text, rfc, momentum, words)})


def follows(
    kind: Kind[T], unset: T, of: Callable[[Any], T], text: str, *, words: str, rfc: str = "", momentum: bool = False
) -> T:
    """Declare an option whose default hangs on others of its scope; `settle` puts it in the place of `unset`.

    In a `section` the scope is the one that the table stands in, and `settled` does it.
    """
    return field(default=unset, metadata={_FACTS: Facts(kind, text, rfc, momentum, words, of)})


def settle(scope: object) -> None:
    """Give the options that follow from others their values, in a scope that is being made."""
    for item in fields(scope):  # type: ignore[arg-type]  # all scopes are dataclasses
        facts = item.metadata.get(_FACTS)
        if isinstance(facts, Facts) and facts.follows is not None and getattr(scope, item.name) == item.default:
            object.__setattr__(scope, item.name, facts.follows(scope))


def settled(table: S, scope: object) -> S:
    """A table of options whose values follow from options of the `scope` that it stands in."""
    found = {
        item.name: facts.follows(scope)
        for item in fields(table)
        if isinstance(facts := item.metadata.get(_FACTS), Facts)
        and facts.follows is not None
        and getattr(table, item.name) == item.default
    }
    return replace(table, **found)


def section(of: type[T], text: str) -> T:
    """Declare a table of options: `[timeouts]`."""
    return field(default_factory=of, metadata={_FACTS: Section(of, text)})


def sections(of: type[T], text: str) -> tuple[T, ...]:
    """Declare an array of tables: `[[hook]]`."""
    return field(default=(), metadata={_FACTS: Section(of, text, many=True)})


def members(of: type) -> Mapping[str, Facts | Section]:
    """The options and tables that stand directly in a scope, by name."""
    return {item.name: item.metadata[_FACTS] for item in fields(of) if _FACTS in item.metadata}


def options_of(of: type, prefix: str = "") -> Iterator[Option]:
    """All options of a scope in the order of declaration, those of its tables by their key path."""
    for item in fields(of):
        facts = item.metadata.get(_FACTS)
        if isinstance(facts, Facts):
            yield Option(prefix + item.name, facts, _default(item))
        elif isinstance(facts, Section) and not facts.many:
            yield from options_of(facts.of, f"{prefix}{item.name}.")


def value_at(scope: object, name: str) -> object:
    """The value of the option with this key path."""
    for part in name.split("."):
        scope = getattr(scope, part)
    return scope


def _default(item: Field[Any]) -> Callable[[], object]:
    if item.default_factory is not MISSING:
        return item.default_factory
    return lambda: None if item.default is MISSING else item.default
