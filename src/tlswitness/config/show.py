"""A configuration as people and programs read it: TOML that means the same when read again, and JSON.

Separate from the command that prints it, because the round trip is a property of the configuration. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tlswitness.config.hook import HookConfig
from tlswitness.config.keypath import quote_key
from tlswitness.config.model import Config, DomainConfig, DomainScope, ScopeNotes
from tlswitness.config.option import Option, options_of, value_at

_ESCAPES = {'"': '\\"', "\\": "\\\\"}


def to_toml(config: Config, *, defaults: bool = False) -> str:
    """What is set, as a configuration file; with `defaults` every option with its help, those not set as comments."""
    lines = list(_scope_lines(config, Config, defaults=defaults))
    for hook in config.hook:
        lines += ["", "[[hook]]", *_pairs(hook, HookConfig)]
    for scope in config.domains.values():
        lines += ["", f"[domain.{quote_key(scope.domain)}]", *_domain_lines(scope, config)]
    return "\n".join(lines).strip("\n") + "\n" if any(lines) else ""


def domain_toml(config: Config, domain: str, *, defaults: bool = False) -> str:
    """What holds for mail to `domain`: what is set for it or for all, with `defaults` every option."""
    lines = list(_scope_lines(config.for_domain(domain), DomainConfig, defaults=defaults))
    return "\n".join(lines).strip("\n") + "\n" if lines else ""


def to_json(config: Config) -> dict[str, object]:
    """The whole configuration, defaults included."""
    table = scope_json(config, Config)
    table["hook"] = [scope_json(hook, HookConfig) for hook in config.hook]
    table["domain"] = {
        scope.domain: scope_json(scope.notes, ScopeNotes)
        | {option.name: _plain(option.show(value)) for option, value in _own(scope, config)}
        for scope in config.domains.values()
    }
    return table


def scope_json(scope: object, of: type) -> dict[str, object]:
    """The options of one scope by name, tables within it as objects."""
    table: dict[str, object] = {}
    for option in options_of(of):
        head, _, last = option.name.rpartition(".")
        inner = table.setdefault(head, {}) if head else table
        assert isinstance(inner, dict)
        inner[last] = _plain(option.show(value_at(scope, option.name)))
    return table


def toml_value(value: object) -> str:
    """A value as TOML writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{"".join(_escaped(letter) for letter in value)}"'
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case list():
            return f"[{', '.join(toml_value(item) for item in value)}]"
        case dict():
            pairs = [f"{quote_key(name)} = {toml_value(item)}" for name, item in value.items()]
            return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
        case _:
            return str(value)


def _scope_lines(scope: object, of: type, *, defaults: bool) -> Iterator[str]:
    table = ""
    for option in _tables_last(of):
        unset = option.is_default(scope)
        if unset and not defaults:
            continue
        head, _, last = option.name.rpartition(".")
        if head != table:
            table = head
            yield from ("", f"[{table}]")
        elif defaults:
            yield ""
        if defaults:
            yield f"# {option.facts.text}"
        shown = option.show(value_at(scope, option.name))
        yield f"{'#' if unset else ''}{last} ={'' if shown is None else f' {toml_value(shown)}'}{_words(option, unset)}"


def _words(option: Option, unset: bool) -> str:
    words = option.facts.default_words
    return f"  # {words}" if unset and words else ""


def _tables_last(of: type) -> list[Option]:
    """TOML takes every key behind a table's header for the table's."""
    return sorted(options_of(of), key=lambda option: "." in option.name)


def _domain_lines(scope: DomainScope, config: Config) -> Iterator[str]:
    yield from _pairs(scope.notes, ScopeNotes)
    for option, value in _own(scope, config):
        shown = option.show(value)
        if shown is not None:
            yield f"{option.name} = {toml_value(shown)}"


def _own(scope: DomainScope, config: Config) -> Iterator[tuple[Option, object]]:
    """What a domain has otherwise than the global scope."""
    for option in options_of(DomainConfig):
        value = value_at(scope.config, option.name)
        if value != value_at(config, option.name):
            yield option, value


def _pairs(scope: object, of: type) -> Iterator[str]:
    for option in options_of(of):
        if not option.is_default(scope):
            yield f"{option.name} = {toml_value(option.show(value_at(scope, option.name)))}"


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _escaped(letter: str) -> str:
    return _ESCAPES.get(letter) or (letter if letter.isprintable() else f"\\U{ord(letter):08x}")
