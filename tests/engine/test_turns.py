import asyncio

import pytest

from tlswitness.engine.turns import Turns
from tlswitness.names import Domain

A, B, C = (Domain(f"{name}.example") for name in "abc")


class World:
    def __init__(self, limit):
        self.turns = Turns(limit)
        self.has = []
        self.ends = {}
        self.tasks = {}

    def begin(self, name, domain):
        self.ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._hold(name, domain))

    async def _hold(self, name, domain):
        turn = await self.turns.enter(domain)
        try:
            self.has.append(name)
            await self.ends[name].wait()
            self.has.remove(name)
        finally:
            self.turns.leave(domain, turn)

    async def end(self, *names):
        for name in names:
            self.ends[name].set()
        await self.settle()

    async def settle(self):
        for _ in range(10):
            await asyncio.sleep(0)


async def test_as_many_destinations_as_there_are_turns():
    world = World(2)
    for name, domain in (("a", A), ("b", B), ("c", C)):
        world.begin(name, domain)
    await world.settle()
    assert world.has == ["a", "b"]
    await world.end("b")
    assert world.has == ["a", "c"]
    await world.end("a", "c")
    assert world.has == []
    assert not world.turns._turns


async def test_messages_to_one_destination_share_its_turn():
    world = World(1)
    world.begin("a1", A)
    world.begin("a2", A)
    world.begin("b", B)
    await world.settle()
    world.begin("a3", A)
    await world.settle()
    assert world.has == ["a1", "a2", "a3"]
    await world.end("a1", "a3")
    assert world.has == ["a2"]
    await world.end("a2")
    assert world.has == ["b"]
    await world.end("b")


@pytest.mark.parametrize("gone", ["b1", "b2"])
async def test_who_gives_up_while_waiting_takes_no_turn_and_keeps_none_from_others(gone):
    world = World(1)
    for name, domain in (("a", A), ("b1", B), ("b2", B), ("c", C)):
        world.begin(name, domain)
    await world.settle()
    world.tasks[gone].cancel()
    await world.settle()
    await world.end("a")
    (stays,) = {"b1", "b2"} - {gone}
    # Who took over the waiting of another stands behind those who came meanwhile.
    assert world.has in ([stays], ["c"])
    await world.end(stays, "c")
    assert world.has == []
    async with asyncio.timeout(5):
        world.turns.leave(C, await world.turns.enter(C))
    assert not world.turns._turns


async def test_who_always_has_mail_under_way_does_not_keep_the_rest_out(monkeypatch):
    monkeypatch.setattr("tlswitness.engine.turns.SHARED_FOR", 0.0)
    world = World(1)
    world.begin("a1", A)
    await world.settle()
    world.begin("a2", A)  # nobody waits: it may join
    world.begin("b", B)
    await world.settle()
    world.begin("a3", A)  # behind the one who waits
    await world.settle()
    assert world.has == ["a1", "a2"]
    await world.end("a1")
    world.begin("a4", A)
    await world.end("a2")
    assert world.has == ["b"]
    await world.end("b")
    assert world.has == ["a3", "a4"]
    await world.end("a3", "a4")
    assert not world.turns._turns


async def test_one_that_is_slow_does_not_collect_turns(monkeypatch):
    monkeypatch.setattr("tlswitness.engine.turns.SHARED_FOR", 0.0)
    world = World(3)
    for name, domain in (("b", B), ("a1", A), ("c", C)):
        world.begin(name, domain)
    await world.settle()
    world.begin("d", Domain("d.example"))
    await world.settle()
    world.begin("a2", A)
    await world.settle()
    await world.end("b", "c")
    assert world.has == ["a1", "d", "a2"]
    for name in "ef":
        world.begin(name, Domain(f"{name}.example"))
    await world.settle()
    world.begin("a3", A)  # a third turn is not for it
    await world.end("d")
    assert world.has == ["a1", "a2", "e"]
    await world.end("e")
    assert world.has == ["a1", "a2", "f"]
    await world.end("a1", "f")
    assert world.has == ["a2", "a3"]
    await world.end("a2", "a3")
    assert not world.turns._turns


async def test_one_message_has_half():
    assert [Turns(limit).of_one_message for limit in (1, 2, 3, 100)] == [1, 1, 1, 50]
