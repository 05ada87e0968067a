"""What the log says of a hook, and how often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tlswitness.hooks import complaints as complaints_module
from tlswitness.hooks.complaints import Complaints, error_words, log


def test_one_line_an_interval_and_none_lost(clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints("notify", 60.0, clock)
    for _ in range(5):
        complaints.say("error", "it broke")
    complaints.say("dropped", "too slow")
    assert caplog.messages == ["hook notify: it broke", "hook notify: too slow"]
    clock.pass_by(60.0)
    complaints.say("error", "it broke again")
    assert caplog.messages[2:] == ["hook notify: it broke again (4 more like this since the last line)"]
    clock.pass_by(60.0)
    complaints.say("error", "and again")
    assert caplog.messages[3:] == ["hook notify: and again"]


def test_a_log_that_raises_ends_nothing(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a handler of the program's own")

    monkeypatch.setattr(log, "warning", broken)
    Complaints("notify", 60.0, clock).say("error", "it broke")


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def test_error_is_one_bounded_line_with_its_place() -> None:
    with pytest.raises(ValueError) as raised:
        raise ValueError("two\nlines " + "x" * 1000)
    words = error_words(raised.value)
    assert words.startswith("ValueError: two lines xxx")
    assert "\n" not in words
    assert len(words) < 1000
    assert "test_complaints.py:" in words
    assert error_words(UnprintableError()) == "UnprintableError:"


def test_a_place_in_code_of_ours_is_left_out() -> None:
    ours = Path(complaints_module.__file__).parent / "host/lua/callee.py"
    with pytest.raises(ValueError) as raised:
        exec(compile("raise ValueError('notify.lua:7: oops')", str(ours), "exec"))
    assert error_words(raised.value) == "ValueError: notify.lua:7: oops"
