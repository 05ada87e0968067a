"""Outcomes to points."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.datapoint import (
    SEED_VIEW,
    Cause,
    DataPoint,
    Failure,
    Judged,
    NotReportable,
    PolicyFacts,
    PolicyFailed,
    PolicyType,
    SessionEnded,
    compact,
    decode,
    paniclog,
    points_of,
    to_dict,
)
from tlswitness.datapoint.limits import MAX_EPOCH, MAX_FURTHER, MAX_HELO, MAX_POLICY_STRING, MAX_TEXT

STS = PolicyFacts(PolicyType.STS, "example.org", ("version: STSv1", "mx: mx.example.org"), ("mx.example.org",))
TLSA = PolicyFacts(PolicyType.TLSA, "mx.example.org", ("3 1 1 ab",))
EXPIRED = Failure(Cause.CERT_EXPIRED)
MISMATCH = Failure(Cause.CERT_HOST_MISMATCH)


def session(*judged: Judged, **changes: str | None) -> SessionEnded:
    ended = SessionEnded("example.org", judged, "192.0.2.1", "MX.example.org", "2001:db8::1", "helo.example.org")
    return replace(ended, **changes)  # type: ignore[arg-type]


def made(outcome: SessionEnded | PolicyFailed, epoch: int = 7) -> tuple[DataPoint, ...]:
    points = points_of(outcome, epoch)
    assert isinstance(points, tuple)
    return points


def one(outcome: SessionEnded | PolicyFailed, epoch: int = 7) -> DataPoint:
    (point,) = made(outcome, epoch)
    return point


@pytest.mark.rfc(8460, "4.2.1")
@pytest.mark.rfc(8460, "4.2.2")
@pytest.mark.parametrize(
    ("index", "epoch", "outcome"),
    [
        (
            0,
            1746712864,
            SessionEnded(
                recipient_domain="test.bird.com",
                judged=(
                    Judged(
                        PolicyFacts(
                            PolicyType.STS,
                            "test.bird.com",
                            (
                                "version: STSv1",
                                "mode: enforce",
                                "mx: mx.bird.com",
                                "mx: server.ectest.OMNITI.com",
                                "max_age: 604800",
                            ),
                            ("mx.bird.com", "server.ectest.omniti.com"),
                        )
                    ),
                ),
                sending_ip="127.0.0.1",
                mx="server.ectest.OMNITI.com",
                receiving_ip="127.0.0.1",
                helo="server.ectest.OMNITI.com",
            ),
        ),
        (
            1,
            1746719856,
            SessionEnded(
                recipient_domain="mismatch.cert.com",
                judged=(
                    Judged(
                        PolicyFacts(
                            PolicyType.STS,
                            "mismatch.cert.com",
                            ("version: STSv1", "mode: enforce", "mx: test.bird.com", "max_age: 86400"),
                            ("test.bird.com",),
                        ),
                        (MISMATCH,),
                    ),
                ),
                sending_ip="::ffff:127.0.0.1",
                mx="test.BIRD.com",
                receiving_ip="127.0.0.1",
            ),
        ),
    ],
    ids=["success", "failure"],
)
def test_momentum_points_come_from_outcomes_byte_for_byte(
    momentum_lines: tuple[str, str], index: int, epoch: int, outcome: SessionEnded
) -> None:
    assert paniclog(SEED_VIEW.of(one(outcome, epoch))) == momentum_lines[index]


@pytest.mark.rfc(8460, "4.4")
def test_members_of_a_failure() -> None:
    assert to_dict(one(session(Judged(TLSA, (EXPIRED, MISMATCH))))) == {
        "epoch": 7,
        "type": 0,
        "policy": {"policy-type": "tlsa", "policy-domain": "mx.example.org", "policy-string": ["3 1 1 ab"]},
        "result-type": "certificate-host-mismatch",
        "failure-reason-code": "4.7.5 [internal] SSL certificate subject does not match host",
        "sending-mta-ip": "192.0.2.1",
        "receiving-mx-hostname": "MX.example.org",
        "receiving-ip": "2001:db8::1",
        "receiving-mx-helo": "helo.example.org",
        "recipient-domain": "example.org",
        "further-failures": [
            {
                "result-type": "certificate-expired",
                "failure-reason-code": "4.7.5 [internal] SSL certificate has expired",
            }
        ],
    }


@pytest.mark.rfc(8460, "4.2")
@pytest.mark.rfc(8460, "4")
def test_one_point_for_each_policy() -> None:
    points = made(session(Judged(TLSA, (EXPIRED,)), Judged(STS)))
    assert [(point.policy.policy_type, point.type) for point in points] == [(PolicyType.TLSA, 0), (PolicyType.STS, 1)]
    assert points[1].result_type is None
    assert points[1].failure_reason_code is None
    assert points[1].recipient_domain is None
    assert points[1].policy.mx_host == ("mx.example.org",)


@pytest.mark.rfc(8460, "4")
def test_failures_named_apart_under_one_policy_are_one_point() -> None:
    assert one(session(Judged(STS), Judged(STS, (EXPIRED,)), Judged(STS, (MISMATCH, EXPIRED)))) == one(
        session(Judged(STS, (EXPIRED, MISMATCH)))
    )


@pytest.mark.rfc(8460, "4.4")
def test_strings_and_patterns_only_where_there_is_such_a_policy() -> None:
    facts = PolicyFacts(PolicyType.NONE, "example.org", ("version: STSv1",), ("mx.example.org",))
    policy = one(session(Judged(facts))).policy
    assert (policy.policy_string, policy.mx_host) == ((), ())
    tlsa = replace(TLSA, mx_patterns=("mx.example.org",))
    assert one(session(Judged(tlsa))).policy.mx_host == ()


@pytest.mark.parametrize(
    ("mx", "recipient_domain"),
    [(None, None), ("MX.example.org", None)],
)
def test_policy_failure_has_no_session(mx: str | None, recipient_domain: str | None) -> None:
    point = one(PolicyFailed("example.org", STS, Failure(Cause.STS_HTTP_STATUS, "404"), mx))
    assert point.failed
    assert point.receiving_mx_hostname == mx
    assert point.recipient_domain is recipient_domain
    assert (point.sending_mta_ip, point.receiving_ip, point.receiving_mx_helo) == (None, None, None)


@pytest.mark.rfc(8460, "1.1")
def test_tlsa_names_its_recipient_domain_before_any_session_too() -> None:
    point = one(PolicyFailed("example.org", TLSA, Failure(Cause.TLSA_LOOKUP, "SERVFAIL"), "mx.example.org"))
    assert point.recipient_domain == "example.org"


def test_nothing_to_report_stays_so() -> None:
    nothing = NotReportable("connection refused")
    assert points_of(nothing, 7) is nothing
    assert isinstance(points_of(session(), 7), NotReportable)


@pytest.mark.parametrize(
    ("change", "member", "expected"),
    [
        ({"helo": None}, "receiving_mx_helo", None),
        ({"helo": ""}, "receiving_mx_helo", None),
        ({"helo": "\r\n"}, "receiving_mx_helo", None),
        ({"helo": "a\r\nb\x07"}, "receiving_mx_helo", "a b"),
        ({"helo": "x" * 999}, "receiving_mx_helo", "x" * MAX_HELO),
        ({"mx": ""}, "receiving_mx_hostname", None),
        ({"sending_ip": ""}, "sending_mta_ip", None),
        ({"sending_ip": "fe80::1%eth0"}, "sending_mta_ip", "fe80::1"),
        ({"receiving_ip": "::ffff:192.0.2.9"}, "receiving_ip", "192.0.2.9"),
        ({"receiving_ip": "no address"}, "receiving_ip", "no address"),
    ],
)
def test_what_peers_say_is_cleaned(change: dict[str, str | None], member: str, expected: str | None) -> None:
    assert getattr(one(session(Judged(STS), **change)), member) == expected


@pytest.mark.parametrize(("epoch", "written"), [(-5, 0), (MAX_EPOCH + 5, MAX_EPOCH), (1746712864, 1746712864)])
def test_a_wild_clock_gives_a_writable_epoch(epoch: int, written: int) -> None:
    assert one(session(Judged(STS)), epoch).epoch == written


@pytest.mark.parametrize("line", ["", "x" * 1000, "\x00" * 50, "é" * 500])
def test_a_point_is_bounded_whatever_a_policy_holds(line: str) -> None:
    facts = PolicyFacts(PolicyType.STS, "example.org", (line,) * 70_000, (line,) * 70_000)
    failures = tuple(Failure(Cause.CERT_ISSUER_EXPIRED, str(depth)) for depth in range(1000))
    point = one(session(Judged(facts, failures), helo="h" * 10_000, mx="m" * 10_000))
    text = compact(point)
    assert len(text.encode()) <= MAX_TEXT
    for strings in (point.policy.policy_string, point.policy.mx_host):
        assert MAX_POLICY_STRING - 2000 < len(msgspec.json.encode(strings)) <= MAX_POLICY_STRING + 1
    assert len(point.further_failures) == MAX_FURTHER
    assert decode(text) == point


@given(data=st.data())
def test_any_outcome_is_writable_and_equal_outcomes_have_equal_text(
    data: st.DataObject, any_outcome: st.SearchStrategy[SessionEnded | PolicyFailed]
) -> None:
    outcome = data.draw(any_outcome)
    shuffled = outcome
    if isinstance(outcome, SessionEnded):
        judged = tuple(
            replace(each, failures=tuple(data.draw(st.permutations(each.failures * 2)))) for each in outcome.judged
        )
        shuffled = replace(outcome, judged=judged)
    first, second = made(outcome, 1), made(shuffled, 22)
    for one_point, other_point in zip(first, second, strict=True):
        text = compact(one_point)
        assert text.removeprefix('{"epoch":1,') == compact(other_point).removeprefix('{"epoch":22,')
        assert decode(text) == one_point


def test_points_of_one_policy_share_its_strings() -> None:
    """A policy may have thousands of lines, and thousands of points may wait for a slow hook."""
    strings = tuple(f"mx: m{number}.example" for number in range(3000))
    policy = PolicyFacts(PolicyType.STS, "example.com", strings, tuple(text[4:] for text in strings))
    failed = PolicyFailed("example.com", policy, Failure(Cause.STS_MX_MISMATCH))
    points = [one for _ in range(2) for one in points_of(replace(failed), 1)]
    assert points[0].policy.policy_string is points[1].policy.policy_string
    assert points[0].policy.mx_host is points[1].policy.mx_host


def test_sessions_that_come_out_alike_share_their_points_for_a_second() -> None:
    def session() -> SessionEnded:
        facts = PolicyFacts(PolicyType.NONE, "example.com")
        return SessionEnded("example.com", (Judged(facts),), "192.0.2.1", "mx.example.com", "192.0.2.2")

    (one,), (same,), (later,) = points_of(session(), 1000), points_of(session(), 1000), points_of(session(), 1001)
    assert one is same
    assert (one.epoch, later.epoch) == (1000, 1001)
