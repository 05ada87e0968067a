from dataclasses import dataclass

import pytest

from tlswitness.config import Config, DomainConfig, HookConfig, ScopeNotes
from tlswitness.config.kind import Count, Flag
from tlswitness.config.option import follows, maybe, members, option, options_of, section, settle, value_at


@dataclass(frozen=True, slots=True)
class Inner:
    deep: int = option(Count(1, 9), 3, "Deep.")


@dataclass(frozen=True, slots=True)
class Outer:
    on: bool = option(Flag(), True, "On.")
    none: int | None = maybe(Count(1, 9), "None.", none="nothing")
    twice: int = follows(Count(1, 99), 0, lambda outer: outer.inner.deep * 2, "Twice.", words="twice `deep`")
    inner: Inner = section(Inner, "Inner.")  # noqa: RUF009
    no_option: int = 0

    def __post_init__(self):
        settle(self)


def test_options_are_read_off_the_fields():
    assert [item.name for item in options_of(Outer)] == ["on", "none", "twice", "inner.deep"]
    assert list(members(Outer)) == ["on", "none", "twice", "inner"]


def test_values_that_follow():
    scope = Outer(inner=Inner(4))
    assert scope.twice == 8
    assert all(item.is_default(scope) for item in options_of(Outer) if item.name != "inner.deep")
    assert not next(item for item in options_of(Outer) if item.name == "inner.deep").is_default(scope)
    assert not next(item for item in options_of(Outer) if item.name == "twice").is_default(Outer(twice=8))
    assert value_at(scope, "inner.deep") == 4


@pytest.mark.parametrize("scope", [Config, DomainConfig, HookConfig, ScopeNotes])
def test_every_option_is_fit_to_be_documented(scope):
    for item in options_of(scope):
        facts = item.facts
        assert facts.text.endswith("."), item.name
        assert "\n" not in facts.text
        assert facts.kind.allowed
        assert not facts.rfc or facts.rfc.startswith("RFC "), item.name
        default = item.default()
        assert default is not None or facts.default_words, item.name


@pytest.mark.parametrize("scope", [Config, DomainConfig])
def test_every_default_is_allowed(scope):
    config = scope()
    for item in options_of(scope):
        value = value_at(config, item.name)
        if value is not None:
            assert item.facts.kind.read(item.show(value)) == value, item.name
