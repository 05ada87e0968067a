"""One message at one address: transactions, sessions, and who is left."""

import logging
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tlswitness.delivery.attempt import Broken
from tlswitness.delivery.dispatch import Dispatcher
from tlswitness.delivery.ledger import Ledger
from tlswitness.delivery.outcome import Deferred, Delivered, Envelope, Failed
from tlswitness.delivery.pool import Key, Pool
from tlswitness.delivery.settings import Destination, Limits, Sender
from tlswitness.delivery.smtp.message import prepare
from tlswitness.delivery.visit import Means, Visit
from tlswitness.lab.fakes import VirtualClock
from tlswitness.names import Domain, HostName
from tlswitness.policy.plan import LocalRules, Plan

DOMAIN = Domain("example.com")
MX = HostName("mx.example.com", "mx.example.com")
ADDRESS = "192.0.2.1"
PLAN = Plan(DOMAIN, MX, (ADDRESS,), 25, LocalRules(), None, None)
DESTINATION = Destination(DOMAIN, Sender("us.example.org"))
CONTENT = prepare(b"Subject: hi\r\n\r\nhello\r\n")


def people(count, start=0):
    return tuple(f"r{number}@example.com" for number in range(start, start + count))


def kinds(ledger):
    return [type(outcome).__name__ for outcome in ledger.outcomes()]


class World:
    """Visits to one server by one pool."""

    def __init__(self, memory):
        self.memory = memory
        self.opener = memory.Opener()
        self.clock = VirtualClock()
        self.pool = Pool(self.clock)
        self.dispatcher = Dispatcher(self.pool)

    def serve(self, **answers):
        self.opener.servers[ADDRESS] = server = self.memory.Server(**answers)
        return server

    async def pay(self, recipients=("a@example.com",), /, **limits):
        ledger = Ledger(tuple(recipients))
        envelope = Envelope("me@example.org", tuple(recipients))
        destination = replace(DESTINATION, limits=Limits(**limits))
        means = Means(self.opener, self.dispatcher, self.clock)
        key = Key.of(destination, PLAN, ADDRESS)
        broken = await Visit(means, destination, envelope, CONTENT, ledger, PLAN, ADDRESS, key).pay()
        return SimpleNamespace(ledger=ledger, broken=broken, outcomes=ledger.outcomes())


@pytest.fixture
async def world(memory):
    world = World(memory)
    yield world
    await world.pool.close()
    for server in world.opener.servers.values():
        assert all(connection.end for connection in server.connections), "a connection was left open"


def commands(connection):
    return [line.partition(" ")[0] for line in connection.commands]


async def test_a_message_is_taken_and_the_connection_kept(world):
    server = world.serve()
    seen = await world.pay()
    assert seen.broken is None
    assert seen.outcomes == (
        Delivered("a@example.com", "2.0.0", "250 2.0.0 taken", seen.outcomes[0].relay, world.opener.TLS),
    )
    assert not server.connections[0].end


@pytest.mark.rfc(8460, "4.2")
async def test_three_messages_are_one_session(world):
    server = world.serve()
    for _ in range(3):
        assert kinds((await world.pay()).ledger) == ["Delivered"]
    assert (len(server.connections), len(server.taken)) == (1, 3)


async def test_each_recipient_has_its_own_end(world):
    answers = {"a": "250 2.1.5 ok", "b": "550 5.1.1 no such user", "c": "450 4.2.1 busy"}
    world.serve(RCPT=lambda argument: answers[argument[4]])
    seen = await world.pay(["a@example.com", "b@example.com", "c@example.com"])
    assert kinds(seen.ledger) == ["Delivered", "Failed", "Deferred"]
    assert [outcome.text for outcome in seen.outcomes[1:]] == ["550 5.1.1 no such user", "450 4.2.1 busy"]
    assert seen.ledger.open == ("c@example.com",)


@pytest.mark.parametrize(
    ("answers", "kind", "status"),
    [
        ({"MAIL": "550 5.1.8 go away"}, Failed, "5.1.8"),
        ({"MAIL": "451 4.3.0 not now"}, Deferred, "4.3.0"),
        ({"RCPT": "550 5.1.1 no"}, Failed, "5.1.1"),
        ({"DATA": "554 5.5.0 no"}, Failed, "5.5.0"),
        ({".": "554 5.6.0 no"}, Failed, "5.6.0"),
        ({".": "451 4.6.0 not now"}, Deferred, "4.6.0"),
    ],
)
@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_refusal_keeps_the_connection(world, answers, kind, status, pipelining):
    if "MAIL" in answers:
        answers = answers | {"RCPT": "503 5.5.1 MAIL first", "DATA": "503 5.5.1 MAIL first"}
    server = world.serve(pipelining=pipelining, **answers)
    seen = await world.pay()
    assert isinstance(seen.outcomes[0], kind)
    assert seen.outcomes[0].status == status
    assert not getattr(seen.outcomes[0], "uncertain", False)
    server.answers |= server.GOOD
    assert kinds((await world.pay()).ledger) == ["Delivered"]
    assert len(server.connections) == 1


