import asyncio
from dataclasses import replace

import pytest
from tests.journal.support import FINDINGS
from tests.service.support import module

from tlswitness.hooks.standing import Counts
from tlswitness.journal import JournalSink, Writer
from tlswitness.lab.fakes import until
from tlswitness.service.janitor import Janitor
from tlswitness.service.look import FRESH, Looker, Sources


class Supervisor:
    def __init__(self):
        self.modules = []
        self.asked = 0

    def snapshots(self, octets):
        self.asked += 1
        return tuple(each.now for each in self.modules)


class Around:
    def __init__(self, place):
        self.now = 1000.0
        self.supervisor = Supervisor()
        self.writer = Writer(place.settings.journal, "serve")
        self.sink = JournalSink(self.writer)
        self.janitor = Janitor(place.settings.hooks)
        sources = Sources(
            self.supervisor,
            self.sink,
            self.writer,
            self.janitor,
            place.settings.journal.directory,
            lambda status: replace(status, config="here"),
        )
        self.looker = Looker(sources, clock=lambda: self.now)


@pytest.fixture
async def around(place):
    around = Around(place)
    yield around
    await asyncio.to_thread(around.sink.close)


async def test_an_empty_journal(around):
    status = await around.looker.look()
    assert (status.journal.segments, status.journal.octets, status.journal.oldest) == (0, 0, None)
    assert status.journal.failing == ""
    assert status.config == "here"


async def test_the_journal(around, place):
    place.write(range(3))
    place.write(range(3))
    around.sink.submit(FINDINGS[0].at(1))
    await until(lambda: around.sink.counters().written == 1)
    journal = (await around.looker.look()).journal
    files = list(place.settings.journal.directory.glob("*.seg"))
    assert (journal.segments, journal.chains, journal.written, journal.dropped) == (3, 3, 1, 0)
    assert journal.octets == sum(file.stat().st_size for file in files)
    assert journal.oldest is not None
    assert journal.free is not None
    around.writer.flush()
    around.now += 1
    assert (await around.looker.look()).journal.unsynced == 0


async def test_it_is_told_again_for_a_moment(around):
    for _ in range(10):
        await around.looker.look()
    assert around.supervisor.asked == 1
    around.now += FRESH
    await asyncio.gather(*(around.looker.look() for _ in range(10)))
    assert around.supervisor.asked == 2
    around.now -= 86_400  # a clock that was set back
    await around.looker.look()
    assert around.supervisor.asked == 3


async def test_damages_count_from_the_start_on(around):
    def met(damaged):
        return Counts(0, 0, 0, 0, damaged, 0, 0, 0)

    around.supervisor.modules = [module("a", counts=met(5)), module("b", counts=met(2))]
    assert (await around.looker.look()).journal.damaged == 0
    around.supervisor.modules = [module("a", counts=met(6)), module("b", counts=met(4))]
    around.janitor.swept.damaged = 10
    around.now += 1
    assert (await around.looker.look()).journal.damaged == 12, "both met the same"


async def test_what_was_missed_is_told_of_its_module(around):
    around.supervisor.modules = [module("a"), module("b")]
    around.janitor.swept.missed = {"b": 7}
    assert [each.missed for each in (await around.looker.look()).modules] == [0, 7]


async def test_a_journal_that_cannot_be_listed(around, place):
    place.settings.journal.directory.parent.mkdir()
    place.settings.journal.directory.write_text("")
    status = await around.looker.look()
    assert "cannot be listed: [Errno 20] Not a directory" in status.journal.failing
    assert status.modules == ()
