"""What a session came to, policy by policy."""

import itertools
from dataclasses import replace

import pytest

from tlswitness.datapoint import points_of
from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.datapoint.outcome import Judged, SessionEnded
from tlswitness.datapoint.results import PolicyType
from tlswitness.delivery.judged import NOTHING, Findings
from tlswitness.dns.answer import TlsaRecord
from tlswitness.names import Domain, HostName, MxPattern
from tlswitness.policy.dane import DaneRecords
from tlswitness.policy.plan import DaneDemand, LocalRules, Plan, StsDemand, TlsWanted
from tlswitness.policy.sts.model import Mode, StsPolicy

DOMAIN = Domain("example.com")
MX = HostName("mx.example.com", "mx.example.com")
RECORD = TlsaRecord(3, 1, 1, bytes(32))
ENFORCE = StsDemand(DOMAIN, StsPolicy(Mode.ENFORCE, 60, (MxPattern(MX),), ("version: STSv1",)), binding=True)
TESTING = StsDemand(DOMAIN, StsPolicy(Mode.TESTING, 60, (MxPattern(MX),), ("version: STSv1",)), binding=False)
MISMATCH = replace(TESTING, standing=(Failure(Cause.STS_MX_MISMATCH),))
DANE = DaneDemand(DaneRecords(MX, (RECORD,), (RECORD,), (MX,)))
UNUSABLE = DaneDemand(DaneRecords(MX, (RECORD,), (), (MX,)), (Failure(Cause.TLSA_ALL_UNUSABLE),))

EXPIRED = Failure(Cause.CERT_EXPIRED)
NO_MATCH = Failure(Cause.DANE_NO_MATCH)
ABSENT = Failure(Cause.STARTTLS_NOT_OFFERED)
LATE = Failure(Cause.TLS_AFTER_HANDSHAKE, "connection closed")


def plan(sts=None, dane=None, local=None):
    return Plan(DOMAIN, MX, ("192.0.2.1",), 25, local or LocalRules(), sts, dane)


def verdict(sts=None, tlsa=None, local=None):
    return replace(NOTHING, sts=sts, tlsa=tlsa, local=local)


def told(findings):
    return {entry.policy.policy_type.value: [f.cause.name for f in entry.failures] for entry in findings.judged()}


@pytest.mark.rfc(8460, "4.2")
@pytest.mark.parametrize(
    ("demands", "found", "expected"),
    [
        ((None, None), {}, {"no-policy-found": []}),
        ((None, None), {"failure": ABSENT}, {"no-policy-found": ["STARTTLS_NOT_OFFERED"]}),
        ((ENFORCE, None), {"verdict": verdict(sts=())}, {"sts": []}),
        ((ENFORCE, None), {"verdict": verdict(sts=(EXPIRED,))}, {"sts": ["CERT_EXPIRED"]}),
        ((TESTING, None), {"failure": ABSENT}, {"sts": ["STARTTLS_NOT_OFFERED"]}),
        ((MISMATCH, None), {"verdict": verdict(sts=())}, {"sts": ["STS_MX_MISMATCH"]}),
        ((None, DANE), {"verdict": verdict(tlsa=())}, {"tlsa": []}),
        ((None, UNUSABLE), {"verdict": verdict(tlsa=())}, {"tlsa": ["TLSA_ALL_UNUSABLE"]}),
        ((ENFORCE, DANE), {"failure": ABSENT}, {"tlsa": ["STARTTLS_NOT_OFFERED"], "sts": ["STARTTLS_NOT_OFFERED"]}),
        # Each policy is judged alone.
        (
            (ENFORCE, DANE),
            {"verdict": verdict(sts=(), tlsa=(NO_MATCH,))},
            {"tlsa": ["DANE_NO_MATCH"], "sts": []},
        ),
        # What breaks late breaks both, also what was good so far.
        (
            (ENFORCE, DANE),
            {"verdict": verdict(sts=(), tlsa=()), "failure": LATE},
            {"tlsa": ["TLS_AFTER_HANDSHAKE"], "sts": ["TLS_AFTER_HANDSHAKE"]},
        ),
        # On leaving after a bad verdict it is held against what would otherwise count as a success.
        (
            (ENFORCE, DANE),
            {"verdict": verdict(sts=(), tlsa=(NO_MATCH,)), "late": LATE},
            {"tlsa": ["DANE_NO_MATCH"], "sts": ["TLS_AFTER_HANDSHAKE"]},
        ),
        # Nobody knows yet whether what did not fail was passed.
        ((ENFORCE, DANE), {"verdict": verdict(sts=(), tlsa=(NO_MATCH,)), "proven": False}, {"tlsa": ["DANE_NO_MATCH"]}),
    ],
)
def test_each_policy_with_all_that_failed_under_it(demands, found, expected):
    assert told(Findings(plan(*demands), **found)) == expected


def test_no_policy_is_told_under_the_recipient_domain():
    (entry,) = Findings(plan()).judged()
    assert (entry.policy.policy_type, entry.policy.domain) == (PolicyType.NONE, DOMAIN)


