from dataclasses import replace

import pytest

from tlswitness.datapoint import Cause, Failure
from tlswitness.dns.answer import LookupFailed, Security
from tlswitness.engine.check import Severity, StsLook
from tlswitness.engine.check.findings.policy import about_sts
from tlswitness.policy.sts import BadRecord, Entry, Fetched, FetchFailed, Mode, NoRecord, StsRecord

RECORD = StsRecord("1")


@pytest.fixture
def tell(make):
    def tell(record=RECORD, served=None, stored=None, answer=None, hosts=None):
        look = StsLook(record, served, stored, answer or make.absent)
        found = about_sts(make.domain, look, [make.host()] if hosts is None else hosts, make.now)
        return {finding.code: finding for finding in found}

    return tell


def fetched(policy) -> Fetched:
    return Fetched(policy, b"")


def cached(make, policy=None, record_id="1") -> Entry:
    now = int(make.now)
    return Entry(make.domain, record_id, policy or make.policy(), b"", now, now)


def failed(cause: Cause, code: str = "") -> FetchFailed:
    return FetchFailed(Failure(cause, code))


def test_all_is_well(make, tell):
    assert tell(served=fetched(make.policy()), answer=make.applies()) == {}


@pytest.mark.rfc(8461, "5")
def test_mode_testing(make, tell):
    policy = make.policy(Mode.TESTING)
    found = tell(served=fetched(policy), answer=make.applies(policy))
    assert found.keys() == {"sts-testing"}
    assert found["sts-testing"].severity is Severity.WARNING


def test_mode_none(make, tell):
    assert tell(served=fetched(make.policy(Mode.NONE))).keys() == {"sts-mode-none"}


def test_switched_off_here(tell):
    assert tell(record=None).keys() == {"sts-off"}


@pytest.mark.rfc(8461, "3.3")
@pytest.mark.parametrize(
    ("outcome", "code", "temporary"),
    [
        (failed(Cause.STS_HTTP_STATUS, "404"), "sts-http-status", False),
        (failed(Cause.STS_CERT, "expired"), "sts-cert", False),
        (failed(Cause.STS_HOST_LOOKUP, "NXDOMAIN"), "sts-host-lookup", False),
        (failed(Cause.STS_HOST_LOOKUP, "SERVFAIL"), "sts-host-lookup", True),
        (failed(Cause.STS_HOST_LOOKUP, "SERVFAIL EDE 6"), "sts-host-lookup", False),
    ],
)
def test_a_policy_that_cannot_be_fetched(make, tell, outcome, code, temporary):
    found = tell(served=outcome)
    assert found.keys() == {code}
    assert (found[code].severity, found[code].temporary) == (Severity.PROBLEM, temporary)
    assert "no MTA-STS policy applies" in found[code].text
    kept = tell(served=outcome, stored=cached(make), answer=make.applies(cached=True))
    assert "the policy cached here (mode enforce) is applied" in kept[code].text


@pytest.mark.rfc(8461, "3.1")
def test_a_record_that_is_none(tell):
    assert tell(record=BadRecord(Failure(Cause.STS_TXT_INVALID, "no id"))).keys() == {"sts-txt-invalid"}
    assert tell(record=LookupFailed(Security.FAILED, "timeout"))["sts-txt-lookup"].temporary
    assert not tell(record=LookupFailed(Security.BOGUS, "SERVFAIL EDE 6"))["sts-txt-lookup"].temporary


def test_no_record(make, tell):
    assert tell(record=NoRecord(), served=failed(Cause.STS_HOST_LOOKUP, "NXDOMAIN")) == {}
    assert tell(record=NoRecord(), served=fetched(make.policy())).keys() == {"sts-no-record"}
    found = tell(record=NoRecord(), stored=cached(make), answer=make.applies(cached=True))
    assert found["sts-txt-none"].severity is Severity.PROBLEM
    expired = replace(cached(make), fetched_at=0)
    assert tell(record=NoRecord(), stored=expired) == {}
    assert tell(record=NoRecord(), stored=cached(make, make.policy(Mode.NONE))) == {}


def test_a_policy_that_changed_without_a_new_id(make, tell):
    old = cached(make, make.policy(Mode.TESTING))
    found = tell(served=fetched(make.policy()), stored=old)
    assert found["sts-same-id"].severity is Severity.WARNING
    assert tell(served=fetched(make.policy()), stored=replace(old, id="0")) == {}


@pytest.mark.rfc(8461, "3.2")
@pytest.mark.parametrize(
    ("max_age", "severity"), [(3600, Severity.WARNING), (86_400, Severity.NOTE), (604_800, None), (31_557_600, None)]
)
def test_a_short_life(make, tell, max_age, severity):
    found = tell(served=fetched(make.policy(max_age=max_age))).get("sts-max-age")
    assert (found.severity if found else None) == severity


def test_patterns_that_name_no_mx(make, tell):
    found = tell(served=fetched(make.policy(Mode.ENFORCE, "*.example.com", "mx.example.org")))
    assert list(found) == ["sts-unused-mx"]
    assert "mx.example.org" in found["sts-unused-mx"].text
