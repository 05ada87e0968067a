"""Replies from any bytes in any pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.delivery.smtp.reply import MAX_BYTES, MAX_LINE, MAX_LINES, MAX_TEXT, ProtocolError, Reply, ReplyParser

REPLYISH = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [b"250 ok\r\n", b"250-a\r\n250 b\r\n", b"354 go\n", b"421\r\n", b"550-\xff\xfe\r\n", b"\r", b"\n"]
        ),
    ),
    max_size=12,
).map(b"".join)


@pytest.mark.parametrize(
    ("data", "code", "lines"),
    [
        (b"220 mx ESMTP\r\n", 220, ("mx ESMTP",)),
        (b"250-mx\r\n250-SIZE 10\r\n250 HELP\r\n", 250, ("mx", "SIZE 10", "HELP")),
        (b"354\r\n", 354, ("",)),
        (b"250 \r\n", 250, ("",)),
        (b"250 bare lf\n", 250, ("bare lf",)),
        (b"550 gr\xfc\xdfe\r\n", 550, ("gr\\xfc\\xdfe",)),
        ("550 grüße\r\n".encode(), 550, ("grüße",)),
        (b"250 " + b"x" * (MAX_LINE - 4) + b"\r\n", 250, ("x" * (MAX_LINE - 4),)),
    ],
)
@pytest.mark.rfc(5321, "4.2")
def test_one_reply(data: bytes, code: int, lines: tuple[str, ...]) -> None:
    parser = ReplyParser()
    assert parser.feed(data) == [Reply(code, lines)]
    assert not parser.partial


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "no reply"),
        (b"\r\n", "no reply"),
        (b"25\r\n", "no reply"),
        (b"250+ok\r\n", "no reply"),
        (b"150 no such class\r\n", "no reply"),
        (b"600 no such class\r\n", "no reply"),
        (b"25\xb2 a superscript\r\n", "no reply"),
        ("2٥0 other digits\r\n".encode(), "no reply"),
        (b"250-a\r\n251 b\r\n", "differ in code"),
        (b"250 " + b"x" * MAX_LINE + b"\r\n", "line is too long"),
        (b"2" * (MAX_LINE + 2), "line is too long"),
        (b"250-x\r\n" * (MAX_LINES + 1), "reply is too long"),
        ((b"250-" + b"x" * (MAX_LINE - 4) + b"\r\n") * (MAX_BYTES // MAX_LINE + 1), "reply is too long"),
    ],
)
def test_no_reply(data: bytes, reason: str) -> None:
    parser = ReplyParser()
    (error,) = parser.feed(data)
    assert isinstance(error, ProtocolError)
    assert reason in error.reason
    assert parser.feed(b"250 ok\r\n") == []
    assert not parser.partial


def test_replies_before_an_error_are_kept() -> None:
    assert ReplyParser().feed(b"250 a\r\n550 b\r\nx\r\n250 c\r\n")[:2] == [Reply(250, ("a",)), Reply(550, ("b",))]


def test_partial() -> None:
    parser = ReplyParser()
    assert parser.feed(b"250-a\r\n") == []
    assert parser.partial
    assert parser.feed(b"250 b") == []
    assert parser.feed(b"\r\n") == [Reply(250, ("a", "b"))]
    assert not parser.partial


@given(data=REPLYISH, cuts=st.lists(st.integers(0, 500), max_size=8))
def test_any_cut_gives_the_same(data: bytes, cuts: list[int]) -> None:
    whole = ReplyParser().feed(data)
    parser = ReplyParser()
    pieces = []
    start = 0
    for cut in [*sorted(cut for cut in cuts if cut < len(data)), len(data)]:
        pieces += parser.feed(data[start:cut])
        start = cut
    assert pieces == whole


def test_octet_by_octet_at_the_limit() -> None:
    data = b"250 " + b"x" * (MAX_LINE - 4) + b"\r\n" + b"250 " + b"x" * MAX_LINE
    parser = ReplyParser()
    assert [item for octet in data for item in parser.feed(bytes([octet]))] == ReplyParser().feed(data)


@given(data=st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    for item in ReplyParser().feed(data):
        if isinstance(item, Reply):
            assert 200 <= item.code < 600
            assert item.text.isprintable()
            assert item.status[0] in "245"
            assert "\n" not in item.codes


@pytest.mark.parametrize(
    ("code", "text", "enhanced", "status"),
    [
        (250, "2.1.5 ok", "2.1.5", "2.1.5"),
        (550, "5.1.1", "5.1.1", "5.1.1"),
        (451, "4.7.500 try", "4.7.500", "4.7.500"),
        (550, "4.1.1 the class contradicts", None, "5.0.0"),
        (250, "2.0 short", None, "2.0.0"),
        (250, "2.0.0000 long", None, "2.0.0"),
        (250, "2.0.0ok", None, "2.0.0"),
        (354, "3.0.0 there is no class 3", None, "4.0.0"),
        (421, "closing", None, "4.0.0"),
    ],
)
@pytest.mark.rfc(2034, "4")
@pytest.mark.rfc(3463, "2")
def test_enhanced_status(code: int, text: str, enhanced: str | None, status: str) -> None:
    reply = Reply(code, (text, "5.5.5 a later line counts for nothing"))
    assert (reply.enhanced, reply.status) == (enhanced, status)
    assert reply.codes == (f"{code} {enhanced}" if enhanced else str(code))


def test_classes_and_text() -> None:
    reply = Reply(421, ("4.3.2 bye", "for\tnow\x1b[31m"))
    assert (reply.positive, reply.permanent, reply.closing) == (False, False, True)
    assert reply.text == "421 4.3.2 bye for?now?[31m"
    assert len(Reply(550, ("x" * 5000,)).text) == MAX_TEXT
    assert Reply(250, ("",)).text == "250"
    assert Reply(550, ("",)).permanent
    assert ProtocolError("why").words == "protocol error: why"
