"""Which connections are kept, for whom, for how long, and how many."""

import asyncio
from dataclasses import replace

import pytest

from tlswitness.delivery import pool as pool_module
from tlswitness.delivery.attempt import Session
from tlswitness.delivery.outcome import Relay
from tlswitness.delivery.places import Places
from tlswitness.delivery.pool import MAX_IDLE, Key, Pool
from tlswitness.delivery.settings import Destination, Sender
from tlswitness.delivery.smtp.capabilities import NO_CAPABILITIES
from tlswitness.dns.answer import TlsaRecord
from tlswitness.lab.fakes import VirtualClock, until
from tlswitness.names import Domain, HostName, MxPattern
from tlswitness.policy.dane import DaneRecords
from tlswitness.policy.plan import DaneDemand, LocalRules, Plan, StsDemand, Tag, TlsWanted
from tlswitness.policy.sts.model import Mode, StsPolicy

DOMAIN = Domain("example.com")
OTHER = Domain("example.net")
MX = HostName("mx.example.com", "mx.example.com")
MX2 = HostName("mx2.example.com", "mx2.example.com")
RECORD = TlsaRecord(3, 1, 1, bytes(32))
POLICY = StsPolicy(Mode.ENFORCE, 60, (MxPattern(MX),), ("version: STSv1", "mode: enforce"))
STS = StsDemand(DOMAIN, POLICY, binding=True)
DANE = DaneDemand(DaneRecords(MX, (RECORD,), (RECORD,), (MX,)))
PLAN = Plan(DOMAIN, MX, ("192.0.2.1",), 25, LocalRules(), STS, DANE, ("because",))
DESTINATION = Destination(DOMAIN, Sender("us.example.org"))
KEY = Key.of(DESTINATION, PLAN, "192.0.2.1")


class World:
    """A pool under a clock, and sessions for it."""

    def __init__(self, memory):
        self.clock = VirtualClock()
        self.pool = Pool(self.clock)
        self.memory = memory

    def session(self, **answers):
        connection = self.memory.Connection(self.memory.Server(**answers))
        return Session(connection, PLAN, Relay("mx.example.com", "192.0.2.1", 25), NO_CAPABILITIES)


@pytest.fixture
async def world(memory):
    world = World(memory)
    yield world
    await world.pool.close()


async def test_a_session_is_kept_for_its_time(world):
    session = world.session()
    world.pool.keep(KEY, session, 10.0)
    world.clock.advance(9.9)
    assert world.pool.take(KEY) is session
    assert world.pool.take(KEY) is None


async def test_the_time_of_a_session_ends(world):
    session = world.session()
    world.pool.keep(KEY, session, 10.0)
    world.clock.advance(10.0)
    assert world.pool.take(KEY) is None
    await until(lambda: session.connection.end == "quit")


