"""MAIL, RCPT, DATA, the content: as playbooks."""

from typing import Any

import pytest

from tlswitness.delivery.outcome import Envelope
from tlswitness.delivery.smtp.capabilities import NO_CAPABILITIES, Capabilities
from tlswitness.delivery.smtp.message import Content, prepare
from tlswitness.delivery.smtp.reply import ProtocolError, Reply
from tlswitness.delivery.smtp.talk import Lost, PeerClosed, Refused, Stage, TimedOut, Write
from tlswitness.delivery.smtp.transaction import (
    MAX_AHEAD,
    MAX_CHUNK,
    MAX_OCTETS_AHEAD,
    NO_CHUNKING,
    Job,
    Later,
    Never,
    Parted,
    RecipientResult,
    Taken,
    Then,
    Transaction,
    transact,
    transact_each,
)

CHUNKING = Capabilities(keywords=frozenset({"PIPELINING", "CHUNKING"}), pipelining=True, chunking=True)
PIPELINING = Capabilities(keywords=frozenset({"PIPELINING"}), pipelining=True)
ONE = Envelope("a@b", ("c@d",))
TWO = Envelope("a@b", ("c@d", "e@f"))
HI = prepare(b"hi\r\n.\r\n")
MAIL, RCPT, RCPT2 = "<< MAIL FROM:<a@b>", "<< RCPT TO:<c@d>", "<< RCPT TO:<e@f>"
CONTENT = ["<< hi", "<< ..", "<< ."]
OK, GO = ">> 250 ok", ">> 354 go"
GOOD = Taken("2.0.0", "250 ok")
NO = Never("5.1.1", "550 5.1.1 no")
BYE = Reply(421, ("4.3.2 bye",))
LATER = Later("4.3.2", "421 4.3.2 bye")
CUT = Later("4.4.2", "connection closed at RCPT")


def group(*recipients: str) -> list[str]:
    return [MAIL, *recipients, "<< DATA"]


@pytest.mark.parametrize(
    ("envelope", "steps", "results", "ended"),
    [
        (ONE, [MAIL, OK, RCPT, OK, "<< DATA", GO, *CONTENT, OK], [GOOD], None),
        (TWO, [MAIL, OK, RCPT, ">> 550 5.1.1 no", RCPT2, OK, "<< DATA", GO, *CONTENT, OK], [NO, GOOD], None),
        (ONE, [MAIL, ">> 550 5.1.1 no"], [NO], None),
        (ONE, [MAIL, OK, RCPT, ">> 550 5.1.1 no", "<< RSET", OK], [NO], None),
        (ONE, [MAIL, OK, RCPT, OK, "<< DATA", ">> 550 5.1.1 no", "<< RSET", OK], [NO], None),
        (
            ONE,
            [MAIL, OK, RCPT, OK, "<< DATA", ">> 250 hm"],
            [Later("4.5.0", "protocol error: DATA was answered with 250 at DATA")],
            Lost(Stage.DATA, ProtocolError("DATA was answered with 250")),
        ),
        (ONE, [MAIL, OK, RCPT, OK, "<< DATA", GO, *CONTENT, ">> 550 5.1.1 no"], [NO], None),
        (ONE, [MAIL, ">> 421 4.3.2 bye"], [LATER], Refused(Stage.MAIL, BYE)),
        (TWO, [MAIL, OK, RCPT, ">> 550 5.1.1 no", RCPT2, ">> 421 4.3.2 bye"], [NO, LATER], Refused(Stage.RCPT, BYE)),
        (ONE, [MAIL, OK, RCPT, OK, "<< DATA", ">> 421 4.3.2 bye"], [LATER], Refused(Stage.DATA, BYE)),
        (
            ONE,
            [MAIL, OK, RCPT, OK, "<< DATA", GO, *CONTENT, ">> 421 4.3.2 bye"],
            [LATER],
            Refused(Stage.CONTENT, BYE),
        ),
        (TWO, [MAIL, OK, RCPT, OK, RCPT2, PeerClosed()], [CUT, CUT], Lost(Stage.RCPT, PeerClosed())),
        (
            ONE,
            [MAIL, OK, RCPT, OK, "<< DATA", GO, *CONTENT, TimedOut()],
            [Later("4.4.2", "timed out at end of data", uncertain=True)],
            Lost(Stage.CONTENT, TimedOut()),
        ),
        (
            ONE,
            [MAIL, OK, RCPT, ">> 550 5.1.1 no", "<< RSET", ">> 500 no"],
            [NO],
            Refused(Stage.RESET, Reply(500, ("no",))),
        ),
    ],
)
@pytest.mark.rfc(5321, "3.3")
def test_in_lockstep(
    playbook: Any, envelope: Envelope, steps: list[object], results: list[RecipientResult], ended: object
) -> None:
    result = playbook.play(transact(NO_CAPABILITIES, envelope, HI), *steps)
    assert result == Transaction(tuple(results), ended)


