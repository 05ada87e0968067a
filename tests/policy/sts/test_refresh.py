from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from random import Random

import pytest

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.lab.fakes import FakeResolver, VirtualClock, until
from tlswitness.lab.policyhost import policy_text
from tlswitness.names import Domain
from tlswitness.policy.sts.entry import Entry
from tlswitness.policy.sts.fetch import Fetched, FetchFailed, FetchOutcome
from tlswitness.policy.sts.grammar import parse_policy
from tlswitness.policy.sts.model import StsAbsent, StsApplies, StsPolicy
from tlswitness.policy.sts.refresh import DAY, MAX_AT_ONCE, MAX_BATCH, MIN_RETRY, TICK, Refresher
from tlswitness.policy.sts.service import StsPolicies
from tlswitness.policy.sts.store import PolicyStore

DOMAIN = Domain("example.com")


class Web:
    """Policy hosts without a network."""

    def __init__(self, body: bytes = policy_text("mx.example.com")) -> None:
        self.body = body
        self.up = True
        self.fetched: list[Domain] = []
        self.running = self.most = 0

    async def fetch(self, domain: Domain) -> FetchOutcome:
        self.fetched.append(domain)
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        policy = parse_policy(self.body)
        assert isinstance(policy, StsPolicy)
        return Fetched(policy, self.body) if self.up else FetchFailed(Failure(Cause.STS_TIMEOUT))


class World:
    def __init__(self, directory: Path | None = None, body: bytes = policy_text("mx.example.com")) -> None:
        self.clock = VirtualClock()
        self.web = Web(body)
        self.resolver = FakeResolver()
        self.resolver.add_txt("_mta-sts.example.com", "v=STSv1; id=1;")
        self.store = PolicyStore(directory)
        self.policies = StsPolicies(self.resolver, self.web, self.store, clock=self.clock)
        self.refresher = Refresher(self.policies, clock=self.clock, sleep=self.clock.sleep, random=Random(1))

    async def pass_time(self, seconds: float, step: float = 600) -> None:
        for _ in range(int(seconds / step)):
            self.clock.advance(step)
            await self.refresher.refresh_due(self.clock())

    def fill(self, count: int) -> None:
        policy = parse_policy(self.web.body)
        assert isinstance(policy, StsPolicy)
        now = int(self.clock())
        for number in range(count):
            self.store.put(Entry(Domain(f"n{number}.example"), "1", policy, self.web.body, now, now))


@pytest.mark.rfc(8461, "3.3")
@pytest.mark.rfc(8461, "10.2")
async def test_a_policy_is_refreshed_daily_whatever_the_record_says_and_lives_on() -> None:
    world = World()
    await world.policies.find(DOMAIN)
    world.resolver.remove("_mta-sts.example.com")
    questions = len(world.resolver.questions)
    await world.pass_time(30 * DAY)  # the policy lives a week
    assert len(world.resolver.questions) == questions
    assert 30 <= len(world.web.fetched) - 1 <= 42
    assert isinstance(await world.policies.find(DOMAIN, use=False), StsApplies)
    entry = world.store.get(DOMAIN)
    assert entry is not None
    assert world.clock() - entry.fetched_at <= DAY
    assert entry.id == "1"


async def test_a_refresh_brings_what_the_host_serves_now() -> None:
    world = World()
    await world.policies.find(DOMAIN)
    world.web.body = policy_text(mode="none")
    await world.pass_time(DAY)
    assert isinstance(await world.policies.find(DOMAIN), StsAbsent)


@pytest.mark.rfc(8461, "3.3")
async def test_failures_are_told_to_the_log_retried_and_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    await world.policies.find(DOMAIN)
    world.web.up = False
    await world.pass_time(3 * DAY)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert 8 <= len(warnings) == len(world.web.fetched) - 1 <= 16
    assert "example.com cannot be refreshed and holds until 2026-01-08T00:00:00Z: policy host timed out" in warnings[0]
    answer = await world.policies.find(DOMAIN)
    assert isinstance(answer, StsApplies)
    assert answer.failure is None
    world.web.up = True
    await world.pass_time(DAY)
    entry = world.store.get(DOMAIN)
    assert entry is not None
    assert entry.fetched_at > world.clock() - DAY


