"""One attempt over loopback: clear text only where nothing forbids it, and of each connection one outcome."""

import asyncio
import contextlib
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from tlswitness.datapoint import points_of
from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.datapoint.outcome import NotReportable, SessionEnded
from tlswitness.delivery.attempt import Broken, Opener, Session
from tlswitness.delivery.places import Places
from tlswitness.delivery.settings import Destination, Limits, Sender
from tlswitness.delivery.smtp.talk import Timeouts
from tlswitness.delivery.tls import TlsContexts
from tlswitness.delivery.verdict import Memo, TrustStore
from tlswitness.lab.authority import DAY, wrong
from tlswitness.lab.fakes import until
from tlswitness.lab.mx import BEHAVIOURS, MxServer, Suite, server_context
from tlswitness.lab.tlsstream import TlsStream
from tlswitness.names import Domain, HostName, MxPattern
from tlswitness.net import DirectDialer, MappedDialer
from tlswitness.policy.dane import DaneRecords
from tlswitness.policy.plan import DaneDemand, LocalRules, Plan, StsDemand, Tag, TlsWanted
from tlswitness.policy.sts.model import Mode, StsPolicy

DOMAIN = Domain("example.com")
MX = HostName("MX.example.com", "mx.example.com")
ADDRESS = "127.0.0.1"
CONTEXTS = TlsContexts.make()
PATIENT = Timeouts(greeting=20, hello=20, starttls=20, handshake=20, quit=20)


def sts(mode, **changes):
    policy = StsPolicy(mode, 60, (MxPattern(MX),), ("version: STSv1", f"mode: {mode}"))
    return replace(StsDemand(DOMAIN, policy, binding=mode is Mode.ENFORCE), **changes)


def dane(record, *, usable=True):
    records = DaneRecords(MX, (record,), (record,) if usable else (), (MX,))
    return DaneDemand(records, () if usable else (Failure(Cause.TLSA_ALL_UNUSABLE),))


@dataclass
class World:
    """An opener, its reports, and plans for one MX with a certificate."""

    authority: object
    reports: list = field(default_factory=list)
    tag: Tag = Tag.NORMAL

    def __post_init__(self):
        self.memo = Memo(TrustStore.from_pem(self.authority.trust_pem))
        self.destination = Destination(DOMAIN, Sender("us.example.org"), timeouts=PATIENT)
        self.certificate = self.authority.issue([MX.key])

    def plan(self, demands):
        """The plan for a column of the decision table."""
        record = self.certificate.tlsa(3, 1, 1)
        of = {
            "none": {},
            "testing": {"sts": sts(Mode.TESTING)},
            "enforce": {"sts": sts(Mode.ENFORCE)},
            "dane": {"dane": dane(record)},
            "dane-wrong": {"dane": dane(wrong(record))},
            "unusable": {"dane": dane(record, usable=False)},
            "both": {"sts": sts(Mode.ENFORCE), "dane": dane(record)},
            "both-dane-wrong": {"sts": sts(Mode.ENFORCE), "dane": dane(wrong(record))},
            "dane-decides": {"sts": sts(Mode.ENFORCE, binding=False), "dane": dane(record)},
            "dane-testing": {"sts": sts(Mode.TESTING), "dane": dane(record)},
            "required": {"local": LocalRules(tls=TlsWanted.REQUIRED)},
            "required-testing": {"sts": sts(Mode.TESTING), "local": LocalRules(tls=TlsWanted.REQUIRED)},
            "verify": {"local": LocalRules(tls_verify=True)},
            "no-tls": {"local": LocalRules(tls=TlsWanted.NO)},
        }[demands]
        of["tag"] = self.tag
        if self.tag is Tag.OPTIONAL:
            of |= {name: replace(of[name], binding=False) for name in ("sts", "dane") if name in of}
        return Plan(DOMAIN, MX, (ADDRESS,), 25, **{"local": LocalRules(), "sts": None, "dane": None, **of})

    async def open(self, demands, port, **changes):
        opener = Opener(
            MappedDialer(ports={25: port}),
            CONTEXTS,
            lambda chain, plan, trust: self.memo.judge(chain, plan, time.time()),
            self.reports.append,
        )
        return await opener.open(self.plan(demands), ADDRESS, replace(self.destination, **changes))

    @property
    def told(self):
        """Each report in short: `-` for what is not reportable, else the causes by policy."""
        return [
            "-"
            if isinstance(report, NotReportable)
            else {
                str(entry.policy.policy_type): [failure.cause.name for failure in entry.failures]
                for entry in report.judged
            }
            for report in self.reports
        ]


