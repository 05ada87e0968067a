import asyncio

import pytest

from tlswitness.lab.fakes import until
from tlswitness.service import door as door_module
from tlswitness.service.door import MAX_CLIENTS, Door


class Place:
    """A door that is open: each client says a line and has it back, `times` over."""

    def __init__(self, times=1):
        self.times = times
        self.door = Door(self.talk, b"too many")
        self.clients = []

    async def talk(self, reader, writer):
        writer.write(await reader.readline() * self.times)

    async def client(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.clients.append(writer)
        return reader, writer

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.door.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.door.close()
        for writer in self.clients:
            writer.transport.abort()
        await asyncio.sleep(0.01)


async def test_an_answer_and_the_end():
    async with Place() as place:
        reader, writer = await place.client()
        writer.write(b"hello\n")
        assert await reader.read() == b"hello\n"
        await until(lambda: not place.door.inside)


async def test_one_too_many_is_turned_away_and_who_hangs_loses_his_place(monkeypatch):
    async with Place() as place:
        hanging = [await place.client() for _ in range(MAX_CLIENTS)]
        await until(lambda: len(place.door.inside) == MAX_CLIENTS)
        reader, _ = await place.client()
        assert await reader.read() == b"too many"
        hanging[0][1].write(b"at last\n")
        assert await hanging[0][0].read() == b"at last\n"
        await until(lambda: len(place.door.inside) == MAX_CLIENTS - 1)
        reader, writer = await place.client()
        writer.write(b"hello\n")
        assert await reader.read() == b"hello\n"


@pytest.mark.parametrize("times", [1, 10_000_000])
async def test_who_says_nothing_or_takes_nothing_has_his_time(monkeypatch, times):
    monkeypatch.setattr(door_module, "DEADLINE", 0.2)
    async with Place(times) as place:
        _, writer = await place.client()
        if times > 1:
            writer.write(b"hello\n")
            writer.transport.pause_reading()
        await until(lambda: place.door.inside)
        await until(lambda: not place.door.inside)


async def test_closing_ends_what_is_under_way():
    async with Place() as place:
        await place.client()
        await until(lambda: place.door.inside)
        await place.door.close()
        assert not place.door.inside
