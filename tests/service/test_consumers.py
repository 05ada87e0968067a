import os
import sys

import pytest

from tlswitness.hooks.progress import FILE, Progress
from tlswitness.service.consumers import HELD, MARK, Consumers

NOW = 1_800_000_000.0


@pytest.fixture
def hooks(tmp_path):
    return tmp_path / "hooks"


def module(hooks, name, cursor, finished=()):
    home = hooks / name
    home.mkdir(parents=True)
    with Progress.create(home / FILE, cursor) as progress:
        for segment in finished:
            progress.finished(progress.slot(segment))


def test_there_is_nobody(hooks):
    assert Consumers(hooks).cursors([], NOW) == {}


def test_those_that_are_configured(hooks):
    module(hooks, "a", {"s1": 10, "s2": 20}, finished=["s1"])
    (hooks / "b").mkdir()
    found = Consumers(hooks).cursors(["a", "b", "c"], NOW)
    assert found == {"a": {"s1": sys.maxsize, "s2": 20}, "b": {}, "c": {}}, "one that is not begun needs all of it"


def test_one_that_is_so_no_more_is_waited_for_a_week(hooks, caplog):
    module(hooks, "a", {"s1": 10})
    consumers = Consumers(hooks)
    mark = hooks / "a" / MARK
    assert consumers.cursors([], NOW) == {"a": {"s1": 10}}
    os.utime(mark, (NOW, NOW))
    assert consumers.cursors([], NOW + HELD - 1) == {"a": {"s1": 10}}
    assert [(held.name, held.until) for held in consumers.held] == [("a", NOW + HELD)]
    assert caplog.text.count("hook a is configured no more: the journal is kept for it for 7 days") == 1
    # A new daemon does not begin anew.
    consumers = Consumers(hooks)
    assert consumers.cursors([], NOW + HELD) == {}
    assert consumers.held == ()
    assert consumers.cursors([], NOW + HELD + 1) == {}
    assert caplog.text.count("has not been configured for 7 days: the journal is kept for it no longer") == 1


def test_one_that_comes_back_is_as_before(hooks):
    module(hooks, "a", {"s1": 10})
    consumers = Consumers(hooks)
    consumers.cursors([], NOW)
    assert (hooks / "a" / MARK).exists()
    assert consumers.cursors(["a"], NOW + 2 * HELD) == {"a": {"s1": 10}}
    assert not (hooks / "a" / MARK).exists()
    assert consumers.held == ()


@pytest.mark.parametrize("octets", [b"", b"x" * 10_000])
def test_what_is_no_module_holds_nothing(hooks, octets):
    (hooks / "a").mkdir(parents=True)
    (hooks / "a" / FILE).write_bytes(octets)
    (hooks / "file").write_text("")
    assert Consumers(hooks).cursors([], NOW) == {}
    assert Consumers(hooks).cursors(["a"], NOW) == {"a": {}}, "until it has begun anew"
    assert not (hooks / "a" / MARK).exists()