@pytest.fixture
def world(authority):
    return World(authority)


@asynccontextmanager
async def lab_mx(world, behaviour):
    behaviour = BEHAVIOURS[behaviour]
    context = server_context(behaviour.suite)
    if behaviour.suite is not Suite.ANONYMOUS:
        world.certificate.load_into(context)
    server = MxServer(MX.text, ADDRESS, context, behaviour, 0)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def finish(result):
    if isinstance(result, Session):
        await result.connection.quit()


BEFORE_TLS = {
    # behaviour: the cause, and whether the same connection can go on in clear text
    "no-starttls": ("STARTTLS_NOT_OFFERED", True),
    "helo-only": ("STARTTLS_NOT_OFFERED", True),
    "starttls-454": ("STARTTLS_REFUSED", True),
    "starttls-501": ("STARTTLS_REFUSED", True),
    "starttls-injection": ("STARTTLS_INJECTION", False),
    "tls-alert": ("TLS_ALERT", False),
    "tls-garbage": ("TLS_LOCAL", False),
    "tls-close": ("TLS_CLOSED", False),
    "tls-silent": ("TLS_TIMEOUT", False),
    "tls-late-close": ("TLS_AFTER_HANDSHAKE", False),
    "tls-late-alert": ("TLS_AFTER_HANDSHAKE", False),
}
POLICIES = {
    "none": ["no-policy-found"],
    "required": ["no-policy-found"],
    "verify": ["no-policy-found"],
    "testing": ["sts"],
    "enforce": ["sts"],
    "dane": ["tlsa"],
    "unusable": ["tlsa"],
    "both": ["tlsa", "sts"],
    "dane-decides": ["tlsa", "sts"],
    "dane-testing": ["tlsa", "sts"],
}


@pytest.mark.rfc(8461, "5")
@pytest.mark.rfc(7672, "2.2")
@pytest.mark.rfc(8460, "4.3")
@pytest.mark.parametrize("demands", POLICIES)
@pytest.mark.parametrize("behaviour", BEFORE_TLS)
async def test_tls_does_not_come_up(world, behaviour, demands):
    """RFC 3207 section 4: what TLS failing means for the mail is the client's policy."""
    cause, same_connection = BEFORE_TLS[behaviour]
    async with lab_mx(world, behaviour) as server:
        timeouts = replace(PATIENT, handshake=0.2 if behaviour == "tls-silent" else 20)
        result = await world.open(demands, server.port, timeouts=timeouts)
        if demands in ("none", "testing"):
            assert isinstance(result, Session)
            assert result.tls.protocol == ""
            # A policy that is judged and does not bind is worth one more try, with suites that show no certificate.
            wider = demands == "testing" and cause in ("TLS_ALERT", "TLS_LOCAL")
            assert server.connections == (1 if same_connection else 3 if wider else 2)
        else:
            assert isinstance(result, Broken)
            assert (result.status, server.connections) == ("4.7.5", 1)
            assert result.sts_forbids is (demands in ("enforce", "both"))
        await finish(result)
    assert len(world.reports) == server.connections
    first, *rest = world.told
    assert list(first) == POLICIES[demands]
    assert all(cause in causes for causes in first.values())
    assert rest == ["-"] * (server.connections - 1)


