"""What supervisor and process say to each other."""

from __future__ import annotations

import pytest

from tlswitness.datapoint.views import SEED_VIEW
from tlswitness.hooks.host.order import (
    MAX_MESSAGE,
    Ended,
    Loaded,
    Message,
    Order,
    Refused,
    Trouble,
    message_line,
    order_line,
    read_message,
    read_order,
)
from tlswitness.hooks.spec import Kind, ModuleLimits, ModuleSpec, Start

SPEC = ModuleSpec(
    name="notify",
    kind=Kind.LUA,
    target="a.lua",
    view=SEED_VIEW,
    start=Start.BEGINNING,
    limits=ModuleLimits(budget=0.1, deadline=5.0, memory=64, nice=3),
    config='two\nlines "and quotes"',
    allow=("io", "os"),
    output="paniclog",
    microseconds=True,
    headers=(("X-Key", "ü"),),
)


def test_an_order_comes_as_it_was_given() -> None:
    order = Order(spec=SPEC, journal="/j", home="/h", messages=5, parent=77, check=True)
    line = order_line(order)
    assert line.count(b"\n") == 1
    assert read_order(line) == order


@pytest.mark.parametrize("line", [b"", b"{}", b"stop\n", b'{"spec":{"name":"x"}}', b"\xff\xfe"])
def test_what_is_no_order_is_told(line: bytes) -> None:
    with pytest.raises(ValueError, match="no order for a module's process"):
        read_order(line)


@pytest.mark.parametrize("message", [Loaded("/m.py"), Refused("why"), Trouble("error", "two\nlines"), Ended()])
def test_messages_come_as_they_were_said(message: Message) -> None:
    line = message_line(message)
    assert line.count(b"\n") == 1
    assert read_message(line[:-1]) == message


@pytest.mark.parametrize("message", [Loaded("é" * 10**6), Refused("\0" * 10**6), Trouble("end", "\udc80" * 10**6)])
def test_messages_are_bounded_whatever_the_text(message: Message) -> None:
    line = message_line(message)
    assert len(line) <= MAX_MESSAGE
    assert type(read_message(line[:-1])) is type(message)


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"hello", b'{"type":"trouble","kind":"new","text":""}', b"\xff", b"[" * 9999]
)
def test_what_is_no_message_is_none(line: bytes) -> None:
    assert read_message(line) is None
