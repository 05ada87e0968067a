"""From outcomes to points."""

import pytest

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.datapoint.outcome import Judged, NotReportable, PolicyFacts, PolicyFailed, SessionEnded
from tlswitness.datapoint.results import PolicyType
from tlswitness.engine.reporter import REPEAT, Reporter
from tlswitness.lab.fakes import VirtualClock

STS = PolicyFacts(PolicyType.STS, "example.com", ("version: STSv1",))
TLSA = PolicyFacts(PolicyType.TLSA, "mx.example.com")
EXPIRED = Failure(Cause.CERT_EXPIRED)
MISMATCH = PolicyFailed("example.com", STS, Failure(Cause.STS_MX_MISMATCH), "mx.example.com")


class Sink:
    def __init__(self):
        self.points = []

    def submit(self, point):
        self.points.append(point)


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def reporter(sink, clock):
    return Reporter([sink], clock)


def session(*judged):
    return SessionEnded("example.com", judged, "198.51.100.1", "mx.example.com", "192.0.2.1")


@pytest.mark.rfc(8460, "4.2")
def test_a_session_is_one_point_for_each_policy(reporter, sink, clock):
    reporter.report(session(Judged(TLSA), Judged(STS, (EXPIRED,))))
    assert [(p.epoch, p.type, p.policy.policy_type.value) for p in sink.points] == [
        (int(clock()), 1, "tlsa"),
        (int(clock()), 0, "sts"),
    ]


@pytest.mark.rfc(8460, "4.2")
def test_equal_sessions_are_each_a_point(reporter, sink):
    for _ in range(3):
        reporter.report(session(Judged(STS, (EXPIRED,))))
    assert len(sink.points) == 3


@pytest.mark.rfc(8460, "4.2")
def test_a_failure_without_a_session_is_told_once_in_its_time(reporter, sink, clock):
    for _ in range(100):
        reporter.report(MISMATCH)
        clock.advance(1)
    assert len(sink.points) == 1
    clock.advance(REPEAT - 100)
    reporter.report(MISMATCH)
    assert len(sink.points) == 2


@pytest.mark.parametrize(
    "other",
    [
        PolicyFailed("example.net", STS, MISMATCH.failure, "mx.example.com"),
        PolicyFailed("example.com", STS, MISMATCH.failure, "mx2.example.com"),
        PolicyFailed("example.com", TLSA, MISMATCH.failure, "mx.example.com"),
        PolicyFailed("example.com", STS, Failure(Cause.STS_TIMEOUT), "mx.example.com"),
    ],
)
def test_another_domain_host_policy_or_cause_is_another_failure(reporter, sink, other):
    reporter.report(MISMATCH)
    reporter.report(other)
    assert len(sink.points) == 2


def test_the_same_failure_in_other_words_is_the_same(reporter, sink):
    reporter.report(PolicyFailed("example.com", TLSA, Failure(Cause.TLSA_LOOKUP, "SERVFAIL"), "mx.example.com"))
    reporter.report(PolicyFailed("example.com", TLSA, Failure(Cause.TLSA_LOOKUP, "timeout"), "mx.example.com"))
    assert len(sink.points) == 1


def test_what_is_not_reportable_is_a_word_for_the_log(reporter, sink, caplog):
    with caplog.at_level("DEBUG"):
        reporter.report(NotReportable("connection refused"))
    assert sink.points == []
    assert "not reportable: connection refused" in caplog.text


@pytest.mark.parametrize("outcome", [session(Judged(STS)), MISMATCH, None, "nonsense"])
def test_nothing_that_goes_wrong_here_reaches_the_mail(outcome, caplog):
    class Broken:
        def submit(self, point):
            raise OSError("disk full")

    def clock():
        raise OverflowError

    Reporter([Broken()], lambda: 0.0).report(outcome)
    Reporter([Broken()], clock).report(outcome)
    assert "an outcome could not be reported" in caplog.text


@pytest.mark.parametrize("now", [-1.0, 1e30])
def test_a_clock_that_is_wrong_makes_points_all_the_same(sink, now):
    Reporter([sink], lambda: now).report(session(Judged(STS)))
    assert len(sink.points) == 1


def test_all_sinks_are_told_in_their_order(clock):
    first, second = Sink(), Sink()
    Reporter([first, second], clock).report(session(Judged(STS), Judged(TLSA)))
    assert first.points == second.points
    assert len(first.points) == 2