@pytest.mark.parametrize(
    ("envelope", "steps", "results", "ended"),
    [
        (ONE, [*group(RCPT), OK, OK, GO, *CONTENT, OK], [GOOD], None),
        (TWO, [*group(RCPT, RCPT2), OK, OK, ">> 550 5.1.1 no", GO, *CONTENT, OK], [GOOD, NO], None),
        # Nobody accepted: DATA is refused, or taken and answered with an empty message.
        (ONE, [*group(RCPT), OK, ">> 550 5.1.1 no", ">> 554 nobody", "<< RSET", OK], [NO], None),
        (ONE, [*group(RCPT), OK, ">> 550 5.1.1 no", GO, "<< .", ">> 554 nothing"], [NO], None),
        (ONE, [*group(RCPT), OK, ">> 550 5.1.1 no", GO, "<< .", ">> 250 strange"], [NO], None),
        (ONE, [*group(RCPT), ">> 550 5.1.1 no", ">> 503 what", ">> 503 what"], [NO], None),
        (ONE, [*group(RCPT), ">> 550 5.1.1 no", ">> 503 what", GO, "<< .", OK], [NO], None),
        (
            ONE,
            [*group(RCPT), ">> 550 5.1.1 no", OK, GO],
            [NO],
            Lost(Stage.DATA, ProtocolError("DATA was accepted after MAIL was refused")),
        ),
        (ONE, [*group(RCPT), OK, OK, ">> 550 5.1.1 no", "<< RSET", OK], [NO], None),
        (
            ONE,
            [*group(RCPT), OK, ">> 550 5.1.1 no", GO, "<< .", PeerClosed()],
            [NO],
            Lost(Stage.CONTENT, PeerClosed()),
        ),
        (TWO, [*group(RCPT, RCPT2), OK, OK, PeerClosed()], [CUT, CUT], Lost(Stage.RCPT, PeerClosed())),
        (ONE, [*group(RCPT), ">> 421 4.3.2 bye"], [LATER], Refused(Stage.MAIL, BYE)),
    ],
)
@pytest.mark.rfc(2920, "3.1")
def test_pipelined(
    playbook: Any, envelope: Envelope, steps: list[object], results: list[RecipientResult], ended: object
) -> None:
    result = playbook.play(transact(PIPELINING, envelope, HI), *steps)
    assert result == Transaction(tuple(results), ended)


@pytest.mark.parametrize(
    ("capabilities", "steps"),
    [
        (PIPELINING, [*group(RCPT), OK, OK, GO, *CONTENT, "<< QUIT", OK, ">> 221 bye"]),
        (PIPELINING, [*group(RCPT), OK, OK, GO, *CONTENT, "<< QUIT", OK, PeerClosed()]),
        (NO_CAPABILITIES, [MAIL, OK, RCPT, OK, "<< DATA", GO, *CONTENT, OK, "<< QUIT", ">> 221 bye"]),
    ],
)
@pytest.mark.rfc(2920, "3.1")
def test_part(playbook: Any, capabilities: Capabilities, steps: list[object]) -> None:
    assert playbook.play(transact(capabilities, ONE, HI, then=Then.PART), *steps) == Transaction((GOOD,), Parted())


