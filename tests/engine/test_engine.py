"""The engine in the lab: real sockets, real DNS, real TLS."""

import asyncio
import logging
import threading
import time
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from tests.journal.support import drained

from tlswitness.config import Config, DaneDigest, SmtpLimits, parse_config
from tlswitness.config.load import Loaded
from tlswitness.delivery.outcome import Deferred, Delivered, Envelope, Failed
from tlswitness.engine import Engine
from tlswitness.engine import engine as engine_module
from tlswitness.journal import SinkCounters, segments
from tlswitness.lab.authority import Authority
from tlswitness.lab.fakes import until
from tlswitness.lab.mx import BEHAVIOURS
from tlswitness.lab.nameserver import Conduct
from tlswitness.lab.policyhost import Serve, policy_text
from tlswitness.lab.site import Mx
from tlswitness.names import Domain
from tlswitness.policy.plan import Tag

MESSAGE = b"From: me@example.org\r\nSubject: hello\r\n\r\nHello.\r\n"


class Town:
    """Domains in the lab, and engines that deliver to them."""

    def __init__(self, internet, stack):
        self.internet = internet
        self.stack = stack
        self.servers = []
        self.points = []

    async def mx(self, name, behaviour="ok", certificate=None):
        """An MX host, up."""
        certificate = certificate or self.internet.authority.issue([name])
        place = self.internet.place()
        server = await self.internet.serve(Mx(name, place.mx, certificate, BEHAVIOURS[behaviour]))
        self.stack.push_async_callback(server.stop)
        self.internet.zone.address(name, server.address)
        self.servers.append(server)
        return server

    def domain(self, name, *servers, secure=False, mode=None):
        """A domain whose mail these take, with an MTA-STS policy in `mode`, if any."""
        self.internet.zone.mx(name, *((10, server.name) for server in servers), secure=secure)
        if mode is not None:
            host = f"mta-sts.{name}"
            body = policy_text(*(server.name for server in servers), mode=mode, max_age=86400)
            self.internet.zone.txt(f"_mta-sts.{name}", "v=STSv1; id=1;")
            self.internet.zone.address(host, self.internet.policy_host.address)
            self.internet.policy_host.publish(host, self.internet.authority.issue([host]), Serve(body))

    def config(self, smtp=None, **rules):
        return replace(self.internet.config("engine", rules, {}), smtp=SmtpLimits(**smtp or {}))

    def engine(self, config=None, hooks=None, **rules):
        return Engine(
            config or self.config(**rules),
            hooks=[self.points.append] if hooks is None else hooks,
            surroundings=self.surroundings,
        )

    @property
    def surroundings(self):
        return engine_module.Surroundings(dialer=self.internet.dialer(self.servers), clock=time.time)


@pytest.fixture
async def town(internet):
    async with AsyncExitStack() as stack:
        yield Town(internet, stack)


def to(*recipients, sender="me@example.org"):
    return Envelope(sender, recipients)


def kinds(outcome):
    return [type(one).__name__ for one in outcome.recipients]


def told(points):
    return [(point.policy.policy_type.value, point.policy.policy_domain, point.type) for point in points]


async def test_a_message_is_delivered_and_the_hook_is_told(town):
    server = await town.mx("mx.one.test")
    town.domain("one.test", server, mode="enforce")
    async with town.engine() as engine:
        (outcome,) = (await engine.deliver(MESSAGE, to("you@one.test"))).recipients
    assert isinstance(outcome, Delivered)
    assert (outcome.tls.protocol, outcome.tls.verified_by) == ("TLSv1.3", ("sts",))
    assert [(got.sender, got.recipients, got.data) for got in server.received] == [
        ("me@example.org", ("you@one.test",), MESSAGE)
    ]
    assert told(town.points) == [("sts", "one.test", 1)]


