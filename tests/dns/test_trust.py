import dns.flags
import dns.message
import dns.rrset
import pytest

from tlswitness.dns.answer import LookupFailed, RecordType, Security
from tlswitness.dns.servers import Server
from tlswitness.dns.trust import Probe, ServerTrust, Trust, TrustState, Validation, judge_probe
from tlswitness.dns.wire import build_query, wire_name
from tlswitness.lab.dnsreply import Conduct
from tlswitness.lab.fakes import VirtualClock
from tlswitness.lab.nameserver import NameServer
from tlswitness.lab.zone import BOGUS, Failing, Missing, Silent

LOCAL, OTHER, FOREIGN = Server("127.0.0.1"), Server("::1"), Server("192.0.2.1")
GOOD = Probe(Validation.VALIDATING, "good")
BAD = Probe(Validation.NOT_VALIDATING, "bad")
UNCLEAR = Probe(Validation.INCONCLUSIVE, "unclear")
DEAD = LookupFailed(Security.FAILED, "timeout")


def told(server: NameServer, name: str) -> dns.message.Message | LookupFailed:
    asked = wire_name(name)
    assert asked is not None
    data = server.answer(build_query(asked, RecordType.SOA, 1).wire)
    return dns.message.from_wire(data, one_rr_per_rrset=True) if data else DEAD


@pytest.mark.rfc(7672, "2.1.1")
@pytest.mark.parametrize(
    ("conduct", "validation", "word"),
    [
        (Conduct.VALIDATING, Validation.VALIDATING, "validated"),
        (Conduct.AD_NEVER, Validation.NOT_VALIDATING, "does not check"),
        (Conduct.STRIP_DO, Validation.NOT_VALIDATING, "leaves signatures out"),
        (Conduct.AD_ALWAYS, Validation.NOT_VALIDATING, "home.arpa"),
        (Conduct.SERVFAIL_SIGNED, Validation.INCONCLUSIVE, "SERVFAIL EDE 9"),
        (Conduct.CUT, Validation.INCONCLUSIVE, "SERVFAIL EDE 22"),
        (Conduct.DEAD, Validation.INCONCLUSIVE, "timeout"),
    ],
)
def test_the_verdict_on_each_kind_of_resolver(conduct: Conduct, validation: Validation, word: str) -> None:
    server = NameServer(conduct=conduct)
    probe = judge_probe(told(server, "."), told(server, "home.arpa"))
    assert probe.validation is validation
    assert word in probe.reason


@pytest.mark.parametrize("reply", [BOGUS, Failing("REFUSED"), Missing(), Missing(name=False, secure=False), Silent()])
def test_no_answer_for_the_root_shows_nothing(reply: Failing | Missing | Silent) -> None:
    server = NameServer()
    server.zone.set(".", RecordType.SOA, reply)
    assert judge_probe(told(server, "."), told(server, "home.arpa")).validation is Validation.INCONCLUSIVE


def test_an_authority_for_the_root_shows_nothing() -> None:
    message = told(NameServer(conduct=Conduct.AD_NEVER), ".")
    assert isinstance(message, dns.message.Message)
    message.flags |= dns.flags.AA
    assert judge_probe(message, DEAD).validation is Validation.INCONCLUSIVE


def test_a_validating_resolver_need_not_answer_for_the_unsigned_name() -> None:
    assert judge_probe(told(NameServer(), "."), DEAD).validation is Validation.VALIDATING


S = TrustState


@pytest.mark.parametrize(
    ("probes", "state", "dane", "alarm"),
    [
        ([], S.UNTESTED, True, False),
        ([GOOD], S.VALIDATING, True, False),
        ([UNCLEAR], S.UNPROVEN, True, False),
        ([BAD], S.NOT_VALIDATING, False, True),
        ([BAD, UNCLEAR], S.NOT_VALIDATING, False, True),
        ([BAD, GOOD], S.VALIDATING, True, False),
        ([UNCLEAR, GOOD], S.VALIDATING, True, False),
        ([UNCLEAR, BAD], S.LOST, True, True),
        ([GOOD, UNCLEAR], S.VALIDATING, True, False),
        ([GOOD, BAD], S.LOST, True, True),
        ([GOOD, BAD, UNCLEAR], S.LOST, True, True),
        ([GOOD, BAD, BAD], S.LOST, True, True),
        ([GOOD, BAD, GOOD], S.VALIDATING, True, False),
    ],
)
def test_the_states(clock: VirtualClock, probes: list[Probe], state: TrustState, dane: bool, alarm: bool) -> None:
    trust = Trust((LOCAL, FOREIGN), (), clock)
    for probe in probes:
        trust.record({LOCAL: probe})
    report = trust.report
    assert (report.state, report.dane, report.alarm) == (state, dane, alarm)
    assert str(LOCAL) in report.words
    assert trust.lost is (state is S.LOST)
    assert report.seen is (state in (S.VALIDATING, S.UNTESTED))