def test_part_after_a_refusal(playbook: Any) -> None:
    steps = [*group(RCPT), OK, ">> 550 5.1.1 no", ">> 554 nobody", "<< QUIT", ">> 221 bye"]
    assert playbook.play(transact(PIPELINING, ONE, HI, then=Then.PART), *steps) == Transaction((NO,), Parted())


def test_nothing_to_send() -> None:
    with pytest.raises(StopIteration) as stop:
        next(transact(PIPELINING, Envelope("a b@c", ("d@e",)), HI))
    assert stop.value.value.results[0].status == "5.1.7"
    assert stop.value.value.reusable


class Queue:
    """Jobs for `transact_each`."""

    def __init__(self, *envelopes: Envelope) -> None:
        self.left = list(envelopes)
        self.settled: list[Transaction] = []

    def __call__(self) -> Job | Then:
        return Job(self.left.pop(0), HI, self.settled.append) if self.left else Then.STAY


BAD = Envelope("x y@b", ("c@d",))


@pytest.mark.rfc(2920, "3.1")
def test_one_round_trip_each(playbook: Any) -> None:
    jobs = Queue(ONE, BAD, TWO, ONE)
    ended = playbook.play(
        transact_each(PIPELINING, jobs),
        *[*group(RCPT), OK, OK, GO],
        *[*CONTENT, *group(RCPT, RCPT2), OK, OK, OK, OK, GO],
        *[*CONTENT, *group(RCPT), ">> 451 later", OK, OK, GO],
        *[*CONTENT, OK],
    )
    assert ended is None
    assert [result for transaction in jobs.settled for result in transaction.results] == [
        Never("5.1.7", "sender address not sent: it is no address, or has characters that no address has"),
        GOOD,
        Later("4.0.0", "451 later"),
        Later("4.0.0", "451 later"),
        GOOD,
    ]


def test_reset_goes_with_the_next(playbook: Any) -> None:
    jobs = Queue(ONE, ONE)
    playbook.play(
        transact_each(PIPELINING, jobs),
        *[*group(RCPT), OK, ">> 550 5.1.1 no", ">> 554 nobody"],
        *["<< RSET", *group(RCPT), OK, OK, OK, GO, *CONTENT, OK],
    )
    assert [transaction.results for transaction in jobs.settled] == [(NO,), (GOOD,)]


def test_each_in_lockstep(playbook: Any) -> None:
    jobs = Queue(ONE, ONE)
    one = [MAIL, OK, RCPT, OK, "<< DATA", GO, *CONTENT, OK]
    playbook.play(transact_each(NO_CAPABILITIES, jobs), MAIL, OK, RCPT, ">> 550 5.1.1 no", "<< RSET", OK, *one)
    assert [transaction.results for transaction in jobs.settled] == [(NO,), (GOOD,)]


@pytest.mark.parametrize(
    ("step", "first", "second"),
    [
        (PeerClosed(), Later("4.4.2", "connection closed at end of data", uncertain=True), False),
        (">> 421 4.3.2 bye", LATER, False),
    ],
)
def test_the_end_takes_the_next_with_it(playbook: Any, step: object, first: Later, second: bool) -> None:
    jobs = Queue(ONE, ONE, ONE)
    ended = playbook.play(transact_each(PIPELINING, jobs), *group(RCPT), OK, OK, GO, *CONTENT, *group(RCPT), step)
    assert isinstance(ended, Lost | Refused)
    assert [transaction.results for transaction in jobs.settled] == [
        (first,),
        (Later(first.status, first.text, uncertain=second),),
    ]
    assert len(jobs.left) == 1


def chunk(*recipients: str, reset: bool = False) -> list[str]:
    return [*(["<< RSET"] if reset else []), MAIL, *recipients, "<< BDAT 7 LAST", "<< hi", "<< ."]


