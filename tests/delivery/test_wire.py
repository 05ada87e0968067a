"""The octets of a connection, with a transport of paper."""

import asyncio
from typing import Any, cast

import pytest

from tlswitness.delivery.smtp.reply import ProtocolError, Reply
from tlswitness.delivery.smtp.talk import PeerClosed, TimedOut
from tlswitness.delivery.tls import TlsContexts
from tlswitness.delivery.wire import MAX_PER_REPLY, MAX_UNASKED, Wire
from tlswitness.names import HostName, parse_host

UNASKED = ProtocolError("a reply that nothing asked for")


class Transport:
    def __init__(self) -> None:
        self.written = b""
        self.closed = ""
        self.size = 0

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        assert high > low

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return bool(self.closed)

    def get_write_buffer_size(self) -> int:
        return self.size

    def abort(self) -> None:
        self.closed = "abort"

    def close(self) -> None:
        self.closed = "close"


def make() -> tuple[Wire, Transport, list[int]]:
    wire, transport, news = Wire(), Transport(), cast("list[int]", [])
    wire.connection_made(cast("Any", transport))
    wire.listener = lambda: news.append(1)
    return wire, transport, news


def feed(wire: Wire, data: bytes) -> None:
    while data:
        buffer = memoryview(wire.get_buffer(-1))
        piece, data = data[: len(buffer)], data[len(buffer) :]
        buffer[: len(piece)] = piece
        wire.buffer_updated(len(piece))


async def test_replies_come_before_the_end() -> None:
    wire, transport, news = make()
    feed(wire, b"220 hi\r\n250 ")
    wire.connection_lost(None)
    assert news
    assert wire.take() == Reply(220, ("hi",))
    assert wire.take() is None
    assert wire.ending() == PeerClosed()
    assert transport.closed
    wire.write(b"dropped")
    assert not transport.written


@pytest.mark.parametrize(
    ("unasked", "end"),
    [
        (b"", None),
        (b"250 ok\r\n", UNASKED),
        (b"250 o", UNASKED),
        (b"421 bye\r\n", None),
        (b"421 bye\r\n250 ok\r\n", UNASKED),
    ],
)
async def test_what_nothing_asked_for(unasked: bytes, end: ProtocolError | None) -> None:
    wire, transport, _ = make()
    feed(wire, b"220 hi\r\n" + unasked)
    wire.take()
    assert wire.unsolicited is bool(unasked)
    wire.expect(1)
    assert wire.end == end
    assert transport.closed == ("abort" if end else "")
    if end:
        assert wire.take() is None
    wire.abort()


async def test_more_than_was_asked_for_while_more_is_awaited() -> None:
    """Of three that are awaited four have come: the fourth would answer what is asked for next."""
    wire, transport, _ = make()
    feed(wire, b"220 hi\r\n")
    wire.take()
    wire.expect(3)
    feed(wire, b"250 ok\r\n" * 3)
    assert wire.answered
    assert not wire.unsolicited
    feed(wire, b"2")
    assert wire.unsolicited
    wire.expect(1)
    assert wire.end == UNASKED
    assert transport.closed == "abort"


async def test_whether_the_last_reply_has_come() -> None:
    wire, _, _ = make()
    feed(wire, b"220 hi\r\n")
    wire.take()
    wire.expect(2)
    feed(wire, b"250 ok\r\n")
    assert not wire.answered
    feed(wire, b"250-")
    assert wire.answered
    wire.abort()


async def test_a_flood_of_replies() -> None:
    wire, transport, _ = make()
    feed(wire, b"220 hi\r\n" * (MAX_UNASKED + 2))
    assert wire.end == ProtocolError("replies that nothing asked for")
    assert transport.closed == "abort"
    feed(wire, b"250 ok\r\n" * 1000)


async def test_much_without_a_reply() -> None:
    """Only TLS can say much without saying anything: here the parser's own limits come first."""
    wire, _, _ = make()
    wire._since_reply = MAX_PER_REPLY
    feed(wire, b"2")
    assert wire.end == PeerClosed("too much data without a reply")


async def test_the_clock() -> None:
    wire, transport, news = make()
    wire.wait_until(wire.now() + 1000)
    wire.wait_until(wire.now())
    await asyncio.sleep(0.005)
    assert news
    assert wire.ending() == TimedOut()
    assert transport.closed == "abort"


async def test_the_clock_is_put_off_by_later_deadlines() -> None:
    wire, _, news = make()
    wire.wait_until(wire.now() + 0.002)
    wire.wait_until(wire.now() + 1000)
    await asyncio.sleep(0.01)
    assert wire.end is None
    assert not news
    wire.listener = None
    wire.wait_until(wire.now())
    await asyncio.sleep(0.005)
    assert wire.end is None
    wire.abort()


async def test_room() -> None:
    wire, _, news = make()
    wire.pause_writing()
    assert wire.full
    wire.resume_writing()
    assert not wire.full
    assert news
    wire.abort()


@pytest.mark.parametrize("size", [0, 10])
async def test_close_waits_a_little_for_the_last_octets(size: int) -> None:
    wire, transport, _ = make()
    transport.size = size
    wire.close()
    assert transport.closed == "close"
    assert wire.end == PeerClosed()
    wire.close()


@pytest.mark.rfc(3207, "4.2")
async def test_tls_once() -> None:
    wire, transport, _ = make()
    name = parse_host("mx.example")
    assert isinstance(name, HostName)
    context = TlsContexts.make().wide
    feed(wire, b"220 go\r\n2")
    wire.take()
    assert not wire.start_tls(context, name)
    feed(wire, b"20 go\r\n")
    assert not wire.start_tls(context, name)
    wire.take()
    assert wire.start_tls(context, name)
    assert transport.written.startswith(b"\x16\x03\x01")
    with pytest.raises(RuntimeError):
        wire.start_tls(context, name)
    assert not wire.unproven
    wire.abort()


async def test_our_own_fault_is_told_to_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    wire, _, news = make()

    def fail(_data: bytes) -> None:
        raise MemoryError

    monkeypatch.setattr(wire, "_plain", fail)
    feed(wire, b"220 hi\r\n")
    assert news
    with pytest.raises(MemoryError):
        wire.ending()
