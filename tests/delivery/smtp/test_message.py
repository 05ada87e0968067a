"""Messages cannot end early, and come out as they went in."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.delivery.smtp.message import Content, prepare

TRICKY = st.lists(st.sampled_from([b".", b"\r", b"\n", b"\r\n", b"..", b"x", b"\r\n.\r\n", b"\n.\n", b"\xff"])).map(
    b"".join
)


@pytest.mark.parametrize(
    ("message", "wire", "size"),
    [
        (b"", b".\r\n", 0),
        (b"a\r\n", b"a\r\n.\r\n", 3),
        (b"a", b"a\r\n.\r\n", 3),
        (b"a\r", b"a\r\n.\r\n", 3),
        (b"a\nb\rc\r\n", b"a\r\nb\r\nc\r\n.\r\n", 9),
        (b".", b"..\r\n.\r\n", 3),
        (b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n", 9),
        (b"..\r\n.\r\n", b"...\r\n..\r\n.\r\n", 7),
        (b"a\n.\nMAIL FROM:<x>\n", b"a\r\n..\r\nMAIL FROM:<x>\r\n.\r\n", 21),
        (b"a\r.\rb\r\n", b"a\r\n..\r\nb\r\n.\r\n", 9),
        (b"a\n.\r\nb", b"a\r\n..\r\nb\r\n.\r\n", 9),
        (b"a\r\r\n", b"a\r\n\r\n.\r\n", 5),
    ],
)
@pytest.mark.rfc(5321, "4.5.2")
@pytest.mark.rfc(5321, "2.3.8")
def test_table(message: bytes, wire: bytes, size: int) -> None:
    content = prepare(message)
    assert (content.dotted, content.size, content.eight_bit) == (wire, size, False)
    assert content == Content(content.octets, eight_bit=False)


def test_eight_bit() -> None:
    assert prepare("Grüße".encode()).eight_bit


@given(st.one_of(st.binary(), TRICKY))
def test_no_end_within(message: bytes) -> None:
    content = prepare(message)
    body = content.dotted.removesuffix(b".\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", content.dotted)
    assert b"\r\n.\r\n" not in b"\r\n" + body
    unstuffed = re.sub(rb"(?m)^\.", b"", body)
    assert unstuffed.splitlines() == re.split(rb"\r\n|\r|\n", message)[: len(unstuffed.splitlines())]
    assert len(unstuffed) == content.size
    assert prepare(unstuffed) == content
    assert unstuffed == content.octets