LOST = Later("4.4.2", "connection closed at end of data", uncertain=True)


@pytest.mark.parametrize(
    ("envelope", "steps", "results", "ended"),
    [
        (ONE, [*chunk(RCPT), OK, OK, OK], [GOOD], None),
        (TWO, [*chunk(RCPT, RCPT2), OK, OK, ">> 550 5.1.1 no", OK], [GOOD, NO], None),
        (ONE, [*chunk(RCPT), OK, ">> 550 5.1.1 no", ">> 554 nobody", "<< RSET", OK], [NO], None),
        (ONE, [*chunk(RCPT), OK, ">> 550 5.1.1 no", ">> 250 strange"], [NO], None),
        (ONE, [*chunk(RCPT), ">> 550 5.1.1 no", ">> 503 what", ">> 503 what", "<< RSET", OK], [NO], None),
        (ONE, [*chunk(RCPT), ">> 550 5.1.1 no", OK, OK], [NO], None),
        (ONE, [*chunk(RCPT), OK, OK, ">> 550 5.1.1 no", "<< RSET", OK], [NO], None),
        (ONE, [*chunk(RCPT), OK, OK, ">> 354 go", "<< RSET", OK], [Later("4.5.0", "354 go")], None),
        (ONE, [*chunk(RCPT), ">> 421 4.3.2 bye"], [LATER], Refused(Stage.MAIL, BYE)),
        (ONE, [*chunk(RCPT), OK, OK, ">> 421 4.3.2 bye"], [LATER], Refused(Stage.CONTENT, BYE)),
        (ONE, [*chunk(RCPT), OK, OK, PeerClosed()], [LOST], Lost(Stage.CONTENT, PeerClosed())),
        (
            ONE,
            [*chunk(RCPT), OK, PeerClosed()],
            [Later("4.4.2", "connection closed at RCPT", uncertain=True)],  # the server has all of it
            Lost(Stage.RCPT, PeerClosed()),
        ),
        (
            TWO,
            [*chunk(RCPT, RCPT2), OK, OK, ">> 550 5.1.1 no", ">> 500 5.5.1 what"],
            [Later("4.5.0", "protocol error: CHUNKING was offered, and BDAT is not known at end of data"), NO],
            Lost(Stage.CONTENT, NO_CHUNKING),
        ),
    ],
)
@pytest.mark.rfc(3030, "2")
def test_chunked(
    playbook: Any, envelope: Envelope, steps: list[object], results: list[RecipientResult], ended: object
) -> None:
    result = playbook.play(transact(CHUNKING, envelope, HI), *steps)
    assert result == Transaction(tuple(results), ended)


@pytest.mark.rfc(3030, "4.2")
def test_many_in_one_round_trip(playbook: Any) -> None:
    jobs = Queue(ONE, BAD, TWO, ONE)
    ended = playbook.play(
        transact_each(CHUNKING, jobs),
        *[*chunk(RCPT), *chunk(RCPT, RCPT2, reset=True), *chunk(RCPT, reset=True)],
        *[OK, OK, OK],
        *[OK, OK, ">> 550 5.1.1 no", OK, ">> 554 no"],
        *[OK, OK, OK, OK],
    )
    assert ended is None
    results = [result for transaction in jobs.settled for result in transaction.results]
    assert results[1:] == [GOOD, NO, Never("5.0.0", "554 no"), GOOD]


def test_the_window_has_an_end(playbook: Any) -> None:
    jobs = Queue(*[ONE] * (MAX_AHEAD + 2))
    first = [*chunk(RCPT), *chunk(RCPT, reset=True) * (MAX_AHEAD - 1)]
    rest = [OK, OK, OK, OK]
    ended = playbook.play(
        transact_each(CHUNKING, jobs),
        *[*first, OK, OK, OK],
        *[*chunk(RCPT, reset=True), *rest],
        *[*chunk(RCPT, reset=True), *rest],
        *rest * (MAX_AHEAD - 1),
    )
    assert ended is None
    assert [transaction.results for transaction in jobs.settled] == [(GOOD,)] * (MAX_AHEAD + 2)