@pytest.mark.rfc(8689, "4.1")
@pytest.mark.rfc(8689, "5")
@pytest.mark.parametrize(
    ("message", "require_tls", "tag", "parameter"),
    [
        (MESSAGE, False, Tag.NORMAL, False),
        (b"TLS-Required: No\r\n" + MESSAGE, False, Tag.OPTIONAL, False),
        (MESSAGE, True, Tag.REQUIRE, True),
        (b"TLS-Required: No\r\n" + MESSAGE, True, Tag.REQUIRE, True),
    ],
)
async def test_all_recipients_have_the_tag_of_the_message(town, message, require_tls, tag, parameter):
    server = await town.mx("mx.one.test", "requiretls")
    for domain in ("one.test", "two.test"):
        town.domain(domain, server, mode="enforce")
    async with town.engine() as engine:
        envelope = replace(to("you@one.test", "me@two.test", "no address"), require_tls=require_tls)
        outcome = await engine.deliver(message, envelope)
    assert (kinds(outcome), outcome.tag) == (["Delivered", "Delivered", "Failed"], tag)
    assert ["REQUIRETLS" in got.parameters for got in server.received] == [parameter] * 2
    assert [got.data for got in server.received] == [message] * 2


@pytest.mark.rfc(8689, "4.2.1")
@pytest.mark.parametrize(
    ("conduct", "kind", "status"),
    [(Conduct.VALIDATING, "Failed", "5.7.30"), (Conduct.AD_NEVER, "Deferred", "4.7.30")],
)
async def test_only_a_resolver_that_validates_proves_that_nobody_names_a_host(town, conduct, kind, status):
    town.internet.nameserver.conduct = conduct
    server = await town.mx("mx.one.test", "requiretls")
    town.domain("one.test", server)
    async with town.engine() as engine:
        outcome = await engine.deliver(MESSAGE, replace(to("you@one.test"), require_tls=True))
    assert (kinds(outcome), outcome.recipients[0].status) == ([kind], status)
    assert (server.connections, town.points) == (0, [])


@pytest.mark.rfc(8460, "4.2")
async def test_three_messages_on_one_connection_are_one_session(town):
    server = await town.mx("mx.one.test")
    town.domain("one.test", server, mode="enforce")
    async with town.engine() as engine:
        for _ in range(3):
            assert kinds(await engine.deliver(MESSAGE, to("you@one.test"))) == ["Delivered"]
    assert (server.connections, len(server.received)) == (1, 3)
    assert told(town.points) == [("sts", "one.test", 1)]


@pytest.mark.rfc(8460, "4.2")
async def test_another_recipient_domain_on_the_same_mx_is_another_session(town):
    server = await town.mx("mx.one.test")
    town.domain("one.test", server, mode="enforce")
    town.domain("two.test", server)
    async with town.engine() as engine:
        for domain in ("one.test", "two.test", "one.test", "two.test"):
            await engine.deliver(MESSAGE, to(f"you@{domain}"))
    assert (server.connections, len(server.received)) == (2, 4)
    assert told(town.points) == [("sts", "one.test", 1), ("no-policy-found", "two.test", 1)]


async def test_deliveries_at_the_same_time(town):
    server = await town.mx("mx.one.test")
    town.domain("one.test", server)
    async with town.engine(smtp={"connections_per_destination": 3}) as engine:
        outcomes = await asyncio.gather(*(engine.deliver(MESSAGE, to(f"r{n}@one.test")) for n in range(20)))
    assert all(kinds(outcome) == ["Delivered"] for outcome in outcomes)
    assert sorted(got.recipients for got in server.received) == sorted((f"r{n}@one.test",) for n in range(20))
    assert server.connections <= 3
    assert len(town.points) == server.connections


async def test_each_destination_has_its_own_end(town, monkeypatch, caplog):
    good = await town.mx("mx.good.test")
    town.domain("good.test", good)
    bad = await town.mx("mx.bad.test", "no-starttls")
    town.domain("bad.test", bad, mode="enforce")
    recipients = ["a@good.test", "b@bad.test", "c@gone.test", "d@broken.test", "nonsense", "e@good.test"]
    async with town.engine() as engine:
        lookup = engine.resolver.lookup

        async def broken(name, rtype):
            if name == "broken.test":
                raise ZeroDivisionError
            return await lookup(name, rtype)

        monkeypatch.setattr(engine.resolver, "lookup", broken)
        outcome = await engine.deliver(MESSAGE, to(*recipients))
    assert [one.recipient for one in outcome.recipients] == recipients
    assert kinds(outcome) == ["Delivered", "Deferred", "Failed", "Deferred", "Failed", "Delivered"]
    assert [one.status for one in outcome.recipients] == ["2.0.0", "4.7.5", "5.1.2", "4.3.0", "5.1.3", "2.0.0"]
    assert [got.recipients for got in good.received] == [("a@good.test", "e@good.test")]
    assert bad.received == []
    assert "the delivery to broken.test broke off" in caplog.text


