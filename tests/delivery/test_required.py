from dataclasses import replace

import pytest

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.delivery.course import Course
from tlswitness.delivery.required import named, refused_for_good
from tlswitness.dns.answer import TlsaRecord
from tlswitness.names import Domain, HostName, MxPattern
from tlswitness.policy.dane import DaneRecords, NextHop
from tlswitness.policy.plan import DaneDemand, LocalRules, Named, Plan, StsDemand, Tag, TlsWanted
from tlswitness.policy.sts.model import Mode, StsPolicy

DOMAIN = Domain("example.com")
MX = HostName("mx.example.com", "mx.example.com")
RECORD = TlsaRecord(3, 1, 1, b"\x11" * 32)
POLICY = StsPolicy(Mode.ENFORCE, 60, (MxPattern(MX),), ())
PLAN = Plan(DOMAIN, MX, ("192.0.2.1",), 25, LocalRules(), None, None, tag=Tag.REQUIRE)


@pytest.mark.rfc(8689, "2")
@pytest.mark.parametrize(
    ("secure", "implicit", "seen", "answer"),
    [
        (True, False, True, Named.YES),
        (True, False, False, Named.YES),
        (False, True, True, Named.YES),
        (False, False, True, Named.NO),
        (False, False, False, Named.UNKNOWN),
    ],
)
def test_who_names_a_host(secure, implicit, seen, answer):
    course = Course(NextHop(DOMAIN, DOMAIN, secure), (MX,), 25, implicit)
    assert named(course, dnssec_seen=seen) is answer


@pytest.mark.rfc(8689, "4.2.1")
@pytest.mark.parametrize("cause", Cause)
def test_what_the_message_alone_demands_bounces_unless_it_may_pass(cause):
    assert refused_for_good(replace(PLAN, tag=Tag.NORMAL), Failure(cause)) is None
    assert refused_for_good(replace(PLAN, tag=Tag.OPTIONAL), Failure(cause)) is None
    passes = cause.name.endswith(("_CLOSED", "_TIMEOUT", "_EXPIRED", "_NOT_YET_VALID", "_INJECTION", "_NO_REPLY"))
    passes |= cause is Cause.TLS_AFTER_HANDSHAKE
    if not cause.name.startswith("STS_"):  # these are of no session
        assert refused_for_good(PLAN, Failure(cause)) == (None if passes else "5.7.10")


@pytest.mark.parametrize(("code", "status"), [("454 4.7.0", None), ("421", None), ("501 5.5.4", "5.7.10")])
def test_a_server_that_says_later_may_do_so(code, status):
    assert refused_for_good(PLAN, Failure(Cause.STARTTLS_REFUSED, code)) == status


@pytest.mark.parametrize(
    "changes",
    [
        {"sts": StsDemand(DOMAIN, POLICY, binding=True)},
        {"dane": DaneDemand(DaneRecords(MX, (RECORD,), (RECORD,), (MX,)))},
        {"local": LocalRules(tls=TlsWanted.REQUIRED)},
        {"local": LocalRules(tls_verify=True)},
    ],
    ids=["sts", "dane", "tls", "tls_verify"],
)
def test_what_a_policy_or_the_operator_demands_is_waited_for(changes):
    assert refused_for_good(replace(PLAN, **changes), Failure(Cause.CERT_HOST_MISMATCH)) is None


def test_a_policy_that_binds_nobody_is_not_waited_for():
    testing = StsDemand(DOMAIN, replace(POLICY, mode=Mode.TESTING), binding=False)
    assert refused_for_good(replace(PLAN, sts=testing), Failure(Cause.CERT_HOST_MISMATCH)) == "5.7.10"
