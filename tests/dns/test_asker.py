from collections.abc import Sequence
from itertools import pairwise

import pytest

from tlswitness.dns.answer import Alias, Answer, Denial, Denied, Found, LookupFailed, RecordType, Security, TxtRecord
from tlswitness.dns.asker import MAX_HOPS, Asker
from tlswitness.dns.servers import Server
from tlswitness.lab.nameserver import NameServer
from tlswitness.lab.zone import (
    BOGUS,
    Cname,
    Failing,
    Malformed,
    Records,
    Reply,
    Silent,
    Truncated,
    WrongId,
    WrongQuestion,
)

GOOD = Records(("192.0.2.1",))


SHORT, LONG = 0.03, 5.0
"""Seconds to wait for silence, and for an answer."""


def asker(timeout: float = LONG, rounds: int = 1, deadline: float = 20.0) -> Asker:
    return Asker(timeout=timeout, tcp_timeout=LONG, rounds=rounds, deadline=deadline)


async def ask(
    servers: Sequence[Server], name: str = "example.com", *, rounds: int = 1, timeout: float = LONG
) -> Answer:
    return await asker(timeout, rounds).ask(name, RecordType.A, servers, lambda _: True)


@pytest.mark.rfc(7672, "2.1.1")
@pytest.mark.parametrize(
    ("reply", "security", "code"),
    [
        (Failing("SERVFAIL"), Security.FAILED, "SERVFAIL"),
        (Failing("SERVFAIL", 22), Security.FAILED, "SERVFAIL EDE 22"),
        (BOGUS, Security.BOGUS, "SERVFAIL EDE 6"),
        (Failing("NOTIMP"), Security.FAILED, "NOTIMP"),
        (Failing("REFUSED"), Security.FAILED, "REFUSED"),
        (Silent(), Security.FAILED, "timeout"),
        (Malformed(), Security.FAILED, "malformed"),
        (Truncated(Malformed()), Security.FAILED, "malformed"),
        (WrongQuestion(), Security.FAILED, "timeout"),
        (WrongId(), Security.FAILED, "timeout"),
    ],
)
async def test_what_is_a_failed_lookup(lab: NameServer, reply: Reply, security: Security, code: str) -> None:
    lab.zone.set("example.com", RecordType.A, reply)
    failed = await ask([lab.server], timeout=SHORT if code == "timeout" else LONG)
    assert isinstance(failed, LookupFailed)
    assert (failed.security, failed.code) == (security, code)
    assert "example.com A" in failed.detail
    assert str(lab.server) in failed.detail


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (Failing(), GOOD, None),
        (BOGUS, GOOD, None),
        (Silent(), GOOD, None),
        (Malformed(), GOOD, None),
        (Failing("REFUSED"), Failing("SERVFAIL"), "REFUSED"),
        (Silent(), Failing("SERVFAIL"), "SERVFAIL"),
        (Failing("SERVFAIL"), Silent(), "SERVFAIL"),
        (Failing("SERVFAIL"), BOGUS, "SERVFAIL EDE 6"),
        (BOGUS, Failing("SERVFAIL", 7), "SERVFAIL EDE 6"),
    ],
)
async def test_the_next_server_is_asked_and_the_gravest_failure_named(
    lab: NameServer, first: Reply, second: Reply, code: str | None
) -> None:
    async with NameServer() as other:
        lab.zone.set("example.com", RecordType.A, first)
        other.zone.set("example.com", RecordType.A, second)
        silent = isinstance(first, Silent) or isinstance(second, Silent)
        answer = await ask([lab.server, other.server], timeout=0.2 if silent else LONG)
    assert (answer.code if isinstance(answer, LookupFailed) else None) == code


async def test_only_silence_is_asked_again(lab: NameServer) -> None:
    lab.zone.set("silent.example", RecordType.A, Silent())
    lab.zone.set("failing.example", RecordType.A, Failing())
    await ask([lab.server], "silent.example", rounds=3, timeout=0.01)
    await ask([lab.server], "failing.example", rounds=3)
    assert lab.count("silent.example", RecordType.A) == 3
    assert lab.count("failing.example", RecordType.A) == 1