async def test_the_same_recipient_in_several_forms_is_sent_to_once(town):
    server = await town.mx("mx.one.test")
    town.domain("xn--bcher-kva.test", server)
    recipients = ["a@bücher.test", "a@xn--bcher-kva.test", "a@bücher.test", "b@BÜCHER.test"]
    async with town.engine() as engine:
        outcome = await engine.deliver(MESSAGE, to(*recipients))
    assert [one.recipient for one in outcome.recipients] == recipients
    assert kinds(outcome) == ["Delivered"] * 4
    assert [got.recipients for got in server.received] == [("a@xn--bcher-kva.test", "b@xn--bcher-kva.test")]


@pytest.mark.rfc(8461, "3.4")
async def test_an_address_literal_has_no_policy_and_no_point(town):
    server = await town.mx("mx.one.test")
    recipient = f"you@[{server.address}]"
    async with town.engine() as engine:
        (outcome,) = (await engine.deliver(MESSAGE, to(recipient))).recipients
    assert isinstance(outcome, Delivered)
    assert outcome.tls.protocol == "TLSv1.3"
    assert server.received[0].recipients == (recipient,)
    assert town.points == []


@pytest.mark.parametrize("recipient", ['"a@b"@one.test', "a+b@one.test", "A.B@ONE.test"])
async def test_odd_local_parts_travel_as_they_are(town, recipient):
    server = await town.mx("mx.one.test")
    town.domain("one.test", server)
    async with town.engine() as engine:
        assert kinds(await engine.deliver(MESSAGE, to(recipient, sender=""))) == ["Delivered"]
    assert (server.received[0].sender, server.received[0].recipients) == ("", (recipient,))


async def test_nobody_is_no_one(town):
    async with town.engine() as engine:
        assert (await engine.deliver(MESSAGE, to())).recipients == ()


