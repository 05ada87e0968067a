import pytest

from tlswitness.datapoint import Cause, Failure
from tlswitness.dns.answer import LookupFailed, RecordType
from tlswitness.engine.check.policy import StsAsker
from tlswitness.lab.fakes import FakeResolver, VirtualClock
from tlswitness.names import Domain
from tlswitness.policy.sts import (
    BadRecord,
    Entry,
    Fetched,
    FetchFailed,
    FetchOutcome,
    NoRecord,
    PolicyStore,
    StsAbsent,
    StsApplies,
    StsPolicy,
    StsRecord,
    parse_policy,
)

DOMAIN = Domain("example.com")
BODY = b"version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 864000\n"
GONE = FetchFailed(Failure(Cause.STS_TIMEOUT))


def policy(body: bytes = BODY) -> StsPolicy:
    parsed = parse_policy(body)
    assert isinstance(parsed, StsPolicy)
    return parsed


class World:
    def __init__(self) -> None:
        self.resolver = FakeResolver()
        self.clock = VirtualClock()
        self.store = PolicyStore(None)
        self.outcome: FetchOutcome = Fetched(policy(), BODY)
        self.fetches = 0

    async def fetch(self, domain: Domain) -> FetchOutcome:
        self.fetches += 1
        return self.outcome

    def cache(self, body: bytes = BODY, record_id: str = "1") -> Entry:
        now = int(self.clock())
        entry = Entry(DOMAIN, record_id, policy(body), body, now, 0)
        self.store.put(entry)
        return entry

    async def look(self, *, use: bool = True, enable: bool = True):
        return await StsAsker(self.resolver, self, self.store, self.clock).look(DOMAIN, use=use, enable=enable)


@pytest.fixture
def world() -> World:
    made = World()
    made.resolver.add_txt("_mta-sts.example.com", "v=STSv1; id=1;")
    return made


async def test_a_policy_that_nobody_knew(world):
    look, _ = await world.look()
    assert look.record == StsRecord("1")
    assert look.served == world.outcome
    assert look.stored is None
    assert isinstance(look.answer, StsApplies)
    assert not look.answer.cached
    assert world.store.entries() == ()
    assert world.fetches == 1


async def test_the_cached_policy_counts_and_the_served_one_is_seen_all_the_same(world):
    entry = world.cache()
    world.outcome = GONE
    look, _ = await world.look()
    assert (look.stored, look.served) == (entry, GONE)
    assert isinstance(look.answer, StsApplies)
    assert look.answer.cached
    assert look.answer.failure is None, "the id is the same: a delivery would not fetch"
    assert world.store.get(DOMAIN) == entry, "not even its use is noted"


async def test_a_failed_fetch_is_told_each_time(world):
    world.outcome = GONE
    for _ in range(2):
        look, _ = await world.look()
        assert look.answer == StsAbsent(DOMAIN, look.answer.reason, GONE.failure, unsure=True)


@pytest.mark.rfc(8461, "5.1")
async def test_looking_again_takes_what_was_fetched(world):
    world.cache(BODY.replace(b"mx.example.com", b"old.example.com"))
    look, service = await world.look()
    assert isinstance(look.answer, StsApplies)
    again = await service.recheck(look.answer)
    assert isinstance(again, StsApplies)
    assert again.policy == policy()
    assert world.fetches == 1


async def test_a_policy_that_expired_is_shown_and_not_applied(world):
    entry = world.cache()
    world.resolver.remove("_mta-sts.example.com")
    world.clock.advance(864_001)
    look, _ = await world.look()
    assert look.stored == entry
    assert isinstance(look.answer, StsAbsent)


async def test_switched_off(world):
    world.cache()
    look, _ = await world.look(use=False)
    assert (look.record, look.served, world.fetches) == (None, None, 0)
    assert isinstance(look.answer, StsApplies)
    assert isinstance((await world.look(enable=False))[0].answer, StsAbsent)


async def test_records(world):
    name = "_mta-sts.example.com"
    world.resolver.add_txt(name, "v=STSv1; id=1;", "v=STSv1; id=2;")
    assert (await world.look())[0].record == BadRecord(Failure(Cause.STS_TXT_MULTIPLE))
    world.resolver.remove(name)
    assert (await world.look())[0].record == NoRecord()
    world.resolver.fail(name, RecordType.TXT)
    assert isinstance((await world.look())[0].record, LookupFailed)


async def test_a_name_too_long_for_a_record(world):
    long = Domain(".".join(["a" * 60] * 4))
    look, _ = await StsAsker(world.resolver, world, world.store, world.clock).look(long, use=True, enable=True)
    assert look.record == NoRecord()
