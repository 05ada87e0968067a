"""Greeting, EHLO, STARTTLS, RSET, QUIT: as playbooks."""

from typing import Any

import pytest

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.delivery.smtp.capabilities import NO_CAPABILITIES, Capabilities, parse_capabilities
from tlswitness.delivery.smtp.conversation import (
    Greeted,
    TlsFailed,
    TlsUp,
    greet,
    hang_up,
    hello_after_tls,
    reset,
    starttls,
)
from tlswitness.delivery.smtp.reply import ProtocolError, Reply
from tlswitness.delivery.smtp.talk import Lost, PeerClosed, Refused, Stage, Strength, TimedOut
from tlswitness.delivery.verdict.chain import Chain
from tlswitness.names import HostName, parse_host

SNI = parse_host("mx.example")
assert isinstance(SNI, HostName)
OFFERED = Capabilities(keywords=frozenset({"STARTTLS"}), starttls=True)
GARBAGE = ProtocolError("a line is no reply")


@pytest.mark.parametrize(
    ("steps", "result"),
    [
        (
            [">> 220 mx.example ESMTP", "<< EHLO me.example", ">> 250-mx.example hi|250-STARTTLS|250 SIZE 9"],
            Greeted(parse_capabilities(["STARTTLS", "SIZE 9"]), "mx.example"),
        ),
        (
            [">> 220 mx.example", "<< EHLO me.example", ">> 502 what", "<< HELO me.example", ">> 250-hi|250 STARTTLS"],
            Greeted(NO_CAPABILITIES, "mx.example"),
        ),
        ([">> 554 5.7.1 no"], Refused(Stage.GREETING, Reply(554, ("5.7.1 no",)))),
        ([">> 421 busy"], Refused(Stage.GREETING, Reply(421, ("busy",)))),
        ([">> 354 what"], Refused(Stage.GREETING, Reply(354, ("what",)))),
        ([PeerClosed()], Lost(Stage.GREETING, PeerClosed())),
        ([TimedOut()], Lost(Stage.GREETING, TimedOut())),
        ([GARBAGE], Lost(Stage.GREETING, GARBAGE)),
        ([">> 220 x", "<< EHLO me.example", ">> 451 later"], Refused(Stage.HELLO, Reply(451, ("later",)))),
        ([">> 220 x", "<< EHLO me.example", ">> 354 what"], Refused(Stage.HELLO, Reply(354, ("what",)))),
        ([">> 220 x", "<< EHLO me.example", PeerClosed()], Lost(Stage.HELLO, PeerClosed())),
        (
            [">> 220 x", "<< EHLO me.example", ">> 550 no", "<< HELO me.example", ">> 550 still no"],
            Refused(Stage.HELLO, Reply(550, ("still no",))),
        ),
        (
            [">> 220 x", "<< EHLO me.example", ">> 550 no", "<< HELO me.example", TimedOut()],
            Lost(Stage.HELLO, TimedOut()),
        ),
    ],
)
@pytest.mark.rfc(5321, "3.2")
def test_greet(playbook: Any, steps: list[object], result: object) -> None:
    talk = greet("me.example")
    if not isinstance(steps[0], str):  # the greeting is awaited though nothing was written
        assert talk.send(None).timeout == 300
        with pytest.raises(StopIteration) as stop:
            talk.send(steps[0])
        assert stop.value.value == result
    else:
        assert playbook.play(talk, *steps) == result


@pytest.mark.parametrize(
    ("greeting", "hello", "helo"),
    [
        ("mx.example ESMTP Postfix", "other.example", "mx.example"),
        ("[192.0.2.1] hi", "x", "[192.0.2.1]"),
        ("ESMTP ready", "mx.example at your service", "mx.example"),
        ("*****", "mx.example", "mx.example"),
        ("", "mx.example", "mx.example"),
        ("localhost", "x", "localhost"),
        ("grüße.example", "<b>", None),
        ("", "", None),
        ("a" * 252 + ".de", "b", "a" * 252 + ".de"),
        ("a" * 253 + ".de", "b", "b"),
    ],
)
@pytest.mark.rfc(8460, "4.4")
def test_helo(playbook: Any, greeting: str, hello: str, helo: str | None) -> None:
    greeted = playbook.play(greet("me"), f">> 220 {greeting}", "<< EHLO me", f">> 250 {hello}")
    assert greeted.helo == helo