async def test_many_recipients_take_several_transactions(world):
    server = world.serve()
    seen = await world.pay(people(7), recipients=3)
    assert kinds(seen.ledger) == ["Delivered"] * 7
    assert server.taken == [people(3), people(3, 3), people(1, 6)]
    assert len(server.connections) == 1


@pytest.mark.parametrize("limits", [{"messages": 1}, {"messages": 2}, {"messages": 1, "idle": 0}, {"idle": 0}])
async def test_a_limit_of_messages_makes_another_session_not_a_deferral(world, limits):
    server = world.serve()
    seen = await world.pay(people(5), recipients=1, **limits)
    assert kinds(seen.ledger) == ["Delivered"] * 5
    assert server.taken == [people(1, number) for number in range(5)]
    per_session = [commands(connection).count("MAIL") for connection in server.connections]
    assert max(per_session) <= limits.get("messages", 100)
    assert len(server.connections) == {1: 5, 2: 3}.get(limits.get("messages"), 1)


@pytest.mark.parametrize("code", ["452 4.5.3 too many", "552 5.5.3 too many"])
async def test_who_finds_no_room_goes_with_the_next_message(world, code):
    class Crowded:
        def __init__(self):
            self.room = 2

        def rcpt(self, argument):
            self.room -= 1
            return "250 2.1.5 ok" if self.room >= 0 else code

        def mail(self, argument):
            self.room = 2
            return "250 2.1.0 ok"

    crowded = Crowded()
    server = world.serve(MAIL=crowded.mail, RCPT=crowded.rcpt)
    seen = await world.pay(people(5))
    assert kinds(seen.ledger) == ["Delivered"] * 5
    assert server.taken == [people(2), people(2, 2), people(1, 4)]


async def test_a_server_without_any_room_is_not_asked_for_ever(world):
    server = world.serve(RCPT="452 4.3.1 no room")
    seen = await world.pay(people(3))
    assert [(o.status, o.uncertain) for o in seen.outcomes] == [("4.3.1", False)] * 3
    assert commands(server.connections[0]).count("MAIL") == 1


async def test_no_room_after_all_others_were_refused_for_good(world):
    answers = iter(["550 5.1.1 no", "452 4.5.3 too many"])
    server = world.serve(RCPT=lambda argument: next(answers))
    seen = await world.pay(people(2))
    assert kinds(seen.ledger) == ["Failed", "Deferred"]
    assert commands(server.connections[0]).count("MAIL") == 1


@pytest.mark.parametrize("answer", ["421 4.3.2 closing", "close"])
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
async def test_a_first_message_that_breaks_the_session_speaks_against_the_address(world, memory, verb, answer):
    server = world.serve(**{verb: memory.CLOSE if answer == "close" else answer})
    seen = await world.pay(people(2))
    assert kinds(seen.ledger) == ["Deferred"] * 2
    assert not any(outcome.uncertain for outcome in seen.outcomes)
    assert len(server.connections) == 1
    assert server.taken == []


@pytest.mark.parametrize("answer", ["421 4.4.2 idle for too long", "close"])
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
async def test_a_used_session_that_breaks_is_replaced_by_a_fresh_one(world, memory, verb, answer):
    server = world.serve()
    await world.pay()
    server.answers[verb] = [memory.CLOSE if answer == "close" else answer, server.GOOD[verb]]
    seen = await world.pay(people(2))
    assert kinds(seen.ledger) == ["Delivered"] * 2
    assert len(server.connections) == 2
    assert server.taken == [("a@example.com",), people(2)]


async def test_however_many_used_sessions_are_dead_one_fresh_one_is_tried(world, memory):
    server = world.serve()
    sessions = [await world.opener.open(PLAN, ADDRESS, DESTINATION) for _ in range(5)]
    for session in sessions:
        session.messages = 1
        world.pool.keep(Key.of(DESTINATION, PLAN, ADDRESS), session, 60)
    server.answers["MAIL"] = memory.CLOSE
    seen = await world.pay()
    assert kinds(seen.ledger) == ["Deferred"]
    assert sum(bool(connection.commands) for connection in server.connections) == 2


