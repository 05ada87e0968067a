"""Reloads against a supervisor that is made up; with real modules: tests/service/test_daemon.py."""

from dataclasses import replace
from pathlib import Path

import pytest

from tlswitness.config import ConfigError, Problem
from tlswitness.hooks.supervisor import Applied
from tlswitness.service.reload import Reloader


class Supervisor:
    def __init__(self, answer):
        self.answer = answer
        self.given = []

    async def apply(self, specs):
        self.given.append(tuple(specs))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def reloader(place):
    def make(load, answer=None):
        told = []
        supervisor = Supervisor(answer or Applied())
        reloader = Reloader(place.settings, load, supervisor, lambda: told.append(1))
        reloader.told, reloader.supervisor = told, supervisor
        return reloader

    return make


async def test_what_is_new_holds(place, reloader, caplog):
    new = replace(place.settings, drain=1.0, modules=(place.module(),), state_dir=Path("/x"), warnings=("old scope",))
    one = reloader(lambda: new, Applied(started=("a",), replaced=("b",), stopped=("c",)))
    await one.reload()
    assert one.supervisor.given == [new.modules]
    assert one.settings == replace(new, state_dir=place.settings.state_dir)
    assert (one.count, one.failed, one.told) == (1, 0, [1])
    assert one.last.applied
    assert one.last.changes == ("a started", "b replaced", "c stopped")
    assert one.last.needs_restart == ("state_dir",)
    assert one.last.problems == ()
    assert "old scope" in caplog.text


async def test_a_module_that_does_not_load_is_told(place, reloader):
    one = reloader(lambda: place.settings, Applied(refused=(("a", "no such file"),)))
    await one.reload()
    assert one.last.applied
    assert one.last.problems == ("hook a: its new version does not load: no such file",)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConfigError([Problem("a", "no"), Problem("b", "no")]), ("a: no", "b: no")),
        (OSError("gone"), ("gone",)),
    ],
)
async def test_a_wrong_configuration_leaves_all_as_it_is(place, reloader, error, words, caplog):
    def load():
        raise error

    one = reloader(load)
    await one.reload()
    assert one.settings is place.settings
    assert one.supervisor.given == []
    assert (one.count, one.failed, one.told) == (1, 1, [])
    assert (one.last.applied, one.last.problems) == (False, words)
    assert all(word in caplog.text for word in words)


async def test_modules_that_cannot_be_together_leave_all_as_it_is(place, reloader):
    one = reloader(lambda: place.settings, ValueError("two modules have the name 'a'"))
    await one.reload()
    assert one.last.problems == ("two modules have the name 'a'",)
    assert not one.told