def test_no_more_octets_are_on_their_way_than_fit_into_buffers(playbook: Any) -> None:
    large = prepare(b"x" * (MAX_CHUNK - 2))
    group = [MAIL, RCPT, f"<< BDAT {MAX_CHUNK} LAST", f"<< {'x' * (MAX_CHUNK - 2)}"]
    ahead = MAX_OCTETS_AHEAD // MAX_CHUNK
    jobs = Mixed(*[large] * (ahead + 2))
    ended = playbook.play(
        transact_each(CHUNKING, jobs),
        *[*group, *["<< RSET", *group] * ahead, OK, OK, OK],
        *["<< RSET", *group, OK, OK, OK, OK],
        *[OK, OK, OK, OK] * ahead,
    )
    assert ended is None
    assert [transaction.results for transaction in jobs.settled] == [(GOOD,)] * (ahead + 2)


def test_all_on_their_way_are_lost_together(playbook: Any) -> None:
    jobs = Queue(ONE, ONE)
    steps = [*chunk(RCPT), *chunk(RCPT, reset=True), OK, OK]
    assert isinstance(playbook.play(transact_each(CHUNKING, jobs), *steps, PeerClosed()), Lost)
    assert [transaction.results for transaction in jobs.settled] == [(LOST,), (LOST,)]


def test_a_goodbye_of_the_server_says_that_it_took_no_more(playbook: Any) -> None:
    jobs = Queue(ONE, ONE)
    playbook.play(transact_each(CHUNKING, jobs), *chunk(RCPT), *chunk(RCPT, reset=True), OK, OK, ">> 421 4.3.2 bye")
    assert [transaction.results for transaction in jobs.settled] == [(LATER,), (LATER,)]


def test_behind_a_reset_that_was_refused_messages_may_have_been_taken(playbook: Any) -> None:
    """Two whole messages stand behind it, and nothing keeps the server from taking them."""
    jobs = Queue(ONE, ONE, ONE)
    steps = [*chunk(RCPT), *chunk(RCPT, reset=True), *chunk(RCPT, reset=True)]
    playbook.play(transact_each(CHUNKING, jobs), *steps, OK, OK, ">> 550 5.1.1 no", ">> 500 5.5.1 what")
    unknown = Later("4.5.1", "500 5.5.1 what", uncertain=True)
    assert [transaction.results for transaction in jobs.settled] == [(NO,), (unknown,), (unknown,)]


LONG = prepare(b"x" * (MAX_CHUNK - 1) + b"\r\n")


class Mixed(Queue):
    """Short and long ones in turns."""

    def __init__(self, *contents: Content, then: Then = Then.STAY) -> None:
        super().__init__(*[ONE] * len(contents))
        self.contents = list(contents)
        self.then = then

    def __call__(self) -> Job | Then:
        return Job(self.left.pop(0), self.contents.pop(0), self.settled.append) if self.left else self.then


def test_a_long_content_waits_to_be_asked_for(playbook: Any) -> None:
    jobs = Mixed(HI, LONG, HI, HI)
    long = f"<< {'x' * (MAX_CHUNK - 1)}"
    ended = playbook.play(
        transact_each(CHUNKING, jobs),
        *[*chunk(RCPT), OK, OK, OK],
        *[*group(RCPT), OK, OK, GO],
        *[long, "<< .", *chunk(RCPT), OK],
        *[*chunk(RCPT, reset=True), OK, OK, OK],
        *[OK, OK, OK, OK],
    )
    assert ended is None
    assert [transaction.results for transaction in jobs.settled] == [(GOOD,)] * 4


def test_a_long_content_after_one_that_nobody_got(playbook: Any) -> None:
    jobs = Mixed(HI, LONG)
    playbook.play(
        transact_each(CHUNKING, jobs),
        *[*chunk(RCPT), OK, ">> 550 5.1.1 no", ">> 554 nobody"],
        *["<< RSET", *group(RCPT), OK, OK, OK, GO, f"<< {'x' * (MAX_CHUNK - 1)}", "<< .", OK],
    )
    assert [transaction.results for transaction in jobs.settled] == [(NO,), (GOOD,)]