async def test_a_session_that_breaks_between_transactions_is_replaced_too(world, memory):
    closing = ["250 2.1.0 ok", "421 4.7.0 too many messages on this connection"]
    server = world.serve(MAIL=closing * 2 + ["250 2.1.0 ok"])
    seen = await world.pay(people(5), recipients=1)
    assert kinds(seen.ledger) == ["Delivered"] * 5
    assert server.taken == [people(1, number) for number in range(5)]
    assert len(server.connections) == 3


async def test_who_has_an_answer_is_not_asked_again_at_the_same_address(world):
    # The first transaction: one taken, one greylisted; the second is cut off by 421; what follows is for its people.
    answers = {"r1": "450 4.7.1 greylisted"}
    server = world.serve(
        RCPT=lambda argument: answers.get(argument[4:6], "250 2.1.5 ok"),
        MAIL=["250 2.1.0 ok", "421 4.7.0 enough", "250 2.1.0 ok"],
    )
    seen = await world.pay(people(3), recipients=2)
    assert kinds(seen.ledger) == ["Delivered", "Deferred", "Delivered"]
    assert [line for line in server.connections[1].commands if "r1" in line] == []
    assert seen.outcomes[1].text == "450 4.7.1 greylisted"


@pytest.mark.parametrize("used", [False, True])
async def test_a_message_whose_fate_nobody_knows_is_not_sent_again(world, memory, used):
    server = world.serve()
    if used:
        await world.pay()
    server.answers["."] = memory.CLOSE
    seen = await world.pay(["b@example.com"])
    (outcome,) = seen.outcomes
    assert isinstance(outcome, Deferred)
    assert outcome.uncertain
    assert outcome.relay is not None
    assert server.taken.count(("b@example.com",)) == 1
    assert len(server.connections) == 1
    assert seen.ledger.closed


async def test_only_those_who_were_accepted_are_uncertain(world, memory):
    answers = {"r0": "250 2.1.5 ok", "r1": "450 4.2.1 busy", "r2": "550 5.1.1 no"}
    world.serve(RCPT=lambda argument: answers[argument[4:6]], **{".": memory.CLOSE})
    seen = await world.pay(people(3))
    assert [getattr(outcome, "uncertain", None) for outcome in seen.outcomes] == [True, False, None]
    assert seen.ledger.open == people(1, 1)


async def test_a_broken_address_is_told(world):
    seen = await world.pay()
    assert isinstance(seen.broken, Broken)
    assert seen.outcomes == (Deferred("a@example.com", "4.4.1", seen.broken.text, seen.broken.relay),)


async def test_a_fresh_session_that_cannot_be_had_after_a_used_one_broke(world, memory):
    server = world.serve()
    await world.pay()
    server.answers["MAIL"] = memory.CLOSE
    world.opener.servers[ADDRESS] = None
    seen = await world.pay()
    assert isinstance(seen.broken, Broken)
    assert kinds(seen.ledger) == ["Deferred"]
    world.opener.servers.clear()
    assert server.connections[0].end == "abort"


async def test_a_lost_session_gets_no_goodbye(world):
    # DATA accepted after MAIL was refused: what the server now waits for nobody knows, and QUIT would be content to it.
    def mail(argument):
        return "550 5.1.8 no"

    server = world.serve(MAIL=mail)
    seen = await world.pay()
    assert server.connections[0].end == "abort"
    assert not isinstance(seen.outcomes[0], Delivered)


async def test_one_line_for_each_transaction(world, caplog):
    world.serve(RCPT=["250 2.1.5 ok", "550 5.1.1 no"])
    with caplog.at_level(logging.INFO, "tlswitness.delivery"):
        await world.pay(people(2), recipients=1)
    attempts = [record.attempt for record in caplog.records]
    assert [(a["dsn"], a["text"], a["verdict"]) for a in attempts] == [
        ("2.0.0", "250 2.0.0 taken", "ok"),
        ("5.1.1", "550 5.1.1 no", "ok"),
    ]
    assert {(a["domain"], a["relay"], a["tls"], a["policy"]) for a in attempts} == {
        ("example.com", "mx.example.com[192.0.2.1]:25", "TLSv1.3 X", "none")
    }
    assert all(a["seconds"] >= 0 for a in attempts)


async def test_one_line_for_a_broken_address(world, caplog):
    with caplog.at_level(logging.INFO, "tlswitness.delivery"):
        await world.pay()
    (record,) = caplog.records
    assert (record.attempt["verdict"], record.attempt["dsn"], record.attempt["tls"]) == (
        "not connected",
        "4.4.1",
        "none",
    )