@pytest.mark.rfc(8460, "4.3.4")
@pytest.mark.parametrize("demands", ["none", "both"])
@pytest.mark.parametrize(
    ("behaviour", "status"),
    [("refused", "4.4.1"), ("greeting-421", "4.3.2"), ("greeting-554", "4.7.1"), ("ehlo-refused", "4.7.1")],
)
async def test_what_happens_before_starttls_is_no_event_of_tls(world, behaviour, demands, status):
    async with lab_mx(world, behaviour) as server:
        result = await world.open(demands, server.port)
    assert isinstance(result, Broken)
    assert (result.status, result.sts_forbids) == (status, False)
    assert world.told == ["-"]


@pytest.mark.rfc(8460, "4.2")
@pytest.mark.parametrize("demands", POLICIES)
async def test_all_is_well(world, demands):
    async with lab_mx(world, "ok") as server:
        result = await world.open(demands, server.port)
        assert isinstance(result, Session)
        assert result.tls.protocol == "TLSv1.3"
        assert result.tls.verified_by == {
            "none": (), "required": (), "verify": (), "unusable": (), "testing": ("sts",), "enforce": ("sts",),
            "dane": ("tlsa",)
        }.get(demands, ("tlsa", "sts"))  # fmt: skip
        await finish(result)
    failed = {"unusable": ["TLSA_ALL_UNUSABLE"]}.get(demands, [])
    assert world.told == [dict.fromkeys(POLICIES[demands], failed)]
    (report,) = world.reports
    assert (report.recipient_domain, report.mx, report.sending_ip, report.receiving_ip, report.helo) == (
        DOMAIN, "MX.example.com", "127.0.0.1", "127.0.0.1", "MX.example.com"
    )  # fmt: skip


@pytest.mark.rfc(8461, "4.2")
@pytest.mark.rfc(7672, "3.1")
@pytest.mark.parametrize(
    ("certificate", "demands", "goes_on", "told"),
    [
        ("expired", "none", True, {"no-policy-found": []}),
        ("expired", "required", True, {"no-policy-found": []}),
        ("expired", "verify", False, {"no-policy-found": []}),
        ("expired", "testing", True, {"sts": ["CERT_EXPIRED"]}),
        ("expired", "enforce", False, {"sts": ["CERT_EXPIRED"]}),
        ("expired", "dane", True, {"tlsa": []}),
        ("expired", "unusable", True, {"tlsa": ["TLSA_ALL_UNUSABLE"]}),
        ("expired", "both", False, {"tlsa": [], "sts": ["CERT_EXPIRED"]}),
        ("expired", "dane-decides", True, {"tlsa": [], "sts": ["CERT_EXPIRED"]}),
        ("expired", "dane-testing", True, {"tlsa": [], "sts": ["CERT_EXPIRED"]}),
        ("name", "enforce", False, {"sts": ["CERT_HOST_MISMATCH"]}),
        ("good", "dane-wrong", False, {"tlsa": ["DANE_NO_MATCH"]}),
        # RFC 8461 section 2: nothing of MTA-STS makes up for a failure of DANE.
        ("good", "both-dane-wrong", False, {"tlsa": ["DANE_NO_MATCH"], "sts": []}),
    ],
)
async def test_a_certificate_is_judged_under_each_policy(world, certificate, demands, goes_on, told):
    world.certificate = {
        "good": lambda: world.certificate,
        "expired": lambda: world.authority.issue([MX.key], not_before=-9 * DAY, not_after=-DAY),
        "name": lambda: world.authority.issue(["other.example.com"]),
    }[certificate]()
    async with lab_mx(world, "ok") as server:
        result = await world.open(demands, server.port)
        assert isinstance(result, Session if goes_on else Broken)
        assert result.tls.protocol == "TLSv1.3"
        assert server.connections == 1
        await finish(result)
    assert world.told == [told]


