"""Deaths in words."""

from __future__ import annotations

import signal

import pytest

from tlswitness.hooks.host.order import EXIT_MEMORY
from tlswitness.hooks.spec import ModuleLimits
from tlswitness.hooks.supervisor.death import MAX_STORY, how, last_words, story


@pytest.mark.parametrize(
    ("status", "killed_for", "words"),
    [
        (-signal.SIGSEGV, "", "died of SIGSEGV"),
        (-signal.SIGKILL, "its call took more than 30 s", "was killed: its call took more than 30 s"),
        (-64, "", "died of SIGRTMAX"),
        (-63, "", "died of signal 63"),
        (7, "", "ended by itself with exit status 7"),
        (EXIT_MEMORY, "", "ran out of its 64 MiB of memory"),
    ],
)
def test_how(status: int, killed_for: str, words: str) -> None:
    assert how(status, ModuleLimits(memory=64), killed_for) == words


def test_story() -> None:
    assert story("died of SIGSEGV", "", 0, ()) == "its process died of SIGSEGV, outside of a call"
    told = story("died of SIGSEGV", "120 of segment ab", 2, ("one", "  two"))
    assert told == (
        "its process died of SIGSEGV, telling the point at 120 of segment ab (death 2 of 3 on it); "
        "its last words: one | two"
    )


def test_story_is_bounded_and_keeps_the_end() -> None:
    told = story("died of SIGSEGV", "", 0, ["x" * 1000] * 20 + ["the end"])
    assert len(told) <= MAX_STORY + 100
    assert told.endswith("the end")
    crash = last_words(
        ["x" * 1000] * 5 + ["so long", "Fatal Python error: Aborted", "Current thread"] + ["y" * 1000] * 20
    )
    assert len(crash) <= MAX_STORY + 100
    assert "so long | Fatal Python error: Aborted | Current thread | y" in crash
    assert last_words(()) == ""