def test_after_idling_the_first_waits_to_be_asked_for(playbook: Any) -> None:
    jobs = Queue(ONE, ONE, ONE)
    ended = playbook.play(
        transact_each(CHUNKING, jobs, idle=True),
        *[*group(RCPT), OK, OK, GO],
        *[*CONTENT, *chunk(RCPT), OK],
        *[*chunk(RCPT, reset=True), OK, OK, OK],
        *[OK, OK, OK, OK],
    )
    assert ended is None
    assert [transaction.results for transaction in jobs.settled] == [(GOOD,)] * 3


def test_a_session_that_closed_while_it_idled_takes_nothing_with_it(playbook: Any) -> None:
    jobs = Queue(ONE, ONE)
    playbook.play(transact_each(CHUNKING, jobs, idle=True), *group(RCPT), PeerClosed())
    assert [transaction.results for transaction in jobs.settled] == [(Later("4.4.2", "connection closed at MAIL"),)]


@pytest.mark.parametrize("answer", [OK, ">> 550 5.1.1 no"])
def test_part_behind_the_last_of_many(playbook: Any, answer: str) -> None:
    jobs = Mixed(HI, HI, then=Then.PART)
    ended = playbook.play(
        transact_each(CHUNKING, jobs),
        *[*chunk(RCPT), *chunk(RCPT, reset=True), "<< QUIT", OK, OK, OK],
        *[OK, OK, OK, answer, ">> 221 bye"],
    )
    assert ended == Parted()
    assert jobs.settled[1].results == ((GOOD,) if answer is OK else (NO,))


@pytest.mark.parametrize("withdrawn", [0, 1])
def test_a_withdrawn_message_is_not_written(playbook: Any, withdrawn: int) -> None:
    settled: list[Transaction] = []
    jobs = [Job(ONE, HI, settled.append, lambda place=place: place != withdrawn) for place in range(2)]
    talk = transact_each(CHUNKING, lambda: jobs.pop(0) if jobs else Then.STAY)
    assert playbook.play(talk, *chunk(RCPT), OK, OK, OK) is None
    assert sorted(transaction.results == (GOOD,) for transaction in settled) == [False, True]
    assert [transaction.ended for transaction in settled] == [None, None]


@pytest.mark.parametrize("capabilities", [NO_CAPABILITIES, PIPELINING])
def test_data_that_is_answered_twice(playbook: Any, capabilities: Any) -> None:
    """The answer to the message may still be to come, and the server may have it."""
    steps = [*group(RCPT), OK, OK, GO] if capabilities is PIPELINING else [MAIL, OK, RCPT, OK, "<< DATA", GO]
    done = playbook.play(transact(capabilities, ONE, HI), *steps, *CONTENT, GO)
    assert isinstance(done.ended, Lost)
    assert done.results == (Later("4.5.0", "protocol error: no answer to a message at end of data", uncertain=True),)


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        (Reply(552, ("5.3.4 too large",)), Never("5.3.4", "552 5.3.4 too large")),
        (Reply(250, ("ok",)), Later("4.5.0", "protocol error: half a message was accepted at end of data")),
        (PeerClosed(), Later("4.4.2", "connection closed at end of data")),
    ],
)
def test_not_all_was_written(reply: Reply | PeerClosed, result: RecipientResult) -> None:
    talk = transact(NO_CAPABILITIES, ONE, HI)
    event: Any = None
    for answer in [None, Reply(250, ("ok",)), None, Reply(250, ("ok",)), None, Reply(354, ("go",))]:
        talk.send(event)
        event = answer
    assert talk.send(event) == Write(HI.dotted)
    talk.send(PeerClosed())
    with pytest.raises(StopIteration) as stop:
        talk.send(reply)
    assert stop.value.value.results == (result,)