@pytest.mark.rfc(8460, "4.2")
@pytest.mark.parametrize(
    ("destination", "plan", "address"),
    [
        pytest.param(replace(DESTINATION, domain=OTHER), PLAN, "192.0.2.1", id="recipient domain"),
        pytest.param(replace(DESTINATION, trust="/other/ca.pem"), PLAN, "192.0.2.1", id="trust anchors"),
        pytest.param(
            replace(DESTINATION, sender=Sender("us.example.org", "198.51.100.9")), PLAN, "192.0.2.1", id="source"
        ),
        pytest.param(DESTINATION, PLAN, "192.0.2.2", id="address"),
        pytest.param(DESTINATION, replace(PLAN, domain=OTHER), "192.0.2.1", id="next hop"),
        pytest.param(DESTINATION, replace(PLAN, host=MX2), "192.0.2.1", id="MX"),
        pytest.param(DESTINATION, replace(PLAN, tag=Tag.OPTIONAL), "192.0.2.1", id="TLS is optional"),
        pytest.param(DESTINATION, replace(PLAN, tag=Tag.REQUIRE), "192.0.2.1", id="TLS is required"),
        pytest.param(DESTINATION, replace(PLAN, port=26), "192.0.2.1", id="port"),
        pytest.param(DESTINATION, replace(PLAN, sts=None), "192.0.2.1", id="no MTA-STS"),
        pytest.param(DESTINATION, replace(PLAN, sts=replace(STS, binding=False)), "192.0.2.1", id="binding"),
        pytest.param(
            DESTINATION, replace(PLAN, sts=replace(STS, policy=replace(POLICY, max_age=61))), "192.0.2.1", id="policy"
        ),
        pytest.param(DESTINATION, replace(PLAN, dane=None), "192.0.2.1", id="no DANE"),
        pytest.param(
            DESTINATION,
            replace(PLAN, dane=DaneDemand(DaneRecords(MX, (RECORD,), (), (MX,)))),
            "192.0.2.1",
            id="TLSA records",
        ),
        pytest.param(
            DESTINATION, replace(PLAN, local=LocalRules(tls=TlsWanted.REQUIRED)), "192.0.2.1", id="local rules"
        ),
    ],
)
async def test_under_anything_else_a_session_is_not_used(world, destination, plan, address):
    world.pool.keep(KEY, world.session(), 10.0)
    assert world.pool.take(Key.of(destination, plan, address)) is None
    assert world.pool.take(KEY) is not None


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(replace(PLAN, reasons=("from the store",)), id="words"),
        pytest.param(replace(PLAN, addresses=("192.0.2.2", "192.0.2.1")), id="order of addresses"),
        pytest.param(replace(PLAN, host=HostName("MX.Example.com", "mx.example.com")), id="case"),
    ],
)
async def test_what_demands_nothing_makes_no_difference(world, plan):
    world.pool.keep(KEY, world.session(), 10.0)
    assert world.pool.take(Key.of(DESTINATION, plan, "192.0.2.1")) is not None


async def test_a_session_that_the_server_closed_is_not_used(world):
    good, closed = world.session(), world.session()
    world.pool.keep(KEY, good, 10.0)
    world.pool.keep(KEY, closed, 10.0)
    closed.connection.alive = False
    assert world.pool.take(KEY) is good
    assert closed.connection.end == "abort"


async def test_the_sweep_takes_what_is_over_and_leaves_the_rest(world):
    old, closed, new = world.session(), world.session(), world.session()
    world.pool.keep(KEY, old, 5.0)
    world.pool.keep(KEY, closed, 60.0)
    world.pool.keep(KEY, new, 60.0)
    closed.connection.alive = False
    world.clock.advance(5.0)
    world.pool.sweep()
    await until(lambda: old.connection.end)
    assert (old.connection.end, closed.connection.end, new.connection.end) == ("quit", "abort", "")
    assert world.pool.take(KEY) is new
    world.pool.sweep()


async def test_there_is_a_limit_and_the_oldest_goes_first(world):
    first = world.session()
    world.pool.keep(KEY, first, 60.0)
    others = [world.session() for _ in range(MAX_IDLE)]
    for number, session in enumerate(others):
        world.pool.keep(replace(KEY, domain=Domain(f"d{number % 7}.example")), session, 60.0)
    await until(lambda: first.connection.end == "quit")
    assert not any(session.connection.end for session in others)
    assert world.pool.take(KEY) is None


async def test_closing_says_quit_and_keeps_nothing_more(world):
    kept, late = world.session(), world.session()
    world.pool.keep(KEY, kept, 60.0)
    await world.pool.close()
    assert kept.connection.end == "quit"
    world.pool.keep(KEY, late, 60.0)
    await world.pool.close()
    assert late.connection.end == "quit"
    assert not world.pool._leaving


async def test_a_server_that_does_not_say_goodbye_does_not_hold_the_program(world, memory):
    session = world.session(QUIT=memory.HANG)
    world.pool.keep(KEY, session, 60.0)
    async with asyncio.timeout(5):
        await world.pool.close(within=0.01)
    assert not session.connection.alive
    assert not world.pool._leaving


