from __future__ import annotations

import asyncio

from tlswitness.dns.answer import Denial, Denied, Found, LookupFailed, RecordType, Resolver, Security, TxtRecord
from tlswitness.lab.fakes import FakeResolver, VirtualClock


async def test_the_resolver_answers_from_its_table_and_notes_the_questions() -> None:
    fake = FakeResolver({("Host.Example.", RecordType.A): Found(("192.0.2.1",), Security.SECURE, 60)})
    fake.add_txt("t.example", "a", "b")
    fake.fail("bad.example", RecordType.MX, "SERVFAIL EDE 6", Security.BOGUS)
    resolver: Resolver = fake
    assert await resolver.lookup("host.example", RecordType.A) == Found(("192.0.2.1",), Security.SECURE, 60)
    assert await resolver.lookup("HOST.example.", RecordType.AAAA) == Denied(Denial.NODATA, Security.INSECURE, 300)
    assert await resolver.lookup("none.example", RecordType.A) == Denied(Denial.NXDOMAIN, Security.INSECURE, 300)
    assert await resolver.lookup("bad.example", RecordType.MX) == LookupFailed(Security.BOGUS, "SERVFAIL EDE 6")
    found = await resolver.lookup("t.example", RecordType.TXT)
    assert found == Found((TxtRecord((b"a",)), TxtRecord((b"b",))), Security.INSECURE, 300)
    assert fake.questions[:2] == [("host.example", RecordType.A), ("host.example", RecordType.AAAA)]
    assert fake.asked("Host.example", RecordType.A) == 1


async def test_answers_can_be_taken_away() -> None:
    fake = FakeResolver()
    fake.add("x.example", RecordType.A, "192.0.2.1")
    fake.add("x.example", RecordType.AAAA, "2001:db8::1")
    fake.remove("x.example", RecordType.A)
    assert await fake.lookup("x.example", RecordType.A) == Denied(Denial.NODATA, Security.INSECURE, 300)
    fake.remove("x.example")
    assert await fake.lookup("x.example", RecordType.A) == Denied(Denial.NXDOMAIN, Security.INSECURE, 300)


async def test_the_clock_wakes_sleepers_in_their_order() -> None:
    clock = VirtualClock(100.0)
    woken: list[float] = []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    tasks = [asyncio.create_task(sleeper(seconds)) for seconds in (30, 10, 0, 20)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert woken == [0]
    assert clock.sleepers == 3
    tasks[1].cancel()
    await asyncio.sleep(0)
    assert clock.sleepers == 2
    clock.advance(25)
    await asyncio.sleep(0)
    assert clock() == 125
    assert woken == [0, 20]
    clock.advance(5)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert woken == [0, 20, 30]
