"""One message for one server: commands, and refusals of our own."""

import pytest

from tlswitness.delivery.outcome import Envelope
from tlswitness.delivery.smtp.capabilities import NO_CAPABILITIES, Capabilities, parse_capabilities
from tlswitness.delivery.smtp.message import prepare
from tlswitness.delivery.smtp.outgoing import Job, Later, Never, Outgoing, Parted, Taken, Transaction
from tlswitness.delivery.smtp.reply import Reply
from tlswitness.delivery.smtp.talk import Lost, PeerClosed, Refused, Stage

SECURE = parse_capabilities(["SIZE 100", "REQUIRETLS"])
ALL = parse_capabilities(["SIZE 100", "8BITMIME", "SMTPUTF8", "PIPELINING"])


def make(
    envelope: Envelope, capabilities: Capabilities = ALL, message: bytes = b"x"
) -> tuple[Outgoing, list[Transaction]]:
    settled: list[Transaction] = []
    return Outgoing(Job(envelope, prepare(message), settled.append), capabilities), settled


@pytest.mark.parametrize(
    ("envelope", "capabilities", "message", "mail"),
    [
        (Envelope("a@b", ("c@d",)), ALL, b"x", b"MAIL FROM:<a@b> SIZE=3\r\n"),
        (Envelope("", ("c@d",)), NO_CAPABILITIES, b"x", b"MAIL FROM:<>\r\n"),
        (Envelope("a@b", ("c@d",)), ALL, b"\xff", b"MAIL FROM:<a@b> SIZE=3 BODY=8BITMIME\r\n"),
        (Envelope("a@b", ("c@d",), eight_bit=True), ALL, b"x", b"MAIL FROM:<a@b> SIZE=3 BODY=8BITMIME\r\n"),
        (Envelope("a@b", ("c@d",), smtputf8=True), ALL, b"x", b"MAIL FROM:<a@b> SIZE=3 SMTPUTF8\r\n"),
        (Envelope("a@b", ("ü@d",)), ALL, b"x", b"MAIL FROM:<a@b> SIZE=3 SMTPUTF8\r\n"),
        (Envelope("a@b", ("c@d",)), parse_capabilities(["SIZE"]), b"x", b"MAIL FROM:<a@b> SIZE=3\r\n"),
        (Envelope("a@b", ("c@d",), require_tls=True), SECURE, b"x", b"MAIL FROM:<a@b> SIZE=3 REQUIRETLS\r\n"),
        (Envelope("", ("c@d",), require_tls=True), SECURE, b"x", b"MAIL FROM:<> SIZE=3 REQUIRETLS\r\n"),
        (Envelope("a@b", ("c@d",)), SECURE, b"x", b"MAIL FROM:<a@b> SIZE=3\r\n"),
    ],
)
@pytest.mark.rfc(1870, "6")
@pytest.mark.rfc(6152, "2")
@pytest.mark.rfc(6531, "3.4")
@pytest.mark.rfc(8689, "2")
def test_mail(envelope: Envelope, capabilities: Capabilities, message: bytes, mail: bytes) -> None:
    outgoing, _ = make(envelope, capabilities, message)
    assert outgoing.mail == mail
    assert len(outgoing.recipients) == 1


@pytest.mark.parametrize(
    ("envelope", "capabilities", "message", "status"),
    [
        (Envelope("a@b", ("c@d",)), ALL, b"x" * 99, "5.3.4"),
        (Envelope("a@b", ("c@d",)), NO_CAPABILITIES, b"\xff", "5.6.3"),
        (Envelope("a@b", ("c@d",), smtputf8=True), NO_CAPABILITIES, b"x", "5.6.9"),
        (Envelope("a@b", ("ü@d",), smtputf8=True), NO_CAPABILITIES, b"x", "5.6.7"),
        (Envelope("ü@b", ("c@d",)), NO_CAPABILITIES, b"x", "5.6.7"),
        (Envelope("a@b\r\nDATA", ("c@d",)), ALL, b"x", "5.1.7"),
        (Envelope("a@b", ("c@d",), require_tls=True), ALL, b"x", "5.7.30"),
    ],
)
@pytest.mark.rfc(8689, "7")
def test_not_sent(envelope: Envelope, capabilities: Capabilities, message: bytes, status: str) -> None:
    outgoing, settled = make(envelope, capabilities, message)
    assert not outgoing.recipients
    outgoing.settle(None)
    (result,) = settled[0].results
    assert isinstance(result, Never)
    assert result.status == status


def test_bad_recipients_stay_behind() -> None:
    outgoing, settled = make(Envelope("a@b", ("c@d", "x y@d", "", "ü@d")), parse_capabilities(["8BITMIME"]))
    assert outgoing.recipients == {0: b"RCPT TO:<c@d>\r\n"}
    outgoing.answer(0, Reply(250, ("ok",)))
    outgoing.decide(Reply(250, ("2.6.0 ok",)))
    outgoing.settle(None)
    assert [result.status for result in settled[0].results] == ["2.6.0", "5.1.3", "5.1.3", "5.6.7"]
    assert settled[0].reusable


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        (Reply(550, ("5.1.1 no",)), Never("5.1.1", "550 5.1.1 no")),
        (Reply(451, ("wait",)), Later("4.0.0", "451 wait")),
        (Reply(552, ("too many",)), Later("4.0.0", "552 too many", crowded=True)),
        (Reply(552, ("5.2.2 full",)), Later("4.2.2", "552 5.2.2 full", crowded=True)),
        (Reply(452, ("4.5.3 too many",)), Later("4.5.3", "452 4.5.3 too many", crowded=True)),
        (Reply(354, ("what",)), Later("4.5.0", "354 what")),
    ],
)
@pytest.mark.rfc(5321, "4.5.3.1.10")
def test_rcpt_refused(reply: Reply, result: Later | Never) -> None:
    outgoing, settled = make(Envelope("a@b", ("c@d", "e@f")))
    outgoing.answer(0, reply)
    outgoing.answer(1, Reply(250, ("ok",)))
    assert outgoing.accepted == [1]
    outgoing.decide(Reply(250, ("ok",)))
    outgoing.settle(None)
    assert settled[0].results == (result, Taken("2.0.0", "250 ok"))


@pytest.mark.parametrize(
    ("complete", "ended", "uncertain"),
    [
        (False, Lost(Stage.CONTENT, PeerClosed()), False),
        (True, Lost(Stage.CONTENT, PeerClosed()), True),
        (True, Refused(Stage.CONTENT, Reply(421, ("bye",))), False),
    ],
)
def test_ended(complete: bool, ended: Lost | Refused, uncertain: bool) -> None:
    outgoing, settled = make(Envelope("a@b", ("c@d",)))
    outgoing.complete = complete
    outgoing.settle(ended)
    assert settled == [Transaction((Later(ended.status, ended.text, uncertain=uncertain),), ended)]
    assert not settled[0].reusable


def test_parted_is_an_end_that_changes_no_result() -> None:
    outgoing, settled = make(Envelope("a@b", ("c@d",)))
    outgoing.refuse(Reply(554, ("no",)))
    outgoing.settle(Parted())
    assert settled == [Transaction((Never("5.0.0", "554 no"),), Parted())]