async def test_a_fault_of_ours_at_the_goodbye_is_told_to_the_log(world, caplog):
    session = world.session()

    async def broken():
        raise MemoryError("no room")

    session.connection.quit = broken
    world.pool.leave(session)
    await world.pool.close()
    assert "no proper end of the session with mx.example.com[192.0.2.1]:25" in caplog.text


@pytest.mark.parametrize(("limit", "left"), [(4, 3), (3, 2), (2, 1), (1, 0)])
async def test_idle_connections_count_and_make_room(world, limit, left):
    sessions = [world.session() for _ in range(3)]
    elsewhere = world.session()
    for session in sessions:
        world.pool.keep(KEY, session, 60.0)
    world.pool.keep(replace(KEY, domain=OTHER), elsewhere, 60.0)
    world.pool.make_room(DOMAIN, limit, 1)
    await until(lambda: len([s for s in sessions if s.connection.end == "quit"]) == 3 - left)
    assert [world.pool.take(KEY) for _ in range(left)] == list(reversed(sessions))[:left]
    assert world.pool.take(KEY) is None
    assert world.pool.take(replace(KEY, domain=OTHER)) is elsewhere


async def test_a_goodbye_that_is_cut_short_before_it_has_begun_gives_the_connection_back(world):
    """In one turn of the loop a session goes, to make room, and somebody else needs a place."""
    places = Places(1)
    pool = Pool(VirtualClock(), places)
    session = world.session()
    pool.leave(session)
    places.on_need()
    await until(lambda: session.connection.end == "abort")
    assert not pool._leaving


def test_a_key_is_cheap_to_look_up(monkeypatch):
    monkeypatch.setattr(
        StsPolicy, "__hash__", lambda self: pytest.fail("whole policies are not hashed for each message")
    )
    assert hash(KEY) == hash(Key.of(DESTINATION, PLAN, "192.0.2.1"))


async def test_an_idle_session_makes_room_where_places_are_scarce(memory):
    places = Places(2)
    pool = Pool(VirtualClock(), places)
    sessions = []
    for domain in (DOMAIN, OTHER):
        await places.take()
        connection = memory.Connection(memory.Server())
        sessions.append(Session(connection, PLAN, Relay("mx.example.com", "192.0.2.1", 25), NO_CAPABILITIES))
        pool.keep(replace(KEY, domain=domain), sessions[-1], 10.0)
    waiting = asyncio.create_task(places.take())
    await until(lambda: sessions[0].connection.end)
    assert (sessions[0].connection.end, sessions[1].connection.end) == ("quit", "")
    assert not waiting.done(), "the socket is not closed yet"
    late = Session(memory.Connection(memory.Server()), PLAN, sessions[0].relay, NO_CAPABILITIES)
    pool.keep(KEY, late, 10.0)
    await until(lambda: late.connection.end == "quit")  # somebody needs the place more
    places.give_back()
    await waiting
    await pool.close()


async def test_a_goodbye_that_is_not_answered_makes_room_where_places_are_scarce(memory, monkeypatch):
    monkeypatch.setattr(pool_module, "HURRY", 0.05)
    places = Places(1)
    pool = Pool(VirtualClock(), places)
    await places.take()
    relay = Relay("mx.example.com", "192.0.2.1", 25)
    first, second = (
        Session(memory.Connection(memory.Server(QUIT=memory.HANG)), PLAN, relay, NO_CAPABILITIES) for _ in range(2)
    )
    pool.leave(first)
    await asyncio.sleep(0.1)
    assert pool._leaving, "nobody is in need: there is time"
    waiting = asyncio.create_task(places.take())
    await until(lambda: not pool._leaving)  # the first that was leaving makes room
    pool.leave(second)
    await until(lambda: not pool._leaving)  # and another one does not take its time
    places.give_back()
    await waiting
    await pool.close()