@pytest.mark.rfc(8460, "4.2")
@pytest.mark.parametrize(
    ("behaviour", "demands", "goes_on", "told"),
    [
        ("tls10-only", "none", True, {"no-policy-found": []}),
        ("tls10-only", "testing", True, {"sts": ["TLS_WEAK"]}),
        ("tls10-only", "enforce", False, {"sts": ["TLS_ALERT"]}),
        ("tls-anonymous", "none", True, {"no-policy-found": []}),
        ("tls-anonymous", "testing", True, {"sts": ["TLS_ALERT"]}),
        ("tls-anonymous", "required-testing", True, {"sts": ["TLS_ALERT"]}),
        ("tls-alert", "required-testing", False, {"sts": ["TLS_ALERT"]}),
    ],
)
async def test_weak_tls_beats_clear_text_and_is_no_success_of_a_policy(world, behaviour, demands, goes_on, told):
    async with lab_mx(world, behaviour) as server:
        result = await world.open(demands, server.port)
        assert isinstance(result, Session if goes_on else Broken)
        assert bool(result.tls.protocol) is goes_on
        await finish(result)
    ((policy, causes),) = world.told[0].items()
    assert {policy: causes[:1]} == told


async def test_where_the_operator_forbids_tls_it_is_not_tried(world):
    async with lab_mx(world, "ok") as server:
        result = await world.open("no-tls", server.port)
        assert isinstance(result, Session)
        assert result.tls.protocol == ""
        assert server.connections == 1
        await finish(result)
    assert world.told == ["-"]


@pytest.mark.parametrize(("demands", "told"), [("none", "-"), ("testing", {"sts": []})])
async def test_sessions_without_a_policy_may_be_silenced(world, demands, told):
    async with lab_mx(world, "ok") as server:
        await finish(await world.open(demands, server.port, report_without_policy=False))
    assert world.told == [told]


async def test_pipelining_may_be_switched_off(world):
    async with lab_mx(world, "ok") as server:
        with_it = await world.open("none", server.port)
        without = await world.open("none", server.port, limits=Limits(pipelining=False))
        assert (with_it.capabilities.pipelining, without.capabilities.pipelining) == (True, False)
        await finish(with_it)
        await finish(without)


@pytest.mark.rfc(8460, "4.4")
async def test_behind_nat_the_operator_says_which_address_is_reported(world):
    async with lab_mx(world, "ok") as server:
        sender = Sender("us.example.org", source_ipv4="127.0.0.9", report_ipv4="198.51.100.7")
        await finish(await world.open("none", server.port, sender=sender))
    assert world.reports[0].sending_ip == "198.51.100.7"


async def test_a_source_address_that_is_not_ours_is_our_fault(world):
    result = await world.open("none", 9, sender=Sender("us.example.org", source_ipv4="192.0.2.77"))
    assert isinstance(result, Broken)
    assert (result.status, world.told) == ("4.3.5", ["-"])


class Peer:
    """An MX in the raw: at `stop` it says nothing more and waits for us to go; `says` replaces replies."""

    def __init__(self, certificate, stop="", **says):
        self.context = certificate.server_context()
        self.stop = stop
        self.says = {
            "greeting": "220 mx.example ESMTP",
            "ehlo": "250-mx.example|250-PIPELINING|250-SIZE 1000|250 STARTTLS",
            "starttls": "220 go",
            "ehlo-tls": "250 mx.example",
            "quit": "221 bye",
            **says,
        }
        self.stopped = False
        self.gone = False
        self.heard = []

    async def __call__(self, reader, writer):
        self.reader, self.writer, self.tls = reader, writer, None
        try:
            await self.say("greeting")
            await self.hear("EHLO us.example.org", "ehlo")
            await self.hear("STARTTLS", "starttls")
            if self.stop == "handshake":
                await self.wait()
            self.tls = TlsStream(self.context, reader, writer)
            await self.tls.handshake()
            line = (await self.tls.readline()).decode().strip()
            self.heard.append(line)
            await self.say("quit" if line == "QUIT" else "ehlo-tls")
            while line := await self.tls.readline():
                self.heard.append(line.decode().strip())
                await self.say("quit")
        except EOFError:
            pass
        finally:  # by a reset, too: what we had not read yet is lost when we abort
            self.gone = True

    async def hear(self, line, answer):
        heard = (await self.reader.readline()).decode().strip()
        if heard != line:
            raise EOFError
        self.heard.append(heard)
        await self.say(answer)

    async def say(self, what):
        if what == self.stop:
            await self.wait()
        text = self.says[what]
        if text is None:
            raise EOFError
        data = "".join(f"{line}\r\n" for line in text.split("|")).encode()
        if self.tls:
            await self.tls.write(data)
        else:
            self.writer.write(data)

    async def wait(self):
        self.stopped = True
        while await self.reader.read(65536):
            pass
        raise EOFError