@pytest.mark.rfc(8461, "3.3")
async def test_failures_under_mode_none_alarm_nobody(caplog: pytest.LogCaptureFixture) -> None:
    world = World(body=policy_text(mode="none"))
    await world.policies.find(DOMAIN)
    world.web.up = False
    await world.pass_time(2 * DAY)
    assert len(world.web.fetched) > 1
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_what_has_expired_or_was_not_used_for_long_or_lives_too_shortly_is_left() -> None:
    world = World()
    await world.policies.find(DOMAIN)
    world.web.up = False
    await world.pass_time(7 * DAY)
    world.web.up = True
    count = len(world.web.fetched)
    await world.pass_time(DAY)
    assert len(world.web.fetched) == count
    for body in (policy_text("mx.example.com", max_age=7000), policy_text("mx.example.com", max_age=0)):
        short = World(body=body)
        await short.policies.find(DOMAIN)
        await short.pass_time(6600)
        assert len(short.web.fetched) == 1
    unused = World(body=policy_text("mx.example.com", max_age=31_557_600))
    await unused.policies.find(DOMAIN)
    await unused.pass_time(200 * DAY, step=DAY / 4)
    last = unused.store.get(DOMAIN)
    assert last is not None
    assert 178 * DAY < last.fetched_at - last.last_used < 181 * DAY


async def test_a_short_life_is_refreshed_at_half_of_it_at_the_latest() -> None:
    world = World(body=policy_text("mx.example.com", max_age=7200))
    await world.policies.find(DOMAIN)
    world.resolver.remove("_mta-sts.example.com")
    for _ in range(20):
        await world.pass_time(3600, step=60)
        assert isinstance(await world.policies.find(DOMAIN), StsApplies)
    world.web.up = False
    count = len(world.web.fetched)
    await world.pass_time(3600, step=60)
    assert 1 <= len(world.web.fetched) - count <= 3600 / (MIN_RETRY * 0.75)


async def test_a_policy_fetched_under_a_wrong_clock_is_fetched_anew() -> None:
    world = World()
    world.clock.advance(365 * DAY)
    await world.policies.find(DOMAIN)
    world.clock.advance(-365 * DAY)
    assert await world.refresher.refresh_due(world.clock()) == 1
    entry = world.store.get(DOMAIN)
    assert entry is not None
    assert entry.fetched_at == world.clock()


async def test_refreshes_are_spread_and_bounded() -> None:
    world = World()
    world.fill(2000)
    counts = []
    for _ in range(48):
        world.clock.advance(1800)
        counts.append(await world.refresher.refresh_due(world.clock()))
    assert sum(counts) == 2000
    assert counts[:35] == [0] * 35  # not before three quarters of a day
    assert all(0 < count < 500 for count in counts[36:])  # and not all at once
    assert world.web.most <= MAX_AT_ONCE
    late = World()
    late.fill(MAX_BATCH + 10)
    late.clock.advance(DAY)
    assert await late.refresher.refresh_due(late.clock()) == MAX_BATCH
    assert await late.refresher.refresh_due(late.clock()) == 10
    assert await late.refresher.refresh_due(late.clock()) == 0


async def test_the_loop_refreshes_and_sees_what_others_wrote(tmp_path: Path) -> None:
    world = World(tmp_path)
    other = World(tmp_path)
    await other.policies.find(DOMAIN)
    loop = asyncio.create_task(world.refresher.run())
    for _ in range(3):
        await until(lambda: world.clock.sleepers)
        assert not world.web.fetched or world.clock() > DAY
        world.clock.advance(TICK if world.store.get(DOMAIN) is None else DAY)
    await until(lambda: world.clock.sleepers)
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
    assert world.web.fetched == [DOMAIN] * 2


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), RuntimeError("can't start new thread")])
async def test_the_loop_outlives_a_directory_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def broken() -> None:
        raise error

    world = World()
    monkeypatch.setattr(world.store, "rescan", broken)
    loop = asyncio.create_task(world.refresher.run())
    for _ in range(2):
        await until(lambda: world.clock.sleepers)
        world.clock.advance(TICK)
    await until(lambda: "cannot be read" in caplog.text)
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop


async def test_a_fault_of_ours_in_one_refresh_does_not_end_the_others(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.fill(3)
    fetch = world.web.fetch

    async def faulty(domain: Domain) -> FetchOutcome:
        if domain == world.store.entries()[0].domain:
            raise RuntimeError("a fault of ours")
        return await fetch(domain)

    world.web.fetch = faulty  # type: ignore[method-assign]
    world.clock.advance(DAY)
    assert await world.refresher.refresh_due(world.clock()) == 2
    assert "broke off" in caplog.text