class TestJournal:
    async def test_what_the_hook_is_told_stands_in_the_journal(self, town):
        server = await town.mx("mx.one.test")
        town.domain("one.test", server, mode="enforce")
        async with town.engine(town.config(smtp={"messages_per_connection": 1})) as engine:
            directory = engine.config.journal.directory
            assert not directory.exists(), "nothing is opened before the first point"
            for _ in range(3):
                assert kinds(await engine.deliver(MESSAGE, to("you@one.test"))) == ["Delivered"]
        assert [finding.at(epoch) for epoch, finding in drained(directory)] == town.points
        assert len(town.points) == 3
        assert engine.journal_counters() == SinkCounters(written=3, dropped=0, pending=0, failing="")
        ((chain, number),) = [(name.chain, name.number) for name in segments(directory)]
        assert chain.startswith("engine_")
        assert number == 1

    async def test_each_engine_has_a_chain_of_its_own(self, town):
        server = await town.mx("mx.one.test")
        town.domain("one.test", server)
        async with town.engine() as one, town.engine() as other:
            await one.deliver(MESSAGE, to("you@one.test"))
            await other.deliver(MESSAGE, to("you@one.test"))
        directory = one.config.journal.directory
        assert len({name.chain for name in segments(directory)}) == 2
        assert len(drained(directory)) == 2

    async def test_there_need_not_be_one(self, town):
        server = await town.mx("mx.one.test")
        town.domain("one.test", server)
        config = town.config()
        async with town.engine(replace(config, journal=replace(config.journal, enabled=False))) as engine:
            assert kinds(await engine.deliver(MESSAGE, to("you@one.test"))) == ["Delivered"]
        assert len(town.points) == 1
        assert engine.journal_counters() is None
        assert not config.journal.directory.exists()

    async def test_one_that_cannot_be_written_is_told_and_the_mail_goes_on(self, town, tmp_path, caplog):
        """Disks that are full, read-only, gone or somebody else's: tests/faults/test_disk.py."""
        server = await town.mx("mx.one.test")
        town.domain("one.test", server)
        (tmp_path / "file").write_text("")
        config = town.config()
        config = replace(config, journal=replace(config.journal, directory=tmp_path / "file" / "journal"))
        async with town.engine(config) as engine:
            assert kinds(await engine.deliver(MESSAGE, to("you@one.test"))) == ["Delivered"]
            await until(lambda: engine.journal_counters().failing)
        assert len(town.points) == 1, "hooks in the process are told all the same"
        counters = engine.journal_counters()
        assert (counters.written, counters.dropped) == (0, 1)
        assert "the journal cannot be written: " in caplog.text

    async def test_modules_of_the_configuration_are_the_daemons(self, town, tmp_path):
        server = await town.mx("mx.one.test")
        town.domain("one.test", server)
        ran = tmp_path / "ran"
        (tmp_path / "told.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
        hooks = parse_config(f'[[hook]]\npython = "{tmp_path / "told.py"}"').hook
        async with town.engine(replace(town.config(), hook=hooks)) as engine:
            assert kinds(await engine.deliver(MESSAGE, to("you@one.test"))) == ["Delivered"]
            assert len(engine.hook_counters()) == 1
        assert not ran.exists()


async def test_a_hook_that_blocks_delays_no_mail(town):
    server = await town.mx("mx.one.test")
    town.domain("one.test", server)
    called, released = threading.Event(), threading.Event()

    def slow(point):
        called.set()
        released.wait(30)

    def raising(point):
        raise ValueError("no")

    try:
        async with town.engine(hooks=[slow, raising, town.points.append]) as engine:
            for _ in range(3):
                assert kinds(await engine.deliver(MESSAGE, to("you@one.test"))) == ["Delivered"]
            await until(called.is_set)
            await until(lambda: town.points)
            assert not released.is_set(), "the delivery came back before the hook did"
            await until(lambda: engine.hook_counters()[1].failed)
            assert [(hook.delivered, hook.failed) for hook in engine.hook_counters()] == [(0, 0), (0, 1), (1, 0)]
            released.set()
    finally:
        released.set()


async def test_an_idle_connection_that_the_server_closed_is_replaced(town):
    server = await town.mx("mx.one.test")
    town.domain("one.test", server)
    async with town.engine() as engine:
        await engine.deliver(MESSAGE, to("you@one.test"))
        await server.stop()
        await server.start()
        assert kinds(await engine.deliver(MESSAGE, to("you@one.test"))) == ["Delivered"]
    assert len(server.received) == 2
    assert told(town.points) == [("no-policy-found", "one.test", 1)] * 2


async def test_the_sweep_says_goodbye_to_idle_connections(town, monkeypatch):
    monkeypatch.setattr(engine_module, "SWEEP", 0.01)
    server = await town.mx("mx.one.test")
    town.domain("one.test", server)
    async with town.engine(smtp={"idle_seconds": 0.05}) as engine:
        await engine.deliver(MESSAGE, to("you@one.test"))
        assert engine._pool._count == 1
        await until(lambda: engine._pool._count == 0 and not engine._pool._leaving)


class TestLife:
    """Opening and closing."""

    async def test_closing_ends_what_is_under_way(self, town):
        server = await town.mx("mx.one.test", "greeting-silent")
        town.domain("one.test", server)
        async with town.engine() as engine:
            delivery = asyncio.create_task(engine.deliver(MESSAGE, to("you@one.test")))
            await until(lambda: server.connections)
        (outcome,) = (await delivery).recipients
        assert outcome == Deferred("you@one.test", "4.3.2", "the engine is being closed")

    async def test_closing_ends_what_waits_for_its_turn(self, town):
        server = await town.mx("mx.one.test", "greeting-silent")
        names = [f"d{number}.test" for number in range(5)]
        for name in names:
            town.domain(name, server)
        async with town.engine(destinations_at_once=1) as engine:
            delivery = asyncio.create_task(engine.deliver(MESSAGE, to(*(f"you@{name}" for name in names))))
            await until(lambda: server.connections)
        outcomes = (await delivery).recipients
        assert {(outcome.status, outcome.text) for outcome in outcomes} == {("4.3.2", "the engine is being closed")}
        assert server.connections == 1

    async def test_cancelling_a_delivery(self, town):
        server = await town.mx("mx.one.test", "greeting-silent")
        town.domain("one.test", server)
        async with town.engine() as engine:
            delivery = asyncio.create_task(engine.deliver(MESSAGE, to("you@one.test", "you@gone.test")))
            await until(lambda: server.connections)
            delivery.cancel()
            with pytest.raises(asyncio.CancelledError):
                await delivery

    async def test_closed_twice(self, town):
        async with town.engine() as engine:
            await engine.__aexit__(None, None, None)

    async def test_only_an_open_engine_delivers(self, town):
        engine = town.engine()
        with pytest.raises(RuntimeError, match="the engine is not open"):
            await engine.deliver(MESSAGE, to("you@one.test"))
        async with engine:
            with pytest.raises(RuntimeError, match="opened once"):
                await engine.__aenter__()
        with pytest.raises(RuntimeError, match="the engine is not open"):
            await engine.deliver(MESSAGE, to("you@one.test"))
        with pytest.raises(RuntimeError, match="opened once"):
            await engine.__aenter__()

    async def test_a_background_task_that_dies_is_told(self, town, monkeypatch, caplog):
        monkeypatch.setattr(engine_module, "SWEEP", 0.0)
        async with town.engine() as engine:
            monkeypatch.setattr(engine, "_pool", None)
            await until(lambda: "a background task ended" in caplog.text)
        assert [record.levelno for record in caplog.records] == [logging.ERROR]


class TestStart:
    """What is wrong with the configuration shows at the start."""

    def test_a_state_directory_that_cannot_be_used(self, town, tmp_path):
        (tmp_path / "file").write_text("")
        config = replace(town.config(), mta_sts_policy_store=tmp_path / "file" / "mta-sts")
        with pytest.raises(OSError, match=r"mta_sts_policy_store: .*/file/mta-sts cannot be used: Not a directory"):
            town.engine(config)

    def test_missing_trust_anchors(self, town, tmp_path):
        config = replace(town.config(), tls_ca=tmp_path / "gone.pem")
        with pytest.raises(OSError, match=r"tls_ca: .*/gone\.pem cannot be used: No such file or directory"):
            town.engine(config)

    def test_missing_trust_anchors_of_one_domain(self, town, tmp_path):
        text = f'tls_ca = "{town.internet.trust_file}"\n[domain."one.test"]\ntls_ca = "{tmp_path}/gone.pem"'
        config = replace(parse_config(text, files=False), mta_sts_policy_store=tmp_path)
        with pytest.raises(OSError, match=r'\[domain\."one\.test"\] tls_ca: .*/gone\.pem cannot be used'):
            town.engine(config)


class TestTrust:
    """`tls_ca`, for all and for one."""

    async def test_a_domain_may_have_its_own(self, town, tmp_path):
        other = Authority(time.time(), name="Other")
        (tmp_path / "other.pem").write_bytes(other.trust_pem)
        server = await town.mx("mx.one.test", certificate=other.issue(["mx.one.test"]))
        for name in ("one.test", "two.test"):
            town.domain(name, server, mode="enforce")
        async with town.engine(**{'domain."one.test".tls_ca': str(tmp_path / "other.pem")}) as engine:
            outcome = await engine.deliver(MESSAGE, to("you@one.test", "you@two.test"))
        assert kinds(outcome) == ["Delivered", "Deferred"]

    async def test_a_directory_serves_for_mxs_and_policy_hosts(self, town, tmp_path):
        (tmp_path / "lab.pem").write_bytes(town.internet.authority.trust_pem)
        server = await town.mx("mx.one.test")
        town.domain("one.test", server, mode="enforce")
        async with town.engine(tls_ca=str(tmp_path)) as engine:
            assert kinds(await engine.deliver(MESSAGE, to("you@one.test"))) == ["Delivered"]
        assert told(town.points) == [("sts", "one.test", 1)]


class TestDestinations:
    """How mail travels, remembered."""

    DOMAIN = Domain("one.test")

    def test_settings_are_made_once(self, town):
        engine = town.engine()
        assert engine.destination(self.DOMAIN) is engine.destination(self.DOMAIN)

    def test_an_expired_scope_counts_no_more(self, town):
        now = [0.0]
        text = '[domain."one.test"]\ntls = "no"\nexpires = 2026-01-01T00:00:00Z'
        parsed = parse_config(text, clock=lambda: now[0])
        config = replace(town.config(), domains=parsed.domains, clock=lambda: now[0])
        engine = town.engine(config)
        assert engine.destination(self.DOMAIN).local.tls.value == "no"
        now[0] = 2e9
        assert engine.destination(self.DOMAIN).local.tls.value == "ifavailable"

    def test_there_is_a_limit(self, town, monkeypatch):
        monkeypatch.setattr(engine_module, "MAX_DESTINATIONS", 3)
        engine = town.engine()
        for number in range(10):
            engine.destination(Domain(f"d{number}.test"))
        assert len(engine._destinations) <= 3


async def test_failed_for_good_is_failed(town):
    town.internet.zone.mx("null.test", (0, ""))
    async with town.engine() as engine:
        (outcome,) = (await engine.deliver(MESSAGE, to("you@null.test"))).recipients
    assert outcome == Failed("you@null.test", "5.1.10", "null.test accepts no mail (null MX)")


@pytest.mark.rfc(7671, "9")
async def test_the_operator_may_hold_the_other_digest_to_be_stronger(stage):
    """The SHA-256 record of the lab's host matches, the other does not."""
    staged = await stage("D10/dane")
    for strongest, kind in ((DaneDigest.SHA512, "Deferred"), (DaneDigest.SHA256, "Delivered")):
        config = replace(staged.config, dane_strongest=strongest)
        async with Engine(config, surroundings=staged.surroundings) as engine:
            assert kinds(await engine.deliver(MESSAGE, to(f"you@{staged.site.domain}"))) == [kind]
            check = await engine.check(staged.site.domain)
            assert check.prospect.fate == kind.lower()


class TestManyDestinations:
    """More than there are turns, or places for connections."""

    async def test_one_message_leaves_turns_to_others(self, town):
        silent, good = await town.mx("mx.silent.test", "greeting-silent"), await town.mx("mx.good.test")
        for number in range(5):
            town.domain(f"s{number}.test", silent)
        town.domain("good.test", good)
        async with town.engine(destinations_at_once=4) as engine:
            flood = asyncio.create_task(engine.deliver(MESSAGE, to(*(f"you@s{number}.test" for number in range(5)))))
            await until(lambda: silent.connections == 2)
            assert kinds(await engine.deliver(MESSAGE, to("you@good.test"))) == ["Delivered"]
            assert silent.connections == 2
            flood.cancel()
            await asyncio.gather(flood, return_exceptions=True)

    async def test_few_connections_serve_many(self, town):
        """Idle ones make room; none is deferred for want of a place."""
        server = await town.mx("mx.one.test")
        names = [f"d{number}.test" for number in range(9)]
        for name in names:
            town.domain(name, server)
        config = town.config(smtp={"idle_seconds": 60}, connections_at_once=2)
        async with town.engine(config) as engine:
            for _ in range(2):
                outcome = await engine.deliver(MESSAGE, to(*(f"you@{name}" for name in names)))
                assert kinds(outcome) == ["Delivered"] * 9
                assert engine._pool._count <= 2
        assert len(server._sessions) <= 2


async def test_what_a_program_gets_wrong_is_told_in_its_own_words(tmp_path):
    with pytest.raises(TypeError, match="a tuple of addresses is wanted, not one string"):
        Envelope("me@example.org", "you@example.com")
    with pytest.raises(TypeError, match=r"takes a Config, such as load_config\(\).config, not Loaded"):
        Engine(Loaded(Config(), None))
    async with Engine(Config(state_dir=tmp_path)) as engine:
        with pytest.raises(TypeError, match="a message is bytes, not str"):
            await engine.deliver("Subject: hello", Envelope("me@example.org", ("you@example.com",)))
