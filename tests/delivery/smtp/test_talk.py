"""The words of a conversation."""

import pytest

from tlswitness.delivery.smtp.reply import ProtocolError, Reply
from tlswitness.delivery.smtp.talk import Lost, PeerClosed, Refused, Stage, TimedOut, Timeouts


@pytest.mark.rfc(5321, "4.5.3.2")
def test_default_timeouts() -> None:
    times = Timeouts()
    assert (times.greeting, times.mail, times.rcpt, times.data, times.block, times.dot) == (
        300,
        300,
        300,
        120,
        180,
        600,
    )


@pytest.mark.parametrize(
    ("why", "status", "text"),
    [
        (PeerClosed(), "4.4.2", "connection closed at EHLO"),
        (PeerClosed("alert unknown ca"), "4.4.2", "TLS broke: alert unknown ca at EHLO"),
        (TimedOut(), "4.4.2", "timed out at EHLO"),
        (ProtocolError("a line is no reply"), "4.5.0", "protocol error: a line is no reply at EHLO"),
    ],
)
def test_lost(why: PeerClosed | TimedOut | ProtocolError, status: str, text: str) -> None:
    lost = Lost(Stage.HELLO, why)
    assert (lost.status, lost.text) == (status, text)


def test_refused() -> None:
    refused = Refused(Stage.GREETING, Reply(554, ("5.7.1 no",)))
    assert (refused.status, refused.text) == ("5.7.1", "554 5.7.1 no")