@pytest.mark.rfc(8461, "5")
@pytest.mark.rfc(7672, "2.2")
@pytest.mark.parametrize(
    ("demands", "local", "found", "cause"),
    [
        ((None, None), {}, {"failure": ABSENT}, None),
        ((None, None), {"tls": TlsWanted.REQUIRED}, {"failure": ABSENT}, "STARTTLS_NOT_OFFERED"),
        ((None, None), {"tls": TlsWanted.REQUIRED}, {"verdict": verdict()}, None),
        ((None, None), {"tls_verify": True}, {"verdict": verdict(local=(EXPIRED,))}, "CERT_EXPIRED"),
        ((None, None), {"tls_verify": True}, {"failure": ABSENT}, "STARTTLS_NOT_OFFERED"),
        ((TESTING, None), {}, {"verdict": verdict(sts=(EXPIRED,))}, None),
        ((MISMATCH, None), {}, {"failure": ABSENT}, None),
        ((ENFORCE, None), {}, {"verdict": verdict(sts=(EXPIRED,))}, "CERT_EXPIRED"),
        ((ENFORCE, None), {}, {"failure": ABSENT}, "STARTTLS_NOT_OFFERED"),
        # RFC 8461 section 2: a good MTA-STS verdict does not override DANE, nor the other way round.
        ((ENFORCE, DANE), {}, {"verdict": verdict(sts=(), tlsa=(NO_MATCH,))}, "DANE_NO_MATCH"),
        ((ENFORCE, DANE), {}, {"verdict": verdict(sts=(EXPIRED,), tlsa=())}, "CERT_EXPIRED"),
        ((ENFORCE, DANE), {}, {"verdict": verdict(sts=(EXPIRED,), tlsa=(NO_MATCH,))}, "DANE_NO_MATCH"),
        # dane_and_sts = "dane"
        ((replace(ENFORCE, binding=False), DANE), {}, {"verdict": verdict(sts=(EXPIRED,), tlsa=())}, None),
        # No usable record: TLS without authentication, but TLS.
        ((None, UNUSABLE), {}, {"verdict": verdict(tlsa=())}, None),
        ((None, UNUSABLE), {}, {"failure": ABSENT}, "STARTTLS_NOT_OFFERED"),
    ],
)
def test_what_forbids_mail(demands, local, found, cause):
    forbids = Findings(plan(*demands, LocalRules(**local)), **found).forbids()
    assert (forbids and forbids.cause.name) == cause


@pytest.mark.rfc(8461, "5")
@pytest.mark.parametrize(
    ("sts", "found", "in_the_way"),
    [
        (None, {"failure": ABSENT}, False),
        (TESTING, {"verdict": verdict(sts=(EXPIRED,))}, False),
        (ENFORCE, {"verdict": verdict(sts=(), tlsa=(NO_MATCH,))}, False),
        (ENFORCE, {"verdict": verdict(sts=(EXPIRED,))}, True),
        (ENFORCE, {"failure": ABSENT}, True),
    ],
)
def test_a_newer_policy_helps_only_where_a_binding_one_is_in_the_way(sts, found, in_the_way):
    assert Findings(plan(sts, DANE), **found).sts_forbids() is in_the_way


@pytest.mark.parametrize(
    ("demands", "found", "passed"),
    [
        ((None, None), {}, ()),
        ((ENFORCE, DANE), {"verdict": verdict(sts=(), tlsa=())}, ("tlsa", "sts")),
        ((TESTING, DANE), {"verdict": verdict(sts=(EXPIRED,), tlsa=())}, ("tlsa",)),
        ((None, UNUSABLE), {"verdict": verdict(tlsa=())}, ()),
        ((MISMATCH, None), {"verdict": verdict(sts=())}, ()),
    ],
)
def test_what_a_session_was_verified_by(demands, found, passed):
    assert Findings(plan(*demands), **found).verified_by() == passed


ALL = list(
    itertools.product(
        [None, ENFORCE, TESTING, MISMATCH],
        [None, DANE, UNUSABLE],
        [NOTHING, verdict((), ()), verdict((EXPIRED,), ()), verdict((), (NO_MATCH,)), verdict((EXPIRED,), (NO_MATCH,))],
        [None, ABSENT],
        [None, LATE],
        [True, False],
    )
)


@pytest.mark.rfc(8460, "4.4")
def test_never_two_entries_of_one_policy_and_never_a_success_where_mail_is_forbidden_by_it():
    for sts, dane, verdict_, failure, late, proven in ALL:
        findings = Findings(plan(sts, dane), verdict_, failure, late, proven)
        judged: tuple[Judged, ...] = findings.judged()
        kinds = [entry.policy.policy_type for entry in judged]
        assert len(kinds) == len(set(kinds))
        points = points_of(SessionEnded(DOMAIN, judged, "198.51.100.1", MX.text, "192.0.2.1"), 0)
        if judged:
            assert (
                len(points)
                == len(judged)
                == (max(1, (sts is not None) + (dane is not None)) if proven else len(judged))
            )
        forbids = findings.forbids()
        if forbids is not None:
            assert any(forbids in entry.failures for entry in judged)
        if failure is not None or not proven or late is not None:
            assert all(entry.failures for entry in judged)
