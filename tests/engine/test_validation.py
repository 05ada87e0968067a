"""A resolver that stops validating, while somebody on the way forges DNS and strips STARTTLS.

Once a host is known to have secure TLSA records no mail for it may go out in clear text, whatever the resolver does and
whenever it is noticed. Real DNS over UDP and TCP, real SMTP; the clock of caches and tests is moved by hand.
"""

import itertools
import random
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack

import pytest

from tlswitness.delivery.outcome import Deferred, Delivered, Envelope, RecipientOutcome
from tlswitness.dns import RecordType, TlsaRecord, TrustState
from tlswitness.dns.trust import DOUBT_INTERVAL, TEST_INTERVAL
from tlswitness.engine import Engine, Surroundings
from tlswitness.lab import Internet
from tlswitness.lab.dnsreply import Conduct
from tlswitness.lab.fakes import VirtualClock
from tlswitness.lab.mx import BEHAVIOURS, MxServer
from tlswitness.lab.nameserver import NameServer
from tlswitness.lab.site import Mx
from tlswitness.lab.zone import NODATA, NXDOMAIN, Failing, Key, Missing, Records, Zone, insecure

MESSAGE = b"From: me@example.org\r\nSubject: hello\r\n\r\nHello.\r\n"
DOMAIN, OTHER, HOST, EVIL = "one.test", "other.test", "mx.one.test", "mx.evil.test"
TLSA_NAME = f"_25._tcp.{HOST}"
TTL = 300
WEEKS = 40 * 86_400
BAD = (Conduct.AD_NEVER, Conduct.STRIP_DO, Conduct.AD_ALWAYS)
"""What a test proves."""
DUMB = (Conduct.SERVFAIL_SIGNED, Conduct.CUT, Conduct.DEAD)
"""What proves nothing, and answers nothing."""
_TC = 0x0200


class Resolver(NameServer):
    """A resolver of many minds, that may want to be asked over TCP."""

    def __init__(self, zone: Zone, *, tcp: bool = False) -> None:
        super().__init__(zone)
        self.minds: Iterator[Conduct] | None = None
        """For one query each."""
        self._tcp_only = tcp

    def answer(self, wire: bytes, *, tcp: bool = False) -> bytes | None:
        if self.minds is not None and (tcp or not self._tcp_only):
            self.conduct = next(self.minds)
        reply = super().answer(wire, tcp=tcp)
        if reply is None or tcp or not self._tcp_only:
            return reply
        return reply[:2] + struct.pack("!H", struct.unpack_from("!H", reply, 2)[0] | _TC) + reply[4:]


class Scene:
    """A domain with DANE, an engine that has delivered to it once, and an attacker."""

    def __init__(
        self, internet: Internet, host: MxServer, evil: MxServer, forged: TlsaRecord, resolvers: tuple[Resolver, ...]
    ) -> None:
        self.zone = internet.zone
        self.host = host
        self.evil = evil
        self.resolvers = resolvers
        self.clock = VirtualClock()
        self.internet = internet
        self.forged = forged
        """Of the attacker's certificate."""

    def engine(self, **rules: object) -> Engine:
        servers = [f"{each.server.address}:{each.server.port}" for each in self.resolvers]
        timeouts = {"dns": 0.4 if self.impatient else 10}
        config = self.internet.config("engine", {"resolvers": servers, **rules}, timeouts)
        dialer = self.internet.dialer([self.host, self.evil])
        return Engine(config, surroundings=Surroundings(dialer=dialer, monotonic=self.clock))

    impatient = False

    def turn(self, conduct: Conduct) -> None:
        for resolver in self.resolvers:
            resolver.conduct = conduct

    def strip(self) -> None:
        """No STARTTLS on the way to the host any more."""
        self.host.behaviour = BEHAVIOURS["no-starttls"]

    def restore(self) -> None:
        self.host.behaviour = BEHAVIOURS["ok"]

    @property
    def in_clear(self) -> int:
        """Messages that an eavesdropper has."""
        return sum(not got.protocol for server in (self.host, self.evil) for got in server.received)