@pytest.mark.parametrize("name", ["", "a b", "a\r\nb", "ä", "a" * 256])
def test_our_name(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be our name"):
        next(hello_after_tls(name))


CHAIN = Chain((b"der",), "TLSv1.3", "TLS_AES_256_GCM_SHA384")
GO = ["<< STARTTLS", ">> 220 go"]


@pytest.mark.parametrize(
    ("steps", "result"),
    [
        ([*GO, CHAIN], TlsUp(CHAIN)),
        ([*GO, Failure(Cause.TLS_CLOSED)], TlsFailed(Failure(Cause.TLS_CLOSED))),
        (
            ["<< STARTTLS", ">> 454 4.7.0 TLS not available, see http://x"],
            TlsFailed(Failure(Cause.STARTTLS_REFUSED, "454 4.7.0"), clear_usable=True),
        ),
        (["<< STARTTLS", ">> 501 no"], TlsFailed(Failure(Cause.STARTTLS_REFUSED, "501"), clear_usable=True)),
        (["<< STARTTLS", ">> 421 bye"], TlsFailed(Failure(Cause.STARTTLS_REFUSED, "421"))),
        (["<< STARTTLS", ">> 250 hm"], TlsFailed(Failure(Cause.STARTTLS_REFUSED, "250"))),
        (["<< STARTTLS", PeerClosed()], TlsFailed(Failure(Cause.STARTTLS_NO_REPLY, "connection closed"))),
        (["<< STARTTLS", TimedOut()], TlsFailed(Failure(Cause.STARTTLS_NO_REPLY, "timeout"))),
        (["<< STARTTLS", GARBAGE], TlsFailed(Failure(Cause.STARTTLS_NO_REPLY, "unreadable reply"))),
    ],
)
@pytest.mark.rfc(3207, "4")
@pytest.mark.rfc(8460, "4.3.1")
def test_starttls(playbook: Any, steps: list[object], result: object) -> None:
    assert playbook.play(starttls(OFFERED, SNI, Strength.WIDE), *steps) == result


@pytest.mark.rfc(8460, "4.3.1")
def test_starttls_not_offered(playbook: Any) -> None:
    talk = starttls(NO_CAPABILITIES, SNI, Strength.WIDE)
    with pytest.raises(StopIteration) as stop:
        next(talk)
    assert stop.value.value == TlsFailed(Failure(Cause.STARTTLS_NOT_OFFERED), clear_usable=True)


def _after(code: str) -> TlsFailed:
    return TlsFailed(Failure(Cause.TLS_AFTER_HANDSHAKE, code))


@pytest.mark.parametrize(
    ("steps", "result"),
    [
        ([">> 250-mx.example|250-STARTTLS|250 SIZE 9"], Greeted(parse_capabilities(["SIZE 9"]), "mx.example")),
        ([PeerClosed("alert certificate required")], _after("alert certificate required")),
        ([PeerClosed()], _after("connection closed")),
        ([TimedOut()], _after("timeout")),
        ([GARBAGE], Lost(Stage.HELLO, GARBAGE)),
        ([">> 421 bye"], Refused(Stage.HELLO, Reply(421, ("bye",)))),
        ([">> 500 what", "<< HELO me", PeerClosed()], Lost(Stage.HELLO, PeerClosed())),
        ([">> 500 what", "<< HELO me", ">> 250 mx.example"], Greeted(NO_CAPABILITIES, "mx.example")),
    ],
)
@pytest.mark.rfc(3207, "4.2")
def test_hello_after_tls(playbook: Any, steps: list[object], result: object) -> None:
    assert playbook.play(hello_after_tls("me"), "<< EHLO me", *steps) == result


@pytest.mark.parametrize(
    ("step", "result"),
    [
        (">> 250 ok", None),
        (">> 421 bye", Refused(Stage.RESET, Reply(421, ("bye",)))),
        (PeerClosed(), Lost(Stage.RESET, PeerClosed())),
    ],
)
def test_reset(playbook: Any, step: object, result: object) -> None:
    assert playbook.play(reset(), "<< RSET", step) == result


@pytest.mark.parametrize(
    ("unproven", "step", "result"),
    [
        (False, ">> 221 bye", None),
        (False, PeerClosed("alert x"), None),
        (True, ">> 221 bye", None),
        (True, ">> 500 what", None),
        (True, PeerClosed("alert unknown ca"), Failure(Cause.TLS_AFTER_HANDSHAKE, "alert unknown ca")),
        (True, TimedOut(), Failure(Cause.TLS_AFTER_HANDSHAKE, "timeout")),
    ],
)
@pytest.mark.rfc(3207, "4.1")
def test_hang_up(playbook: Any, unproven: bool, step: object, result: object) -> None:
    assert playbook.play(hang_up(unproven), "<< QUIT", step) == result
