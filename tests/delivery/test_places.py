import asyncio

import pytest

from tlswitness.delivery.places import Places


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_finds_no_place_waits_in_order():
    places, said = Places(2), []
    places.on_need = lambda: said.append("need")

    async def one(name):
        await places.take()
        said.append(name)

    tasks = [asyncio.create_task(one(name)) for name in "abcd"]
    await settle()
    assert said == ["a", "b", "need", "need"]
    assert places.scarce
    places.give_back()
    await settle()
    assert said[4:] == ["c"]
    places.give_back()
    await asyncio.gather(*tasks)
    assert said[5:] == ["d"]
    assert not places.scarce


async def test_who_gives_up_takes_none():
    places = Places(1)
    await places.take()
    waiting = asyncio.create_task(places.take())
    await settle()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not places.scarce
    places.give_back()
    async with asyncio.timeout(5):
        await places.take()


async def test_a_place_that_comes_free_at_once_is_waited_for_all_the_same():
    """What makes room may do so within the call."""
    places = Places(1)
    await places.take()
    places.on_need = places.give_back
    async with asyncio.timeout(5):
        await places.take()