@pytest.mark.rfc(7672, "2.1.1")
def test_without_a_trusted_server_dane_is_off(clock: VirtualClock) -> None:
    trust = Trust((FOREIGN, Server("127.0.0.53")), (), clock)
    assert trust.state is S.UNTRUSTED
    assert not trust.report.dane
    assert "DANE is off" in trust.report.words
    assert not trust.believes(FOREIGN)
    assert trust.usable() == (FOREIGN, Server("127.0.0.53"))
    assert not trust.due()
    trust.record({FOREIGN: GOOD})
    assert not trust.believes(FOREIGN)


def test_a_named_server_is_trusted(clock: VirtualClock) -> None:
    assert Trust((FOREIGN,), ("192.0.2.1",), clock).believes(FOREIGN)


@pytest.mark.parametrize(
    ("local", "other", "usable", "state"),
    [
        ([], [], (LOCAL, OTHER), S.UNTESTED),
        ([GOOD], [GOOD], (LOCAL, OTHER), S.VALIDATING),
        ([GOOD], [UNCLEAR], (LOCAL,), S.VALIDATING),
        ([GOOD], [BAD], (LOCAL,), S.VALIDATING),
        ([GOOD, BAD], [GOOD], (OTHER,), S.VALIDATING),
        ([GOOD, BAD], [UNCLEAR], (OTHER,), S.UNPROVEN),
        ([GOOD, BAD], [BAD], (LOCAL,), S.LOST),
        ([BAD], [BAD], (LOCAL, OTHER, FOREIGN), S.NOT_VALIDATING),
    ],
)
def test_never_a_worse_server_beside_a_better_one(
    clock: VirtualClock, local: list[Probe], other: list[Probe], usable: tuple[Server, ...], state: TrustState
) -> None:
    trust = Trust((LOCAL, OTHER, FOREIGN), (), clock)
    for server, probes in ((LOCAL, local), (OTHER, other)):
        for probe in probes:
            trust.record({server: probe})
    assert trust.usable() == usable
    assert trust.state is state


def test_what_is_proven_bad_is_not_believed(clock: VirtualClock) -> None:
    trust = Trust((LOCAL, OTHER), (), clock)
    assert trust.believes(LOCAL)
    trust.record({LOCAL: GOOD, OTHER: BAD})
    assert (trust.believes(LOCAL), trust.believes(OTHER)) == (True, False)
    assert trust.report.alarm
    trust.record({LOCAL: BAD, OTHER: BAD})
    assert not trust.believes(LOCAL)
    assert not trust.believes(Server("127.0.0.1", 5353))


def test_what_a_server_proved_before_the_last_test_proves_nothing_now(clock: VirtualClock) -> None:
    trust = Trust((LOCAL, OTHER, FOREIGN), (), clock)
    assert trust.proven() == ()
    trust.record({LOCAL: GOOD, OTHER: GOOD})
    assert trust.proven() == (LOCAL, OTHER)
    trust.record({LOCAL: UNCLEAR, OTHER: GOOD, FOREIGN: GOOD})
    assert trust.proven() == (OTHER,)
    trust.record({LOCAL: GOOD, OTHER: BAD})
    assert trust.proven() == (LOCAL,)


def test_changes_are_told_and_reasons_kept(clock: VirtualClock) -> None:
    trust = Trust((LOCAL,), (), clock)
    assert trust.record({LOCAL: GOOD})
    assert not trust.record({LOCAL: GOOD})
    assert not trust.record({LOCAL: UNCLEAR})
    assert trust.report.servers[0].reason == "good"
    assert trust.record({LOCAL: BAD})
    assert not trust.record({LOCAL: UNCLEAR})
    report = trust.report.servers[0]
    assert (report.trust, report.reason, report.tested) == (ServerTrust.LOST, "bad", clock())


def test_when_tests_are_due(clock: VirtualClock) -> None:
    trust = Trust((LOCAL,), (), clock, interval=3600, doubt_interval=60)
    assert trust.due()
    trust.record({LOCAL: GOOD})
    clock.advance(3599)
    assert not trust.due()
    clock.advance(1)
    assert trust.due()
    trust.record({LOCAL: BAD})
    assert not trust.due()
    clock.advance(60)
    assert trust.due()