@pytest.mark.rfc(8460, "4.2")
@pytest.mark.parametrize("demands", ["none", "both"])
@pytest.mark.parametrize(
    ("reply", "status"), [("421 4.3.2 closing", "4.3.2"), ("550 5.7.1 no", "4.7.1"), ("what?", "4.5.0")]
)
async def test_what_is_refused_within_tls_is_no_failure_of_tls(world, serving, demands, reply, status):
    peer = Peer(world.certificate, **{"ehlo-tls": reply, "quit": reply})
    async with serving(peer) as port:
        result = await world.open(demands, port)
    assert isinstance(result, Broken)
    assert (result.status, result.sts_forbids) == (status, False)
    assert world.told == [{policy: [] for policy in POLICIES[demands]}]


async def test_what_was_learnt_before_tls_is_forgotten(world, serving):
    """RFC 3207 section 4.2."""
    async with serving(Peer(world.certificate)) as port:
        result = await world.open("enforce", port)
        assert isinstance(result, Session)
        assert (result.capabilities.pipelining, result.capabilities.size) == (False, None)
        await finish(result)


@pytest.mark.rfc(8460, "4.4")
@pytest.mark.parametrize(
    ("greeting", "ehlo", "after", "helo"),
    [
        ("220 mx.example ESMTP", "250-other.example|250 STARTTLS", "250 x.example", "mx.example"),
        ("220 ESMTP ready", "250-other.example|250 STARTTLS", "250 x.example", "other.example"),
        ("220 *****", "250-????|250 STARTTLS", "250 x.example", "x.example"),
        ("220 *****", "250-????|250 STARTTLS", "250 ????", None),
    ],
)
async def test_what_the_server_calls_itself(world, serving, greeting, ehlo, after, helo):
    peer = Peer(world.certificate, greeting=greeting, ehlo=ehlo, **{"ehlo-tls": after})
    async with serving(peer) as port:
        await finish(await world.open("none", port))
    assert world.reports[0].helo == helo


@pytest.mark.parametrize(
    ("quit_reply", "told"),
    [
        ("221 bye", {"tlsa": ["DANE_NO_MATCH"], "sts": []}),
        # No reply ever came within TLS: it cannot be a success of any policy.
        (None, {"tlsa": ["DANE_NO_MATCH"], "sts": ["TLS_AFTER_HANDSHAKE"]}),
    ],
)
async def test_leaving_after_a_bad_verdict(world, serving, quit_reply, told):
    """RFC 3207 section 4.1: QUIT, and nothing of the message is sent."""
    peer = Peer(world.certificate, quit=quit_reply)
    async with serving(peer) as port:
        result = await world.open("both-dane-wrong", port)
        await until(lambda: peer.gone or quit_reply is None)
    assert isinstance(result, Broken)
    assert peer.heard == ["EHLO us.example.org", "STARTTLS", "QUIT"]
    assert world.told == [told]


STAGES = ["greeting", "ehlo", "starttls", "handshake", "ehlo-tls"]


@pytest.mark.parametrize("stage", STAGES)
async def test_cancelled_while_the_peer_thinks(world, serving, stage):
    peer = Peer(world.certificate, stop=stage)
    async with serving(peer) as port:
        task = asyncio.create_task(world.open("enforce", port, timeouts=Timeouts()))
        await until(lambda: peer.stopped)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: peer.gone)
    assert world.told == ["-"]


