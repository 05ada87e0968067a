import asyncio
import contextlib
import time
from dataclasses import replace

import pytest

from tlswitness.datapoint import Cause, Failure, NotReportable
from tlswitness.delivery.attempt import Opener
from tlswitness.delivery.settings import Destination, Sender
from tlswitness.delivery.tls import TlsContexts
from tlswitness.delivery.verdict import TrustStore, judge
from tlswitness.engine.check.session import MAX_NAMES, try_address
from tlswitness.lab.authority import DAY
from tlswitness.lab.mx import BEHAVIOURS
from tlswitness.lab.site import Mx
from tlswitness.names import Domain, HostName
from tlswitness.net import MappedDialer
from tlswitness.policy.plan import LocalRules, Plan

ADDRESS = "127.0.0.1"
NOW = time.time()


def plan(host: str = "mx.example.test", **local) -> Plan:
    name = HostName(host, host)
    return Plan(Domain("example.test"), name, (ADDRESS,), 25, LocalRules(**local), None, None)


def destination() -> Destination:
    return Destination(Domain("example.test"), Sender("me.example.test"))


@pytest.fixture
def try_mx(internet):
    """Tries an MX of that behaviour and certificate."""
    trust = TrustStore.from_pem(internet.authority.trust_pem)

    async def try_mx(behaviour: str = "ok", demand: Plan | None = None, names=("mx.example.test",), **made):
        issued = internet.authority.issue(list(names), **made)
        server = await internet.serve(Mx("mx.example.test", ADDRESS, issued, BEHAVIOURS[behaviour]))
        reported = []
        opener = Opener(
            MappedDialer(endpoints={(ADDRESS, 25): server.port}),
            TlsContexts.make(),
            lambda chain, plan, _: judge(chain, plan, trust, NOW),
            reported.append,
        )
        try:
            tried = await try_address(opener, demand or plan(), ADDRESS, destination(), NOW, patience=20)
        finally:
            await server.stop()
        assert reported == [], "nothing is told to others"
        return tried

    return try_mx


async def test_a_server_that_is_as_it_should_be(try_mx):
    tried = await try_mx()
    assert tried.broken is None
    assert tried.tls.protocol == "TLSv1.3"
    assert tried.webpki == ()
    (session,) = tried.sessions()
    assert session.judged[0].failures == ()
    (point,) = tried.points
    assert (point.type, point.receiving_ip, point.epoch) == (1, ADDRESS, int(NOW))


async def test_what_nobody_asked_for_is_judged_all_the_same(try_mx):
    tried = await try_mx(names=("other.example.test",))
    assert tried.broken is None
    assert tried.webpki == (Failure(Cause.CERT_HOST_MISMATCH),)
    assert tried.points[0].type == 1


async def test_a_server_that_a_rule_forbids(try_mx):
    tried = await try_mx("no-starttls", plan(tls_verify=True))
    assert tried.broken is not None
    assert tried.webpki is None
    assert tried.points[0].result_type == "starttls-not-supported"


async def test_clear_text_on_a_new_connection(try_mx):
    tried = await try_mx("tls-alert")
    assert tried.broken is None
    assert tried.tls.protocol == ""
    assert len(tried.sessions()) == 1


async def test_no_connection_is_nothing_to_report(try_mx):
    tried = await try_mx("refused")
    assert tried.broken.verdict == "not connected"
    assert tried.points == ()
    assert all(isinstance(outcome, NotReportable) for outcome in tried.outcomes)


async def test_the_certificate(try_mx):
    names = [f"mx{number}.example.test" for number in range(MAX_NAMES + 5)]
    tried = await try_mx(names=names, not_after=5 * DAY)
    facts = tried.certificate
    assert facts.names == tuple(names[:MAX_NAMES])
    assert facts.issuer == "CN=Lab Intermediate"
    assert facts.not_after == facts.chain_ends
    assert 4 * DAY < facts.chain_ends - NOW < 6 * DAY
    assert facts.tlsa.startswith("3 1 1 ")
    assert len(facts.tlsa.removeprefix("3 1 1 ")) == 64


async def test_an_anonymous_server_has_none(try_mx):
    tried = await try_mx("tls-anonymous")
    assert tried.certificate is None
    assert Failure(Cause.TLS_NO_CERTIFICATE) in tried.webpki


async def test_a_person_does_not_wait_for_ever(internet):
    async def silent(reader, writer):
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, ADDRESS, 0)
    port = server.sockets[0].getsockname()[1]
    opener = Opener(MappedDialer({25: port}), TlsContexts.make(), lambda *_: None, lambda _: None)
    async with server:
        tried = await try_address(opener, plan(), ADDRESS, destination(), NOW, patience=0.05)
    assert tried.broken.verdict == "too slow"
    assert "took longer than 0.05 seconds" in tried.broken.text
    assert tried.points == ()


async def test_a_server_that_ignores_quit_is_left(internet, monkeypatch):
    monkeypatch.setattr("tlswitness.engine.check.session.FAREWELL", 0.05)

    async def deaf(reader, writer):
        writer.write(b"220 mx ESMTP\r\n")
        await reader.readline()
        writer.write(b"250 mx\r\n")
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(deaf, ADDRESS, 0)
    port = server.sockets[0].getsockname()[1]
    opener = Opener(MappedDialer({25: port}), TlsContexts.make(), lambda *_: None, lambda _: None)
    quiet = replace(destination(), report_without_policy=False)
    async with server:
        tried = await try_address(opener, plan(), ADDRESS, quiet, NOW, patience=20)
    assert tried.broken is None
    assert tried.points == ()
