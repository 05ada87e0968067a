"""From the tables of a TOML file to a `Config`, or to all that is wrong with them. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from tlswitness.config.hook import FITS, HookConfig, HookKind
from tlswitness.config.keypath import KeyPath, write_key
from tlswitness.config.kind import one_of
from tlswitness.config.model import Config, DomainConfig, DomainScope, ScopeNotes, TlsWanted
from tlswitness.config.option import Facts, Section, members, options_of
from tlswitness.config.problem import Problem, shown
from tlswitness.names import BadName, parse_domain

DOMAIN = "domain"
HOOK = "hook"
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Read:
    """A configuration, to be used only if there is no problem."""

    config: Config
    problems: tuple[tuple[KeyPath, Problem], ...]


def read_config(table: Mapping[str, object], *, base: Path, clock: Callable[[], float]) -> Read:
    """Read the tables of a file; relative paths count from `base`."""
    reader = _Reader(base)
    rest = {key: value for key, value in table.items() if key != DOMAIN}
    config = replace(_built(Config, reader.scope(rest, Config, ())), clock=clock)
    config = replace(config, hook=reader.named(config.hook, table.get(HOOK)))
    reader.contradictions(config, ())
    scopes = reader.domains(table.get(DOMAIN, {}), config)
    return Read(replace(config, domains=scopes), tuple(reader.problems))


@dataclass(slots=True)
class _Reader:
    base: Path
    problems: list[tuple[KeyPath, Problem]] = field(default_factory=list)

    def refuse(self, path: KeyPath, what: str, **more: Any) -> None:
        self.problems.append((path, Problem(write_key(path), what, **more)))

    def scope(self, table: Mapping[str, object], of: type, path: KeyPath) -> dict[str, Any]:
        """The values of the options that the table sets; a table within it gives a dict of its own."""
        known = members(of)
        values: dict[str, Any] = {}
        for name, value in table.items():
            here = (*path, name)
            match known.get(name):
                case Facts() as facts:
                    self.value(facts, value, here, values)
                case Section(many=False) as part:
                    values[name] = self.scope(self.table(value, here), part.of, here)
                case Section() as part:
                    values[name] = self.tables(value, part.of, here)
                case None:
                    self.refuse(here, "no such option", hint=_hint(name, of, path, value))
        return values

    def value(self, facts: Facts, value: object, path: KeyPath, values: dict[str, Any]) -> None:
        read = facts.kind.read(value)
        if not isinstance(read, list):
            values[str(path[-1])] = self.absolute(read) if isinstance(read, Path) else read
            return
        for bad in read:
            what = bad.reason
            if isinstance(bad.value, dict) or (isinstance(value, list) and not value):
                what = f"{shown(bad.value)} cannot stand here"
            self.refuse(path, what, value=shown(bad.value), allowed=facts.kind.allowed)

    def table(self, value: object, path: KeyPath) -> Mapping[str, object]:
        if isinstance(value, dict):
            return value
        self.refuse(path, "not a table", value=shown(value), allowed=f"[{write_key(path)}] with options below it")
        return {}

    def tables(self, value: object, of: type[S], path: KeyPath) -> tuple[S, ...]:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.refuse(path, "not an array of tables", value=shown(value), allowed=f"[[{write_key(path)}]]")
            return ()
        return tuple(of(**self.scope(item, of, (*path, number))) for number, item in enumerate(value))

    def absolute(self, path: Path) -> Path:
        return self.base / path.expanduser() if str(path).startswith("~/") else self.base / path

    def domains(self, value: object, config: Config) -> dict[str, DomainScope]:
        scopes: dict[str, DomainScope] = {}
        for name, content in self.table(value, (DOMAIN,)).items():
            path: KeyPath = (DOMAIN, name)
            scope = self.domain(name, self.table(content, path), config, path)
            if scope is None:
                continue
            if scope.domain in scopes:
                self.refuse(path, f"a second scope of {scope.domain}")
            scopes[scope.domain] = scope
        return scopes

    def domain(self, name: str, table: Mapping[str, object], config: Config, path: KeyPath) -> DomainScope | None:
        notes = members(ScopeNotes)
        about = self.scope({k: v for k, v in table.items() if k in notes}, ScopeNotes, path)
        own = self.scope({k: v for k, v in table.items() if k not in notes}, DomainConfig, path)
        parsed = parse_domain(name)
        if isinstance(parsed, BadName):
            self.refuse(path, parsed.reason, allowed='a domain: [domain."example.com"]')
            return None
        merged = _built(DomainConfig, own, config)
        self.contradictions(merged, path)
        return DomainScope(parsed, merged, ScopeNotes(**about))

    def named(self, hooks: tuple[HookConfig, ...], tables: object) -> tuple[HookConfig, ...]:
        """Hooks with absolute paths and a name each; all that is wrong with those whose tables these are."""
        done: list[HookConfig] = []
        for number, hook in enumerate(hooks):
            path: KeyPath = (HOOK, number)
            self.of_one_kind(tables[number] if isinstance(tables, list) else {}, path)
            hook = replace(hook, name=hook.name or hook.default_name)
            if not hook.name and hook.target:
                self.refuse(path, "it has no name", hint="nothing of its target can be one: `name` gives it one")
            for other, before in enumerate(done):
                if hook.name and before.name == hook.name:
                    self.same_name(hook.name, other, number)
                    self.same_name(hook.name, number, other)
            done.append(hook.at(self.absolute(hook.file)) if hook.file else hook)
        return tuple(done)

    def same_name(self, name: str, number: int, other: int) -> None:
        what = f"its name {shown(name)} is that of hook[{other + 1}] too"
        self.refuse((HOOK, number), what, hint="`name` tells them apart")

    def of_one_kind(self, table: Mapping[str, object], path: KeyPath) -> None:
        """Exactly one kind, and no option that it does not have."""
        kinds = [kind for kind in HookKind if kind in table]
        if not kinds:
            self.refuse(path, "no module", hint=f"one of {one_of([f'`{kind}`' for kind in HookKind])} must name one")
        elif len(kinds) > 1:
            self.refuse((*path, kinds[1]), f"`{kinds[0]}` is there too", hint="a hook is one module of one kind")
        for name, fit in FITS.items():
            if name in table and len(kinds) == 1 and kinds[0] not in fit:
                self.refuse(
                    (*path, name),
                    f"a hook of the kind `{kinds[0]}` has no such option",
                    hint=f"it is for {one_of(fit)}",
                )

    def contradictions(self, config: DomainConfig, path: KeyPath) -> None:
        """What each is allowed alone, and not together."""
        if config.dane_required and not (config.use_dane and config.enable_dane):
            self.refuse((*path, "dane_required"), "DANE is turned off", hint="turn on `use_dane` and `enable_dane`")
        for name, wanted in (("tls_verify", config.tls_verify), ("dane_required", config.dane_required)):
            if wanted and config.tls is TlsWanted.NO:
                self.refuse((*path, name), '`tls` is "no"', hint="without TLS there is no certificate")


def _built(of: type[S], values: Mapping[str, Any], under: object = None) -> S:
    """A scope of these values; what they leave out is as in the scope `under`, or has its default."""
    full: dict[str, Any] = {}
    for name, part in members(of).items():
        if isinstance(part, Section) and not part.many:
            full[name] = _built(part.of, values.get(name, {}), None if under is None else getattr(under, name))
        elif name in values:
            full[name] = values[name]
        elif under is not None:
            full[name] = getattr(under, name)
    return of(**full)


def _hint(name: str, of: type, path: KeyPath, value: object) -> str:
    """What was probably meant by an option that this scope does not have."""
    plain = name.lower().replace("-", "_")
    in_domain = path[:1] == (DOMAIN,)
    here = [*members(of), *(members(ScopeNotes) if of is DomainConfig else ()), *((DOMAIN,) if of is Config else ())]
    if plain in here:
        return f"did you mean `{plain}`?"
    elsewhere = _home(plain, DomainConfig if in_domain else Config)
    if elsewhere is not None:
        where = (*(path[:2] if in_domain else ()), *((elsewhere,) if elsewhere else ()))
        return f"it stands under [{write_key(where)}]" if where else "it stands before all tables"
    if in_domain and _home(plain, Config) is not None:
        return "it holds for the whole machine, not for a domain"
    if in_domain and isinstance(value, dict):
        return f'a domain is written in quotes: [domain."{".".join((*map(str, path[1:]), name))}"]'
    close = difflib.get_close_matches(plain, here, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else ""


def _home(name: str, of: type) -> str | None:
    """The table in which the scope `of` has the option `name`: "" for none; None if there is no such option."""
    for option in options_of(of):
        table, _, last = option.name.rpartition(".")
        if last == name:
            return table
    return None