@pytest.mark.parametrize(
    ("demands", "told"), [("dane-wrong", {"tlsa": ["DANE_NO_MATCH"]}), ("both-dane-wrong", {"tlsa": ["DANE_NO_MATCH"]})]
)
async def test_cancelled_on_leaving_the_bad_verdict_is_told_and_nothing_unproven(world, serving, demands, told):
    peer = Peer(world.certificate, stop="quit")
    async with serving(peer) as port:
        task = asyncio.create_task(world.open(demands, port, timeouts=Timeouts()))
        await until(lambda: peer.stopped)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: peer.gone)
    assert world.told == [told]


async def test_cancelled_before_there_is_a_connection(world):
    class Slow(DirectDialer):
        async def dial(self, address, port, *, source=None):
            await asyncio.Event().wait()

    opener = Opener(Slow(), CONTEXTS, None, world.reports.append)
    task = asyncio.create_task(opener.open(world.plan("none"), ADDRESS, world.destination))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.told == ["-"]


@pytest.mark.parametrize("stage", STAGES)
async def test_each_wait_has_its_own_time(world, serving, stage):
    name = {"ehlo": "hello", "ehlo-tls": "hello"}.get(stage, stage)
    peer = Peer(world.certificate, stop=stage)
    async with serving(peer) as port:
        result = await world.open("enforce", port, timeouts=replace(Timeouts(), **{name: 0.3}))
        await until(lambda: peer.gone)
    assert isinstance(result, Broken)
    assert len(world.reports) == 1
    causes = {"starttls": ["STARTTLS_NO_REPLY"], "handshake": ["TLS_TIMEOUT"], "ehlo-tls": ["TLS_AFTER_HANDSHAKE"]}
    assert world.told == [{"sts": causes[stage]} if stage in causes else "-"]


async def test_a_fault_of_ours_is_nobodys_failure(world, serving):
    def broken(chain, plan, trust):
        raise ZeroDivisionError

    peer = Peer(world.certificate)
    async with serving(peer) as port:
        opener = Opener(MappedDialer(ports={25: port}), CONTEXTS, broken, world.reports.append)
        with pytest.raises(ZeroDivisionError):
            await opener.open(world.plan("enforce"), ADDRESS, world.destination)
        await until(lambda: peer.gone)
    assert world.told == ["-"]


async def test_points_of_a_session_are_as_many_as_its_policies(world):
    async with lab_mx(world, "ok") as server:
        await finish(await world.open("both", server.port))
    (report,) = world.reports
    assert isinstance(report, SessionEnded)
    assert [point.policy.policy_type.value for point in points_of(report, 0)] == ["tlsa", "sts"]


ENDS = {
    "used and left": ("none", {}),
    "refused": ("none", {"greeting": "554 go away"}),
    "a bad verdict": ("dane-wrong", {}),
    "again in clear text": ("none", {"starttls": "454 not now"}),
    "silence": ("none", {}),
}


@pytest.mark.parametrize("end", ENDS)
async def test_the_place_of_a_connection_comes_back_when_its_socket_is_closed(world, serving, end):
    demands, says = ENDS[end]
    peer = Peer(world.certificate, stop="ehlo" if end == "silence" else "", **says)
    places = Places(1)
    async with serving(peer) as port:
        judge = world.memo.judge
        opener = Opener(
            MappedDialer(ports={25: port}),
            CONTEXTS,
            lambda chain, plan, trust: judge(chain, plan, time.time()),
            world.reports.append,
            places,
        )
        destination = replace(world.destination, timeouts=replace(Timeouts(), hello=0.2))
        result = await opener.open(world.plan(demands), ADDRESS, destination)
        if isinstance(result, Session):
            waiting = asyncio.create_task(places.take())
            await asyncio.sleep(0.01)
            assert not waiting.done(), "one is open"
            await finish(result)
            await waiting
        else:
            await places.take()


