"""Hooks and their names."""

from __future__ import annotations

import functools

import pytest

from tlswitness.datapoint import DataPoint, Members, Sessions, View
from tlswitness.hooks import HOOK, HookFunction, HookModule


def told(point: DataPoint) -> None:
    """A hook."""


class Told:
    def __call__(self, point: DataPoint) -> None:
        """A hook too."""


@pytest.mark.parametrize(
    ("function", "name"),
    [(told, "told"), (Told(), "Told"), (functools.partial(told), "functools.partial")],
)
def test_callable_is_named_after_itself(function: HookFunction, name: str) -> None:
    assert HookModule.of(function).name.endswith(name)


def test_python_hooks_see_everything_by_default() -> None:
    assert HookModule.of(told).view == View(Members.FULL, Sessions.ALL)


def test_the_callback_has_the_seeds_name() -> None:
    assert HOOK == "core_smtp_tls_reporting"