@pytest.fixture
async def scene(internet: Internet, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    """The parameter: how many resolvers, and whether they want TCP."""
    number, tcp = getattr(request, "param", (1, False))
    async with AsyncExitStack() as stack:
        servers, records = [], []
        for name, behaviour in ((HOST, "ok"), (EVIL, "no-starttls")):
            certificate = internet.authority.issue([name])
            server = await internet.serve(Mx(name, internet.place().mx, certificate, BEHAVIOURS[behaviour]))
            stack.push_async_callback(server.stop)
            internet.zone.address(name, server.address)
            servers.append(server)
            records.append(certificate.tlsa(3, 0, 1))
        internet.zone.tlsa(HOST, records[0])
        internet.zone.mx(DOMAIN, (10, HOST))
        resolvers = [await stack.enter_async_context(Resolver(internet.zone, tcp=tcp)) for _ in range(number)]
        yield Scene(internet, servers[0], servers[1], records[1], tuple(resolvers))


async def deliver(engine: Engine, domain: str = DOMAIN) -> RecipientOutcome:
    return (await engine.deliver(MESSAGE, Envelope("me@example.org", (f"you@{domain}",)))).recipients[0]


async def first(engine: Engine) -> None:
    outcome = await deliver(engine)
    assert isinstance(outcome, Delivered)
    assert outcome.tls.verified_by == ("tlsa",)


FORGERIES: dict[str, Callable[[Scene], None]] = {
    "nothing": lambda scene: None,
    "mx": lambda scene: scene.zone.mx(DOMAIN, (10, EVIL)),
    "an mx before it": lambda scene: scene.zone.mx(DOMAIN, (5, EVIL), (10, HOST)),
    "no mx": lambda scene: (
        scene.zone.set(DOMAIN, RecordType.MX, NODATA),
        scene.zone.address(DOMAIN, scene.evil.address),
    )[0],
    "no domain": lambda scene: (
        scene.zone.remove(DOMAIN),
        scene.zone.set(DOMAIN, None, NXDOMAIN),
    )[0],
    "address": lambda scene: scene.zone.address(HOST, scene.evil.address),
    "alias": lambda scene: (scene.zone.remove(HOST), scene.zone.alias(HOST, EVIL))[0],
    "tlsa denied": lambda scene: scene.zone.set(TLSA_NAME, RecordType.TLSA, NODATA),
    "tlsa name denied": lambda scene: (
        scene.zone.remove(TLSA_NAME),
        scene.zone.set(TLSA_NAME, None, Missing(name=True)),
    )[0],
}
"""What the attacker puts in place of the truth; the resolver's conduct says with which bits it comes."""
MOMENTS = {
    "at once, all forgotten": 0.0,
    "between two tests": 2.0 * TTL,
    "when a test is due": TEST_INTERVAL,
    "weeks later": float(WEEKS),
}


@pytest.mark.rfc(7672, "2.1.1")
@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("conduct", BAD)
async def test_no_clear_text_after_the_resolver_stopped_validating(
    scene: Scene, conduct: Conduct, forgery: str, moment: str
) -> None:
    async with scene.engine() as engine:
        await first(engine)
        scene.turn(conduct)
        scene.strip()
        FORGERIES[forgery](scene)
        if not MOMENTS[moment]:
            engine.resolver.flush()
        scene.clock.advance(MOMENTS[moment])
        for _ in range(3):
            outcome = await deliver(engine)
            assert isinstance(outcome, Deferred)
            scene.clock.advance(TTL / 2)
        if conduct is not Conduct.AD_ALWAYS:  # what that forges may look as it did before, until the next test
            assert engine.resolver.trust.state is TrustState.LOST
        assert (await engine.resolver.test_trust()).state is TrustState.LOST
        assert isinstance(await deliver(engine), Deferred)
    assert scene.in_clear == 0


@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.parametrize("how", ["added", "in place", "behind an alias", "of another mx"])
async def test_forged_records_beside_a_forged_address(scene: Scene, how: str) -> None:
    """A forger whose every answer comes with AD, and who does STARTTLS with the key that his TLSA record names."""
    scene.evil.behaviour = BEHAVIOURS["ok"]
    true = scene.zone.find(TLSA_NAME, RecordType.TLSA)
    assert isinstance(true, Records)
    async with scene.engine() as engine:
        await first(engine)
        scene.turn(Conduct.AD_ALWAYS)
        scene.zone.address(HOST, scene.evil.address)
        scene.zone.tlsa(EVIL, scene.forged)
        if how == "of another mx":
            scene.zone.mx(DOMAIN, (10, EVIL))
        elif how == "behind an alias":
            scene.zone.remove(HOST)
            scene.zone.alias(HOST, EVIL)
        else:
            scene.zone.tlsa(HOST, scene.forged, *(true.records if how == "added" else ()))
        scene.clock.advance(2 * TTL)
        assert isinstance(await deliver(engine), Deferred)
        assert engine.resolver.trust.state is TrustState.LOST
    assert scene.evil.received == []


@pytest.mark.rfc(7671, "8")
async def test_a_key_that_is_changed_by_the_book(scene: Scene) -> None:
    """The new record beside the old one, then alone: mail goes all the time."""
    true = scene.zone.find(TLSA_NAME, RecordType.TLSA)
    assert isinstance(true, Records)
    async with scene.engine() as engine:
        await first(engine)
        scene.zone.tlsa(HOST, *true.records, scene.forged)
        scene.clock.advance(TTL)
        await first(engine)
        scene.zone.tlsa(HOST, *true.records)
        scene.clock.advance(TTL)
        await first(engine)


@pytest.mark.rfc(7671, "8")
async def test_changes_through_a_resolver_of_which_nothing_can_be_proven(scene: Scene) -> None:
    """It is believed as it is, until a test proves it wrong."""
    root = ("", RecordType.SOA)
    scene.zone.set(*root, Failing())
    async with scene.engine() as engine:
        await first(engine)
        assert engine.resolver.trust.state is TrustState.UNPROVEN
        true = scene.zone.find(TLSA_NAME, RecordType.TLSA)
        assert isinstance(true, Records)
        scene.zone.tlsa(HOST, *true.records, scene.forged)
        scene.clock.advance(TTL)
        await first(engine)
        scene.zone.remove(*root)
        scene.turn(Conduct.AD_ALWAYS)
        scene.strip()
        scene.zone.set(TLSA_NAME, RecordType.TLSA, NODATA)
        scene.clock.advance(TTL)
        assert isinstance(await deliver(engine), Deferred)
        assert engine.resolver.trust.state is TrustState.LOST
    assert scene.in_clear == 0


@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.parametrize("scene", [(1, True)], indirect=True)
@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("conduct", BAD)
async def test_the_same_over_tcp(scene: Scene, conduct: Conduct, forgery: str) -> None:
    async with scene.engine() as engine:
        await first(engine)
        assert scene.resolvers[0].tcp_queries[TLSA_NAME, RecordType.TLSA] == 1
        scene.turn(conduct)
        scene.strip()
        FORGERIES[forgery](scene)
        scene.clock.advance(2 * TTL)
        assert isinstance(await deliver(engine), Deferred)
    assert scene.in_clear == 0


@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("conduct", DUMB)
async def test_a_resolver_that_answers_nothing_is_no_way_out(scene: Scene, conduct: Conduct, moment: str) -> None:
    scene.impatient = conduct is Conduct.DEAD
    async with scene.engine() as engine:
        await first(engine)
        scene.turn(conduct)
        scene.strip()
        if not MOMENTS[moment]:
            engine.resolver.flush()
        scene.clock.advance(MOMENTS[moment])
        assert isinstance(await deliver(engine), Deferred)
        assert (await engine.resolver.test_trust()).state is TrustState.VALIDATING  # nothing was proven
        scene.turn(Conduct.VALIDATING)
        scene.restore()
        scene.clock.advance(TTL)
        await first(engine)
    assert scene.in_clear == 0


@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("conduct", BAD)
async def test_a_resolver_that_was_killed_and_comes_back_without_its_validator(
    scene: Scene, conduct: Conduct, forgery: str
) -> None:
    (resolver,) = scene.resolvers
    async with scene.engine() as engine:
        await first(engine)
        await resolver.stop()
        scene.strip()
        FORGERIES[forgery](scene)
        scene.clock.advance(2 * TTL)
        assert isinstance(await deliver(engine), Deferred)
        scene.turn(conduct)
        await resolver.start(resolver.server.address, resolver.server.port)
        scene.clock.advance(DOUBT_INTERVAL)
        assert isinstance(await deliver(engine), Deferred)
        scene.clock.advance(TEST_INTERVAL)
        assert isinstance(await deliver(engine), Deferred)
        assert (await engine.resolver.test_trust()).state is TrustState.LOST
    assert scene.in_clear == 0


@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.parametrize("conduct", BAD)
async def test_the_mail_goes_again_when_a_test_is_due_and_the_resolver_is_back(scene: Scene, conduct: Conduct) -> None:
    async with scene.engine() as engine:
        await first(engine)
        scene.turn(conduct)
        scene.clock.advance(TEST_INTERVAL)
        await engine.resolver.test_trust()
        assert isinstance(await deliver(engine), Deferred)
        scene.turn(Conduct.VALIDATING)
        scene.clock.advance(DOUBT_INTERVAL - 1)
        outcome = await deliver(engine)
        assert isinstance(outcome, Deferred)
        assert "has stopped validating" in outcome.text
        assert str(scene.resolvers[0].server) in outcome.text
        scene.clock.advance(1)
        await first(engine)


DOUBLE = pytest.mark.parametrize("scene", [(2, False)], indirect=True)


@DOUBLE
@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize("conduct", BAD)
async def test_the_honest_one_of_two_resolvers_is_asked_alone(scene: Scene, conduct: Conduct, liar: int) -> None:
    """The one that lies serves the attacker's zone."""
    bad, good = scene.resolvers[liar], scene.resolvers[1 - liar]
    async with scene.engine() as engine:
        await first(engine)
        bad.conduct, bad.zone = conduct, Zone()
        bad.zone.mx(DOMAIN, (10, EVIL))
        bad.zone.address(EVIL, scene.evil.address)
        scene.clock.advance(2 * TTL)
        await first(engine)
        await engine.resolver.test_trust()
        report = engine.resolver.trust
        assert (report.state, report.alarm) == (TrustState.VALIDATING, True)
        assert {each.server: each.reason for each in report.servers}[good.server] == "the root zone is validated"
        await good.stop()
        scene.strip()
        scene.clock.advance(2 * TTL)
        assert isinstance(await deliver(engine), Deferred)
    assert scene.in_clear == 0


@DOUBLE
@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.parametrize("forgery", FORGERIES)
async def test_one_of_two_dies_and_then_the_other_turns(scene: Scene, forgery: str) -> None:
    async with scene.engine() as engine:
        await first(engine)
        await scene.resolvers[0].stop()
        scene.clock.advance(2 * TTL)
        await first(engine)
        scene.turn(Conduct.AD_NEVER)
        scene.strip()
        FORGERIES[forgery](scene)
        scene.clock.advance(2 * TTL)
        assert isinstance(await deliver(engine), Deferred)
        report = await engine.resolver.test_trust()
        assert report.alarm
        assert report.state is TrustState.VALIDATING  # of the dead one nothing is known
        assert isinstance(await deliver(engine), Deferred)
    assert scene.in_clear == 0


MINDS = {
    "good, bad": (Conduct.VALIDATING, Conduct.AD_NEVER),
    "good, good, bad": (Conduct.VALIDATING, Conduct.VALIDATING, Conduct.AD_NEVER),
    "good, bad, bad": (Conduct.VALIDATING, Conduct.AD_NEVER, Conduct.AD_NEVER),
    "four of five good": (*[Conduct.VALIDATING] * 4, Conduct.AD_NEVER),
    "good, lying": (Conduct.VALIDATING, Conduct.AD_ALWAYS),
    "good, good, lying": (Conduct.VALIDATING, Conduct.VALIDATING, Conduct.AD_ALWAYS),
    "one of six good": (Conduct.VALIDATING, *[Conduct.AD_NEVER] * 5),
    "by chance": tuple(random.Random(1).choices((Conduct.VALIDATING, Conduct.AD_NEVER), k=1009)),
}


@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.parametrize("offset", range(5))
@pytest.mark.parametrize("minds", MINDS)
async def test_a_resolver_that_takes_turns(scene: Scene, minds: str, offset: int) -> None:
    """One address, several resolvers behind it: whichever turn each question gets, nothing goes in clear text."""
    async with scene.engine() as engine:
        await first(engine)
        scene.strip()
        scene.resolvers[0].minds = itertools.islice(itertools.cycle(MINDS[minds]), offset, None)
        for _ in range(12):
            scene.clock.advance(TTL)
            assert isinstance(await deliver(engine), Deferred)
    assert scene.in_clear == 0


def let_through(key: Key) -> bool:
    """What a forger on the way can reach; the parent zone is honest, and so is the root."""
    return key[0] != "" and key[1] is not RecordType.DS


@pytest.mark.rfc(7672, "2.1.1")
@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_resolver_that_lets_bogus_answers_through(
    scene: Scene, forgery: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It passes each test (unbound's val-permissive-mode): only that the zone is signed speaks against its answers."""
    signed = Records(("12345 13 2 " + 64 * "0",))
    scene.zone.set(DOMAIN, RecordType.DS, signed)
    async with scene.engine() as engine:
        await first(engine)
        scene.strip()
        FORGERIES[forgery](scene)
        scene.zone.set(DOMAIN, RecordType.DS, signed)
        scene.zone.change(let_through, insecure)
        for _ in range(3):
            scene.clock.advance(TTL)
            outcome = await deliver(engine)
            assert isinstance(outcome, Deferred)
            assert "and one.test is: the resolver lets through what fails validation" in outcome.text
        assert (await engine.resolver.test_trust()).state is TrustState.VALIDATING
    assert scene.in_clear == 0
    assert "lets through" in caplog.text


@pytest.mark.rfc(7672, "2.1.1")
async def test_a_zone_that_is_signed_no_more(scene: Scene) -> None:
    """Its parent says so: mail goes as to any domain without DNSSEC."""
    scene.zone.set(DOMAIN, RecordType.DS, Records(("12345 13 2 " + 64 * "0",)))
    async with scene.engine() as engine:
        await first(engine)
        scene.zone.set(DOMAIN, RecordType.DS, NODATA)
        scene.zone.change(let_through, insecure)
        scene.clock.advance(TTL)
        outcome = await deliver(engine)
        assert isinstance(outcome, Delivered)
        assert outcome.tls.verified_by == ()


@pytest.mark.rfc(7672, "2.1.3")
@pytest.mark.parametrize(("signed", "kind"), [(True, Delivered), (False, Deferred)])
async def test_a_host_that_becomes_an_alias_out_of_its_zone(scene: Scene, signed: bool, kind: type) -> None:
    """The alias itself is signed, or a forger's."""
    scene.zone.set(DOMAIN, RecordType.DS, Records(("12345 13 2 " + 64 * "0",)))
    async with scene.engine() as engine:
        await first(engine)
        scene.zone.remove(HOST)
        scene.zone.remove(TLSA_NAME)
        scene.zone.alias(HOST, EVIL, secure=signed)
        scene.zone.address(EVIL, scene.evil.address, secure=False)
        scene.clock.advance(TTL)
        assert isinstance(await deliver(engine), kind)


@pytest.mark.rfc(7672, "2.1.2")
async def test_another_domain_at_a_known_host(scene: Scene) -> None:
    """Its MX records, unknown so far, are not signed; the host's addresses then fail, whoever asks for them."""
    scene.zone.mx(OTHER, (10, HOST), secure=False)
    async with scene.engine() as engine:
        await first(engine)
        scene.turn(Conduct.AD_NEVER)
        scene.strip()
        scene.clock.advance(2 * TTL)
        assert isinstance(await deliver(engine, OTHER), Deferred)
    assert scene.in_clear == 0


@pytest.mark.rfc(7672, "2.1.2")
async def test_what_was_cached_as_insecure_before_does_not_speak_for_the_host(scene: Scene) -> None:
    """One family was asked for while the resolver did not validate, the other when it did, which makes it known."""
    resolver = scene.resolvers[0]
    async with scene.engine() as engine:
        await engine.resolver.test_trust()
        resolver.conduct = Conduct.AD_NEVER
        await engine.resolver.lookup(HOST, RecordType.A)
        resolver.conduct = Conduct.VALIDATING
        scene.zone.address(HOST, scene.host.address, "2001:db8::25")
        await engine.resolver.lookup(HOST, RecordType.AAAA)
        assert (await engine.resolver.lookup(HOST, RecordType.A)).security == "secure"


@pytest.mark.rfc(7672, "2.1.2")
async def test_secure_answers_from_before_the_loss_last_for_their_ttl(scene: Scene) -> None:
    async with scene.engine() as engine:
        await first(engine)
        scene.turn(Conduct.AD_NEVER)
        assert (await engine.resolver.test_trust()).state is TrustState.LOST
        scene.clock.advance(TTL - 1)
        await first(engine)
        scene.strip()
        assert isinstance(await deliver(engine), Deferred)
        scene.clock.advance(1)
        assert isinstance(await deliver(engine), Deferred)
    assert scene.in_clear == 0


async def test_who_was_never_known_gets_mail_as_without_dane(scene: Scene) -> None:
    """The loss stops no other mail: there is nothing to be downgraded."""
    scene.zone.mx(OTHER, (10, EVIL), secure=False)
    async with scene.engine() as engine:
        await first(engine)
        scene.turn(Conduct.AD_NEVER)
        scene.clock.advance(2 * TTL)
        assert isinstance(await deliver(engine), Deferred)
        assert isinstance(await deliver(engine, OTHER), Delivered)


@pytest.mark.rfc(7672, "6")
@pytest.mark.parametrize("conduct", BAD)
async def test_a_new_process_knows_nothing(scene: Scene, conduct: Conduct, caplog: pytest.LogCaptureFixture) -> None:
    """With a resolver that is proven not to validate from the start DANE is off, loudly; `dane_required` holds."""
    async with scene.engine() as engine:
        await first(engine)
    scene.turn(conduct)
    async with scene.engine(dane_required=True) as engine:
        assert isinstance(await deliver(engine), Deferred)
    async with scene.engine() as engine:
        outcome = await deliver(engine)
        assert isinstance(outcome, Delivered)
        assert outcome.tls.verified_by == ()
        assert engine.resolver.trust.alarm
    assert [record.levelname for record in caplog.records if "DANE is off" in record.getMessage()] == 2 * ["ERROR"]


async def test_a_domain_that_ends_dane_gets_its_mail(scene: Scene) -> None:
    """A resolver that passes its tests is believed: no TLSA records, another MX, no signatures."""
    async with scene.engine() as engine:
        await first(engine)
        scene.zone.mx(DOMAIN, (10, EVIL))
        scene.clock.advance(TTL)
        assert isinstance(await deliver(engine), Delivered)
        scene.zone.mx(DOMAIN, (10, HOST))
        scene.zone.set(TLSA_NAME, RecordType.TLSA, NODATA)
        scene.strip()
        scene.clock.advance(TTL)
        outcome = await deliver(engine)
        assert isinstance(outcome, Delivered)
        assert outcome.tls.protocol == ""


FOREIGN = "127.0.0.53"


@pytest.mark.rfc(7672, "2.1.1")
@pytest.mark.parametrize("address", [FOREIGN, "127.77.0.1"])
async def test_another_address_is_believed_where_it_is_named(scene: Scene, address: str) -> None:
    """127.0.0.53 passes on the bits of others; any address may be a machine beyond a wire."""
    (resolver,) = scene.resolvers
    await resolver.stop()
    await resolver.start(address)
    async with scene.engine() as engine:
        outcome = await deliver(engine)
        assert isinstance(outcome, Delivered)
        assert outcome.tls.verified_by == ()
        assert engine.resolver.trust.state is TrustState.UNTRUSTED
    async with scene.engine(trusted_resolvers=[address]) as engine:
        await first(engine)
        scene.turn(Conduct.STRIP_DO)
        scene.strip()
        scene.clock.advance(2 * TTL)
        assert isinstance(await deliver(engine), Deferred)
        assert engine.resolver.trust.state is TrustState.LOST
    assert scene.in_clear == 0