@pytest.mark.parametrize("error", [OSError(111, ""), ZeroDivisionError()])
async def test_no_connection_takes_no_place(world, error):
    class Failing(DirectDialer):
        async def dial(self, address, port, *, source=None):
            raise error

    places = Places(1)
    opener = Opener(Failing(), CONTEXTS, None, world.reports.append, places)
    with contextlib.suppress(ZeroDivisionError):
        await opener.open(world.plan("none"), ADDRESS, world.destination)
    assert not places._free.locked()


class TestRequireTls:
    """A message that requires TLS: the session is as its policies demand, and the server passes the demand on."""

    @pytest.fixture
    def world(self, world):
        world.tag = Tag.REQUIRE
        return world

    @pytest.mark.rfc(8689, "4.2.1")
    @pytest.mark.rfc(8689, "2")
    @pytest.mark.parametrize("demands", ["none", "testing", "enforce", "dane", "both", "dane-decides"])
    async def test_a_server_that_passes_it_on(self, world, demands):
        async with lab_mx(world, "requiretls") as server:
            result = await world.open(demands, server.port)
            assert isinstance(result, Session)
            assert result.capabilities.require_tls
            await finish(result)
        assert world.told == [{policy: [] for policy in POLICIES[demands]}]

    @pytest.mark.rfc(8689, "4.2.1")
    @pytest.mark.rfc(8689, "2")
    @pytest.mark.parametrize("behaviour", ["ok", "requiretls-early"])
    @pytest.mark.parametrize("demands", ["none", "enforce", "dane", "both"])
    async def test_a_server_that_does_not(self, world, behaviour, demands):
        async with lab_mx(world, behaviour) as server:
            result = await world.open(demands, server.port)
        assert isinstance(result, Broken)
        assert (result.status, result.verdict, result.sts_forbids) == ("5.7.30", "requiretls-not-supported", False)
        assert "does not offer REQUIRETLS after STARTTLS" in result.text
        assert result.tls.protocol == "TLSv1.3"
        assert world.told == [{policy: [] for policy in POLICIES[demands]}], "its TLS is as it should be"

    @pytest.mark.rfc(8689, "4.2.1")
    async def test_it_is_left_with_quit(self, world, serving):
        peer = Peer(world.certificate, ehlo="250-mx.example|250-REQUIRETLS|250 STARTTLS")
        async with serving(peer) as port:
            assert isinstance(await world.open("enforce", port), Broken)
            await until(lambda: peer.gone)
        assert peer.heard == ["EHLO us.example.org", "STARTTLS", "EHLO us.example.org", "QUIT"]

    @pytest.mark.rfc(8689, "4.2.1")
    @pytest.mark.rfc(8689, "8.2")
    @pytest.mark.parametrize(
        ("demands", "status"), [("none", "5.7.10"), ("testing", "5.7.10"), ("enforce", "4.7.5"), ("dane", "4.7.5")]
    )
    @pytest.mark.parametrize("behaviour", ["no-starttls", "starttls-501", "tls-alert", "tls10-only"])
    async def test_no_tls_no_mail(self, world, behaviour, demands, status):
        async with lab_mx(world, behaviour) as server:
            result = await world.open(demands, server.port)
            assert server.connections == 1, "no other TLS, and no clear text"
        assert isinstance(result, Broken)
        assert result.status == status

    @pytest.mark.parametrize("behaviour", ["starttls-454", "tls-close", "tls-late-close", "starttls-injection"])
    async def test_what_may_pass_is_no_bounce(self, world, behaviour):
        async with lab_mx(world, behaviour) as server:
            result = await world.open("none", server.port)
        assert isinstance(result, Broken)
        assert result.status == "4.7.5"

    @pytest.mark.rfc(8689, "4.2.1")
    @pytest.mark.parametrize(
        ("certificate", "demands", "status"),
        [
            ("name", "none", "5.7.10"),
            ("name", "testing", "5.7.10"),
            ("name", "enforce", "4.7.5"),
            ("name", "dane", None),
            ("name", "dane-decides", None),
            ("name", "both", "4.7.5"),
            ("expired", "none", "4.7.5"),
            ("self-signed", "none", "5.7.10"),
            ("good", "dane-wrong", "4.7.5"),
        ],
    )
    async def test_the_certificate_is_verified(self, world, certificate, demands, status):
        issue = world.authority.issue
        world.certificate = {
            "good": lambda: issue([MX.key]),
            "name": lambda: issue(["other.example.com"]),
            "expired": lambda: issue([MX.key], not_before=-2 * DAY, not_after=-DAY),
            "self-signed": lambda: issue([MX.key], issuer=None),
        }[certificate]()
        async with lab_mx(world, "requiretls") as server:
            result = await world.open(demands, server.port)
            await finish(result)
        assert (result.status if isinstance(result, Broken) else None) == status


