"""Which session carries which message."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from tlswitness.delivery.attempt import Broken
from tlswitness.delivery.dispatch import Dispatcher
from tlswitness.delivery.outcome import Envelope
from tlswitness.delivery.pool import Key, Pool
from tlswitness.delivery.settings import Destination, Limits, Sender
from tlswitness.delivery.smtp.message import prepare
from tlswitness.delivery.smtp.outgoing import Job, Later, Taken
from tlswitness.delivery.smtp.talk import DEFAULT_TIMEOUTS
from tlswitness.lab.fakes import VirtualClock, until
from tlswitness.names import Domain, HostName
from tlswitness.policy.plan import LocalRules, Plan

DOMAIN = Domain("example.com")
OTHER = Domain("example.net")
MX = HostName("mx.example.com", "mx.example.com")
PLAN = Plan(DOMAIN, MX, ("192.0.2.1", "192.0.2.2"), 25, LocalRules(), None, None)
DESTINATION = Destination(DOMAIN, Sender("us.example.org"))
KEY = Key.of(DESTINATION, PLAN, "192.0.2.1")
SECOND = Key.of(DESTINATION, PLAN, "192.0.2.2")
CONTENT = prepare(b"Subject: hi\r\n\r\nhello\r\n")


@dataclass
class Letter:
    """An errand of some transactions with one recipient each."""

    world: "World"
    names: list[str]
    key: Key = KEY
    limits: Limits = field(default_factory=Limits)
    fresh: bool = False
    timeouts = DEFAULT_TIMEOUTS
    results: list[object] = field(default_factory=list)
    departed: list[str] = field(default_factory=list)
    wanted: bool = True

    @property
    def more(self):
        return bool(self.names)

    async def open(self):
        return await self.world.opener.open(PLAN, self.key.address, DESTINATION)

    def job(self, session):
        if not self.names:
            return None
        name = self.names.pop(0)

        def depart():
            self.departed.append(name)
            return self.wanted

        return Job(Envelope("me@example.org", (f"{name}@example.com",)), CONTENT, self.settled, depart)

    def settled(self, transaction):
        self.results += transaction.results


class World:
    def __init__(self, memory):
        self.opener = memory.Opener()
        self.pool = Pool(VirtualClock())
        self.dispatcher = Dispatcher(self.pool)
        self.tasks = []

    def serve(self, address="192.0.2.1", **answers):
        self.opener.servers[address] = server = self.memory.Server(**answers)
        return server

    def letter(self, *names, **fields):
        return Letter(self, list(names), **fields)

    def send(self, *names, **fields):
        letter = self.letter(*names, **fields)
        task = asyncio.create_task(self.dispatcher.carry(letter))
        self.tasks.append(task)
        return letter, task


@pytest.fixture
async def world(memory):
    world = World(memory)
    world.memory = memory
    yield world
    for task in world.tasks:
        task.cancel()
    await asyncio.gather(*world.tasks, return_exceptions=True)
    await world.pool.close()
    assert not world.dispatcher._queues, "what nobody uses is forgotten"
    assert not world.dispatcher._busy
    for server in world.opener.servers.values():
        assert all(connection.end for connection in server.connections), "a connection was left open"


ONE = Limits(connections=1)


def taken(server):
    return [recipient.partition("@")[0] for (recipient,) in server.taken]


async def test_what_waits_is_taken_along(world):
    server = world.serve()
    letters = [world.send(name, limits=ONE) for name in "abcde"]
    assert await asyncio.gather(*(task for _, task in letters)) == [None] * 5
    assert all(isinstance(letter.results[0], Taken) for letter, _ in letters)
    assert taken(server) == list("abcde")
    assert len(server.connections) == 1


@pytest.mark.rfc(2920, "3.1")
async def test_what_is_taken_along_costs_one_round_trip(world):
    server = world.serve()
    await asyncio.gather(*(task for _, task in [world.send(name, limits=ONE) for name in "abc"]))
    commands = [line.partition(" ")[0] for line in server.connections[0].commands]
    # The commands of the next message stand behind the content of the one before, and no RSET or pause between.
    assert commands == ["MAIL", "RCPT", "DATA", "."] * 3


async def test_each_returns_when_its_own_message_is_settled(world, memory):
    world.serve(**{".": ["250 2.0.0 taken", memory.HANG]})
    (first, one), (_, two) = world.send("a", limits=ONE), world.send("b", limits=ONE)
    assert await one is None
    assert isinstance(first.results[0], Taken)
    assert not two.done()


async def test_one_errand_has_its_transactions_in_order(world):
    server = world.serve()
    letters = [world.send("a1", "a2", "a3", limits=ONE), world.send("b1", "b2", limits=ONE)]
    await asyncio.gather(*(task for _, task in letters))
    assert taken(server) == ["a1", "a2", "a3", "b1", "b2"]


async def test_a_destination_has_so_many_connections_and_no_more(world, memory):
    server = world.serve(MAIL=memory.HANG)
    for name in "abcde":
        world.send(name, limits=Limits(connections=2))
    world.serve("192.0.2.9")
    elsewhere, task = world.send("z", key=replace(KEY, domain=OTHER, address="192.0.2.9"), limits=ONE)
    await task  # another destination does not wait
    assert isinstance(elsewhere.results[0], Taken)
    assert len(server.connections) == 2


async def test_a_session_that_is_full_makes_way(world):
    server, second = world.serve(), world.serve("192.0.2.2")
    limits = Limits(connections=1, messages=2)
    letters = [world.send(name, limits=limits) for name in "ab"]
    letters.append(world.send("x", key=SECOND, limits=limits))
    letters += [world.send(name, limits=limits) for name in "cd"]
    await asyncio.gather(*(task for _, task in letters))
    assert [len(connection.commands) for connection in server.connections] == [9, 9]
    assert [connection.commands[-1] for connection in server.connections] == ["QUIT"] * 2
    assert (taken(server), taken(second)) == (["a", "b", "c", "d"], ["x"])


async def test_other_keys_have_their_turn_in_the_order_in_which_they_came(world, memory):
    server, second = world.serve(), world.serve("192.0.2.2")
    await asyncio.gather(*(task for _, task in [world.send("a", limits=ONE), world.send("x", key=SECOND, limits=ONE)]))
    assert (taken(server), taken(second)) == (["a"], ["x"])
    assert server.connections[0].end == "quit", "the idle one made room"


@pytest.mark.parametrize("idle", [0, 10])
async def test_an_idle_session_is_used_again(world, idle):
    server = world.serve()
    for name in "ab":
        await world.send(name, limits=Limits(idle=idle))[1]
    assert len(server.connections) == (1 if idle else 2)
    assert taken(server) == ["a", "b"]


async def test_a_fresh_one_is_neither_taken_along_nor_given_an_idle_session(world):
    server = world.serve()
    await world.send("a", limits=ONE)[1]
    letters = [world.send("b", limits=ONE), world.send("c", fresh=True, limits=ONE), world.send("d", limits=ONE)]
    await asyncio.gather(*(task for _, task in letters))
    assert len(server.connections) == 2
    assert sorted(taken(server)) == ["a", "b", "c", "d"]
    assert "c@" in server.connections[1].commands[1]


async def test_where_no_session_is_to_be_had_the_place_goes_to_the_next(world):
    world.opener.servers["192.0.2.1"] = None
    sent = [world.send(name, limits=ONE) for name in "abc"]
    assert [type(each) for each in await asyncio.gather(*(task for _, task in sent))] == [Broken] * 3
    world.opener.servers.clear()


async def test_who_gives_up_waiting_holds_nobody_up(world, memory):
    server = world.serve(MAIL=memory.HANG)
    (_, first), *others = [world.send(name, limits=ONE) for name in "abcd"]
    await until(lambda: server.connections and server.connections[0].commands)
    others[0][1].cancel()
    others[2][1].cancel()
    await asyncio.sleep(0)
    server.answers["MAIL"] = server.GOOD["MAIL"]
    first.cancel()  # alone in its session, which is broken off
    letter, task = others[1]
    assert await task is None
    assert isinstance(letter.results[0], Taken)
    assert taken(server) == ["c"]


async def test_who_gives_up_in_a_session_with_others_is_not_sent_and_hurts_nobody(world, memory):
    answer = asyncio.Event()
    server = world.serve()
    connection_run = memory.Connection._do

    async def slow(self, command):
        result = await connection_run(self, command)
        if getattr(result, "lines", ("",))[0].startswith("2.0.0 taken"):
            await answer.wait()
        return result

    memory.Connection._do = slow
    try:
        (one, first), (two, second) = world.send("a", limits=ONE), world.send("b", limits=ONE)
        await until(lambda: server.connections and "RCPT TO:<b@example.com>" in server.connections[0].commands)
        two.wanted = False  # as a visit says when its delivery is over
        second.cancel()
        await asyncio.sleep(0)
        answer.set()
        assert await first is None
        assert isinstance(one.results[0], Taken)
        await until(lambda: server.connections[0].end)
        assert taken(server) == ["a"]
        assert two.departed == ["b"], "it was asked before its content was written"
    finally:
        memory.Connection._do = connection_run


async def test_a_withdrawn_message_takes_no_other_with_it(world):
    server = world.serve()
    letters = [world.send("a", limits=ONE), world.send("b", limits=ONE), world.send("c", limits=ONE)]
    letters[1][0].wanted = False
    await asyncio.gather(*(task for _, task in letters))
    assert taken(server) == ["a", "c"]
    assert letters[1][0].results == [Later("4.5.0", "protocol error: the message was withdrawn at DATA")]
    assert [connection.end for connection in server.connections] == ["abort", ""]


async def test_breaking_off_is_told_to_all_in_the_session(world, memory):
    server = world.serve(**{".": memory.HANG})
    letters = [world.send("a", limits=ONE), world.send("b", limits=ONE)]
    await until(lambda: server.connections and "RCPT TO:<b@example.com>" in server.connections[0].commands)
    world.dispatcher.abort()
    await asyncio.gather(*(task for _, task in letters))
    assert [letter.results[0].uncertain for letter, _ in letters] == [True, False]


async def test_a_fault_of_ours_is_told_to_all_in_the_session(world, memory):
    def broken(argument):
        raise ZeroDivisionError

    world.serve(**{".": broken})
    letters = [world.send("a", limits=ONE), world.send("b", limits=ONE)]
    ends = await asyncio.gather(*(task for _, task in letters), return_exceptions=True)
    assert isinstance(ends[0], ZeroDivisionError)


@pytest.mark.parametrize("under_way", [".", "open"])
async def test_all_give_up_at_once(world, under_way):
    """Whoever cleans up first finds others that are cancelled and do not know it yet: none of them gets his place."""
    if under_way == "open":
        world.opener.open = lambda *_: asyncio.Event().wait()
    else:
        world.serve(**{".": world.memory.HANG})
    letters = [world.send(name, limits=ONE) for name in "abc"]
    for _ in range(20):
        await asyncio.sleep(0)
    tasks = [task for _, task in letters]
    for task in tasks:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in done] == [asyncio.CancelledError] * 3


async def test_who_gave_up_a_moment_ago_is_not_taken_along(world):
    server = world.serve(pipelining=False, **{".": world.memory.HANG})
    first, _ = world.send("a", limits=ONE)
    second, cancelled = world.send("b", limits=ONE)
    third, task = world.send("c", limits=ONE)
    await until(lambda: first.departed)
    queue = world.dispatcher._queues[DOMAIN]
    cancelled.cancel()
    assert queue.take_along(KEY).errand is third, "the second one's task has not run yet"
    assert second.names == ["b"]
    task.cancel()
    assert server.taken == []


@pytest.mark.parametrize(("enough", "conversations"), [(1e12, 3), (1.0, 1)])
async def test_a_session_takes_no_more_along_when_its_time_gets_short(world, monkeypatch, enough, conversations):
    server = world.serve()
    begun = []
    begin = world.memory.Connection.begin
    monkeypatch.setattr(world.memory.Connection, "begin", lambda self, *with_: begun.append(1) or begin(self, *with_))
    monkeypatch.setattr("tlswitness.delivery.dispatch.ENOUGH", enough)  # 1e12: it is short at once
    letters = [world.send(name, limits=ONE) for name in "abc"]
    await asyncio.gather(*(task for _, task in letters))
    assert taken(server) == list("abc")
    assert (len(server.connections), len(begun)) == (1, conversations)