@pytest.mark.rfc(7672, "2.1.3")
@pytest.mark.parametrize(
    ("first", "second", "security"),
    [
        (True, True, Security.SECURE),
        (True, False, Security.INSECURE),
        (False, True, Security.INSECURE),
    ],
)
async def test_an_alias_left_unfinished_is_followed(
    lab: NameServer, first: bool, second: bool, security: Security
) -> None:
    lab.zone.set("example.com", RecordType.CNAME, Cname("Target.example", secure=first, ttl=50, finished=False))
    lab.zone.address("target.example", "192.0.2.1", secure=second)
    chain = (Alias("example.com", "Target.example"),)
    assert await ask([lab.server]) == Found(("192.0.2.1",), security, 50, chain)
    lab.zone.remove("target.example")
    assert isinstance(await ask([lab.server]), Denied)


@pytest.mark.rfc(8461, "3.1")
@pytest.mark.rfc(8461, "8.2")
@pytest.mark.parametrize("finished", [True, False])
async def test_a_record_may_be_delegated_by_aliases(lab: NameServer, finished: bool) -> None:
    names = ("_mta-sts.example.com", "_mta-sts.hosting.example", "_mta-sts.provider.example")
    for owner, target in pairwise(names):
        lab.zone.set(owner, RecordType.CNAME, Cname(target, finished=finished))
    record = TxtRecord((b"v=STSv1; id=1;",))
    lab.zone.set(names[-1], RecordType.TXT, Records((record,)))
    answer = await asker().ask(names[0], RecordType.TXT, [lab.server], lambda _: False)
    assert isinstance(answer, Found)
    assert answer.records == (record,)
    assert answer.chain == tuple(Alias(*link) for link in pairwise(names))


@pytest.mark.rfc(7672, "2.1.3")
async def test_an_error_at_the_end_of_a_chain_fails_the_whole(lab: NameServer) -> None:
    lab.zone.set("example.com", RecordType.CNAME, Cname("target.example", finished=False))
    lab.zone.set("target.example", RecordType.A, BOGUS)
    failed = await ask([lab.server])
    assert isinstance(failed, LookupFailed)
    assert failed.bogus


@pytest.mark.rfc(7672, "2.1.3")
async def test_loops_and_endless_chains_end(lab: NameServer) -> None:
    for finished in (True, False):
        lab.zone.set("a.example", RecordType.CNAME, Cname("b.example", finished=finished))
        lab.zone.set("b.example", RecordType.CNAME, Cname("a.example", finished=finished))
        failed = await ask([lab.server], "a.example")
        assert isinstance(failed, LookupFailed)
        assert failed.code == "cname-loop"
    for number in range(MAX_HOPS + 1):
        lab.zone.set(f"h{number}.example", RecordType.CNAME, Cname(f"h{number + 1}.example", finished=False))
    lab.forget_queries()
    failed = await ask([lab.server], "h0.example")
    assert isinstance(failed, LookupFailed)
    assert failed.code == "cname-loop"
    assert sum(lab.queries.values()) == MAX_HOPS


async def test_the_deadline_holds(lab: NameServer) -> None:
    lab.zone.set("example.com", RecordType.A, Silent())
    slow = asker(timeout=30.0, deadline=0.02)
    failed = await slow.ask("example.com", RecordType.A, [lab.server], lambda _: True)
    assert isinstance(failed, LookupFailed)
    assert failed.code == "timeout"


@pytest.mark.parametrize("name", ["a..b", "x" * 64, "bücher.example", "." * 5])
async def test_what_cannot_be_asked_for(lab: NameServer, name: str) -> None:
    failed = await ask([lab.server], name)
    assert isinstance(failed, LookupFailed)
    assert failed.code == "bad-name"
    assert not lab.queries


async def test_no_server_at_all() -> None:
    failed = await ask([])
    assert isinstance(failed, LookupFailed)
    assert failed.code == "network"


@pytest.mark.rfc(7671, "10.1.1")
async def test_a_big_rrset_arrives_over_tcp(lab: NameServer) -> None:
    addresses = tuple(f"10.0.{number // 250}.{number % 250}" for number in range(900))
    lab.zone.address("example.com", *addresses)
    answer = await ask([lab.server])
    assert isinstance(answer, Found)
    assert answer.records == addresses
    assert lab.tcp_queries


async def test_a_denial_is_not_asked_elsewhere(lab: NameServer) -> None:
    async with NameServer() as other:
        other.zone.address("example.com", "192.0.2.1")
        answer = await ask([lab.server, other.server])
        assert isinstance(answer, Denied)
        assert answer.denial is Denial.NXDOMAIN
        assert not other.queries