class TestTlsOptional:
    """A message to which TLS is optional: everything is tried, nothing is forbidden, and all of it is told."""

    @pytest.fixture
    def world(self, world):
        world.tag = Tag.OPTIONAL
        return world

    @pytest.mark.rfc(8689, "4.2.2")
    @pytest.mark.parametrize("demands", ["none", "testing", "enforce", "dane", "both", "dane-decides", "unusable"])
    @pytest.mark.parametrize("behaviour", BEFORE_TLS)
    async def test_clear_text_in_the_end(self, world, behaviour, demands):
        cause, usable = BEFORE_TLS[behaviour]
        timeouts = replace(PATIENT, handshake=0.2 if behaviour == "tls-silent" else 20)
        async with lab_mx(world, behaviour) as server:
            result = await world.open(demands, server.port, timeouts=timeouts)
            assert isinstance(result, Session)
            assert result.tls.protocol == ""
            await finish(result)
        session, *after = world.told
        assert {tuple(causes[:1]) for causes in session.values()} == {(cause,)}
        assert list(session) == POLICIES[demands]
        assert set(after) <= {"-"}, "what follows from it is not told again"
        assert bool(after) != usable

    @pytest.mark.rfc(8689, "3")
    @pytest.mark.rfc(8689, "8.4")
    @pytest.mark.parametrize("demands", ["testing", "enforce", "dane-wrong", "both-dane-wrong"])
    async def test_a_bad_certificate_is_told_and_used(self, world, demands):
        world.certificate = world.authority.issue(["other.example.com"])
        async with lab_mx(world, "ok") as server:
            result = await world.open(demands, server.port)
            assert isinstance(result, Session)
            assert (result.tls.protocol, result.tls.verified_by) == ("TLSv1.3", ())
            await finish(result)
        (session,) = world.told
        expected = {"sts": ["CERT_HOST_MISMATCH"], "tlsa": ["DANE_NO_MATCH"]}
        column = {"dane-wrong": "dane", "both-dane-wrong": "both"}.get(demands, demands)
        assert session == {policy: expected[policy] for policy in POLICIES[column]}

    @pytest.mark.rfc(8689, "4.2.2")
    @pytest.mark.parametrize("demands", ["none", "testing", "enforce", "dane", "both"])
    async def test_verified_tls_where_it_can_be_had(self, world, demands):
        async with lab_mx(world, "ok") as server:
            result = await world.open(demands, server.port)
            assert isinstance(result, Session)
            assert result.tls.protocol == "TLSv1.3"
            assert sorted(result.tls.verified_by) == sorted(set(POLICIES[demands]) - {"no-policy-found"})
            await finish(result)
            assert server.connections == 1

    @pytest.mark.parametrize(("demands", "goes_on"), [("enforce", True), ("required", False), ("verify", False)])
    async def test_the_operators_word_stands(self, world, demands, goes_on):
        async with lab_mx(world, "no-starttls") as server:
            result = await world.open(demands, server.port)
            await finish(result)
        assert isinstance(result, Session) == goes_on
