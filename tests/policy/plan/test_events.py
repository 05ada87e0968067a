"""Failures before any session."""

from __future__ import annotations

import pytest

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.datapoint.outcome import PolicyFacts, PolicyFailed
from tlswitness.datapoint.results import PolicyType
from tlswitness.dns.answer import LookupFailed, Security
from tlswitness.names import Domain, HostName, MxPattern
from tlswitness.policy.plan import mx_lookup_refusal, sts_failed
from tlswitness.policy.sts.model import Mode, StsAbsent, StsApplies, StsPolicy

DOMAIN = Domain("example.com")
FAILURE = Failure(Cause.STS_HTTP_STATUS, "404")
PATTERN = MxPattern(HostName("mx.example.com", "mx.example.com"))
LINES = ("version: STSv1", "mode: enforce", "mx: mx.example.com", "max_age: 60")
POLICY = StsPolicy(Mode.ENFORCE, 60, (PATTERN,), LINES)


@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.parametrize(
    ("failed", "use_dane", "reported"),
    [
        pytest.param(LookupFailed(Security.BOGUS, "SERVFAIL EDE 6"), True, True, id="B2/bogus"),
        pytest.param(LookupFailed(Security.BOGUS, "SERVFAIL EDE 6"), False, False, id="B2/bogus-without-dane"),
        pytest.param(LookupFailed(Security.FAILED, "SERVFAIL"), True, False, id="B2s/servfail"),
        pytest.param(LookupFailed(Security.FAILED, "timeout"), True, False, id="B2s/timeout"),
    ],
)
def test_b2_a_failed_mx_lookup_defers(failed: LookupFailed, *, use_dane: bool, reported: bool) -> None:
    refused = mx_lookup_refusal(DOMAIN, failed, use_dane=use_dane)
    failure = Failure(Cause.MX_LOOKUP, failed.code)
    assert (refused.domain, refused.host, refused.status, refused.failure) == (DOMAIN, None, "4.4.3", failure)
    assert refused.reason.startswith(f"the MX lookup of example.com failed: {failed.code}")
    event = PolicyFailed("example.com", PolicyFacts(PolicyType.TLSA, "example.com"), failure)
    assert refused.events == ((event,) if reported else ())


@pytest.mark.rfc(8460, "4.5")
@pytest.mark.rfc(8461, "6")
@pytest.mark.parametrize(
    ("answer", "facts"),
    [
        pytest.param(
            StsApplies(DOMAIN, POLICY, True, FAILURE),
            PolicyFacts(PolicyType.STS, DOMAIN, LINES, ("mx.example.com",)),
            id="A7/cache",
        ),
        pytest.param(StsAbsent(DOMAIN, "not fetchable", FAILURE), PolicyFacts(PolicyType.STS, DOMAIN), id="A7/nocache"),
        pytest.param(
            StsAbsent(DOMAIN, "invalid", FAILURE, ("version: STSv9",)),
            PolicyFacts(PolicyType.STS, DOMAIN, ("version: STSv9",)),
            id="A12/nocache",
        ),
    ],
)
def test_a_failed_policy_is_a_failure_of_the_domain(answer: StsApplies | StsAbsent, facts: PolicyFacts) -> None:
    assert sts_failed(answer) == PolicyFailed("example.com", facts, FAILURE)


@pytest.mark.parametrize("answer", [StsApplies(DOMAIN, POLICY, False), StsAbsent(DOMAIN, "there is no record")])
def test_nothing_failed(answer: StsApplies | StsAbsent) -> None:
    assert sts_failed(answer) is None
