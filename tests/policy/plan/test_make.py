"""The plan, row by row of the decision table."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.datapoint.outcome import PolicyFacts, PolicyFailed
from tlswitness.datapoint.results import PolicyType, ResultType
from tlswitness.dns.answer import LookupFailed, Security, TlsaRecord
from tlswitness.names import BadName, Domain, HostName, MxPattern
from tlswitness.policy.dane import (
    Dane,
    DaneLookupFailed,
    DaneRecords,
    HostFinding,
    HostFound,
    HostUnreachable,
    NoDane,
    WhyNoDane,
)
from tlswitness.policy.plan import (
    DaneAndSts,
    DaneDemand,
    LocalRules,
    Plan,
    Refusal,
    StsDemand,
    Tag,
    TlsWanted,
    make_plan,
    refuse_mx_name,
)
from tlswitness.policy.plan.make import MAX_TOLD
from tlswitness.policy.sts.model import Mode, StsAbsent, StsAnswer, StsApplies, StsPolicy

DOMAIN = Domain("example.com")
HOST = HostName("MX.example.com", "mx.example.com")
BASE = HostName("host.example.net", "host.example.net")
ADDRESSES = ("2001:db8::1", "192.0.2.1")
EE = TlsaRecord(3, 1, 1, b"\x11" * 32)
PKIX = TlsaRecord(1, 1, 1, b"\x22" * 32)

NO_STS = StsAbsent(DOMAIN, "there is no record")
LOCAL = LocalRules()
MANDATORY = LocalRules(dane_required=True)
DANE_DECIDES = LocalRules(dane_and_sts=DaneAndSts.DANE)

USABLE = DaneRecords(HOST, (PKIX, EE), (EE,), (HOST,), ("1 1 1: usage 1 is not for SMTP",))
UNUSABLE = DaneRecords(HOST, (PKIX,), (), (HOST,), ("1 1 1: usage 1 is not for SMTP",))
NO_TLSA = NoDane("there are no TLSA records", WhyNoDane.NO_TLSA)


def sts(mode: Mode, pattern: str = "mx.example.com", *, cached: bool = False) -> StsApplies:
    lines = ("version: STSv1", f"mode: {mode}", f"mx: {pattern}", "max_age: 86400")
    return StsApplies(DOMAIN, StsPolicy(mode, 86400, (MxPattern(HostName(pattern, pattern)),), lines), cached)


ENFORCE, TESTING = sts(Mode.ENFORCE), sts(Mode.TESTING)
OTHER_ENFORCE, OTHER_TESTING = sts(Mode.ENFORCE, "other.example.com"), sts(Mode.TESTING, "other.example.com")


def found(dane: Dane = NO_TLSA) -> HostFound:
    return HostFound(HOST, ADDRESSES, dane)


def lookup_failed(code: str, security: Security = Security.FAILED, candidate: HostName = HOST) -> DaneLookupFailed:
    answer = LookupFailed(security, code)
    return DaneLookupFailed(candidate, Failure(Cause.TLSA_LOOKUP, code), answer, f"the TLSA lookup failed: {code}")


def plan(finding: HostFinding, answer: StsAnswer = NO_STS, local: LocalRules = LOCAL) -> Plan:
    made = make_plan(DOMAIN, finding, answer, local)
    assert isinstance(made, Plan), made
    return made


def refusal(finding: HostFinding, answer: StsAnswer = NO_STS, local: LocalRules = LOCAL) -> Refusal:
    made = make_plan(DOMAIN, finding, answer, local)
    assert isinstance(made, Refusal), made
    assert made.domain == DOMAIN
    assert made.host == finding.host
    assert made.reason
    assert made.status.startswith("4.")
    return made


def tlsa_event(failure: Failure, base: HostName = HOST) -> PolicyFailed:
    return PolicyFailed(DOMAIN, PolicyFacts(PolicyType.TLSA, base.key), failure, "MX.example.com")


# What a session must be, for each pair of policies: (DANE, MTA-STS, rules) -> (tls, authenticated, sts binding).
DEMANDS: dict[str, tuple[Dane, StsAnswer, LocalRules, tuple[bool, bool, bool | None]]] = {
    "none": (NO_TLSA, NO_STS, LOCAL, (False, False, None)),
    "B1/sts": (NoDane("x", WhyNoDane.MX_INSECURE), ENFORCE, LOCAL, (True, True, True)),
    "B3/sts": (NoDane("x", WhyNoDane.ADDRESS_INSECURE), ENFORCE, LOCAL, (True, True, True)),
    "B5/opportunistic": (NO_TLSA, NO_STS, LOCAL, (False, False, None)),
    "B6/opportunistic": (NoDane("x", WhyNoDane.TLSA_INSECURE), NO_STS, LOCAL, (False, False, None)),
    "B8/opportunistic": (UNUSABLE, NO_STS, LOCAL, (True, False, None)),
    "B8/sts": (UNUSABLE, ENFORCE, LOCAL, (True, True, True)),
    "B8/testing": (UNUSABLE, TESTING, LOCAL, (True, False, False)),
    "B8/dane-decides": (UNUSABLE, ENFORCE, DANE_DECIDES, (True, True, True)),
    "B9/opportunistic": (USABLE, NO_STS, LOCAL, (True, True, None)),
    "B9/mandatory": (USABLE, NO_STS, MANDATORY, (True, True, None)),
    "C1/testing": (NO_TLSA, OTHER_TESTING, LOCAL, (False, False, False)),
    "S6/both": (USABLE, ENFORCE, LOCAL, (True, True, True)),
    "S6/dane-decides": (USABLE, ENFORCE, DANE_DECIDES, (True, True, False)),
    "S6/testing": (USABLE, TESTING, LOCAL, (True, True, False)),
    "S6/none": (NO_TLSA, ENFORCE, LOCAL, (True, True, True)),
    "S6/dane-decides-without-dane": (NO_TLSA, ENFORCE, DANE_DECIDES, (True, True, True)),
    "sts-testing": (NO_TLSA, TESTING, LOCAL, (False, False, False)),
    "sts-mode-none": (NO_TLSA, sts(Mode.NONE), LOCAL, (False, False, None)),
    "tls-required": (NO_TLSA, NO_STS, LocalRules(tls=TlsWanted.REQUIRED), (True, False, None)),
    "tls-verify": (NO_TLSA, TESTING, LocalRules(tls_verify=True), (True, True, False)),
}


@pytest.mark.rfc(7672, "2.2")
@pytest.mark.rfc(8461, "5")
@pytest.mark.rfc(7672, "3.2")
@pytest.mark.parametrize("case", DEMANDS)
def test_demands(case: str) -> None:
    dane, answer, local, (tls, authenticated, binding) = DEMANDS[case]
    made = plan(found(dane), answer, local)
    assert (made.tls_demanded, made.authentication_demanded) == (tls, authenticated)
    assert (made.sts.binding if made.sts else None) == binding
    assert made.certificate_judged == (authenticated or binding is not None)
    assert (made.dane is not None) == isinstance(dane, DaneRecords)
    assert made.tls_tried
    assert made.reasons


@pytest.mark.rfc(7672, "8.1")
@pytest.mark.rfc(7671, "10.2")
@pytest.mark.rfc(8461, "7.1")
def test_a_plan_carries_what_a_session_needs() -> None:
    made = make_plan(DOMAIN, found(replace(USABLE, base=BASE)), ENFORCE, LOCAL, port=2525)
    assert isinstance(made, Plan)
    assert (made.domain, made.host, made.addresses, made.port) == (DOMAIN, HOST, ADDRESSES, 2525)
    assert made.sni == BASE
    assert made.sts == StsDemand(DOMAIN, ENFORCE.policy, binding=True)
    assert made.dane == DaneDemand(replace(USABLE, base=BASE))


@pytest.mark.rfc(8460, "4.3.2.1")
@pytest.mark.rfc(7672, "2.2.3")
@pytest.mark.rfc(7671, "10.3")
def test_b8_stands_against_the_session() -> None:
    demand = plan(found(UNUSABLE)).dane
    assert demand is not None
    assert demand.standing == (Failure(Cause.TLSA_ALL_UNUSABLE),)
    assert demand.standing[0].result_type is ResultType.TLSA_INVALID
    assert demand.facts().strings == (PKIX.text(),)


@pytest.mark.rfc(8461, "5")
def test_c1_testing_stands_against_the_session() -> None:
    made = plan(found(), OTHER_TESTING)
    assert made.sts == StsDemand(
        DOMAIN, OTHER_TESTING.policy, binding=False, standing=(Failure(Cause.STS_MX_MISMATCH),)
    )
    assert "MX.example.com is not among the MXs that the policy names" in made.reasons


@pytest.mark.rfc(8461, "4.1")
@pytest.mark.rfc(8461, "5")
@pytest.mark.rfc(8461, "4")
@pytest.mark.parametrize(
    ("finding", "local"),
    [
        pytest.param(found(), LOCAL, id="C1/enforce"),
        pytest.param(found(USABLE), LOCAL, id="C1/both"),
        pytest.param(found(USABLE), DANE_DECIDES, id="C1/dane-decides"),
        pytest.param(found(lookup_failed("SERVFAIL")), LOCAL, id="C1-before-B7"),
        pytest.param(HostUnreachable(HOST, "no addresses"), LOCAL, id="C1-before-addresses"),
        pytest.param(found(), MANDATORY, id="C1-before-B10"),
    ],
)
def test_c1_enforce_refuses_the_host(finding: HostFinding, local: LocalRules) -> None:
    refused = refusal(finding, OTHER_ENFORCE, local)
    failure = Failure(Cause.STS_MX_MISMATCH)
    assert (refused.status, refused.failure) == ("4.7.5", failure)
    assert refused.events == (PolicyFailed(DOMAIN, OTHER_ENFORCE.policy.facts(DOMAIN), failure, "MX.example.com"),)
    assert failure.result_type is ResultType.VALIDATION_FAILURE
    assert refuse_mx_name(DOMAIN, HOST, OTHER_ENFORCE, local) == refused


@pytest.mark.parametrize("answer", [NO_STS, ENFORCE, OTHER_TESTING, sts(Mode.NONE, "other.example.com")])
def test_a_name_is_refused_by_enforce_alone(answer: StsAnswer) -> None:
    assert refuse_mx_name(DOMAIN, HOST, answer, LOCAL) is None


B7 = {
    "B7/bogus": (lookup_failed("SERVFAIL EDE 6", Security.BOGUS), LOCAL, True),
    "B7s/servfail": (lookup_failed("SERVFAIL"), LOCAL, True),
    "B7n/notimp": (lookup_failed("NOTIMP"), LOCAL, True),
    "B7m/malformed": (lookup_failed("malformed"), LOCAL, True),
    "B7l/loop": (lookup_failed("cname-loop"), LOCAL, True),
    "B7/mandatory": (lookup_failed("SERVFAIL"), MANDATORY, True),
    "B7/base": (lookup_failed("SERVFAIL", candidate=BASE), LOCAL, True),
    "B7t/timeout": (lookup_failed("timeout"), LOCAL, False),
    "B7t/timeout-told": (lookup_failed("timeout"), LocalRules(report_lookup_timeouts=True), True),
    "B7/network": (lookup_failed("network"), LocalRules(report_lookup_timeouts=True), False),
    "B7/not-recursive": (lookup_failed("not-recursive"), LocalRules(report_lookup_timeouts=True), False),
    "B7/dnssec-lost": (lookup_failed("dnssec-lost"), LocalRules(report_lookup_timeouts=True), False),
}


@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.rfc(8461, "2")
@pytest.mark.rfc(7672, "10")
@pytest.mark.rfc(8460, "4.3.2.1")
@pytest.mark.rfc(8460, "4.3.4")
@pytest.mark.parametrize("answer", [NO_STS, ENFORCE, TESTING], ids=["no-sts", "sts", "testing"])
@pytest.mark.parametrize("case", B7)
def test_b7_is_refused_whatever_mta_sts_says(case: str, answer: StsAnswer) -> None:
    dane, local, reported = B7[case]
    refused = refusal(found(dane), answer, local)
    assert (refused.status, refused.failure) == ("4.7.5", dane.failure)
    assert refused.events == ((tlsa_event(dane.failure, dane.candidate),) if reported else ())
    assert dane.failure.result_type is ResultType.DNSSEC_INVALID


@pytest.mark.rfc(7672, "2.2.1")
@pytest.mark.rfc(8460, "4.3.2.1")
@pytest.mark.rfc(7672, "6")
@pytest.mark.parametrize(
    ("dane", "code"),
    [
        pytest.param(NoDane("x", WhyNoDane.MX_INSECURE), "MX insecure", id="B1/mandatory"),
        pytest.param(NoDane("x", WhyNoDane.ADDRESS_INSECURE), "address insecure", id="B3/mandatory"),
        pytest.param(NO_TLSA, "no TLSA records", id="B5/mandatory"),
        pytest.param(NoDane("x", WhyNoDane.TLSA_INSECURE), "TLSA insecure", id="B6/mandatory"),
        pytest.param(replace(USABLE, mx_secure=False), "MX insecure", id="B10/records-behind-an-insecure-mx"),
    ],
)
@pytest.mark.parametrize("answer", [NO_STS, ENFORCE], ids=["no-sts", "sts"])
def test_b10_mandatory_dane(dane: Dane, code: str, answer: StsAnswer) -> None:
    refused = refusal(found(dane), answer, MANDATORY)
    failure = Failure(Cause.DANE_REQUIRED, code)
    assert (refused.status, refused.failure) == ("4.7.5", failure)
    assert refused.events == (tlsa_event(failure),)
    assert failure.result_type is ResultType.DANE_REQUIRED


@pytest.mark.rfc(7671, "10.3")
@pytest.mark.rfc(7672, "6")
@pytest.mark.rfc(7671, "14")
def test_b8_mandatory_dane_refuses_and_shows_the_rrset() -> None:
    refused = refusal(found(replace(UNUSABLE, rejected=("1 1 1: useless",) * 50)), ENFORCE, MANDATORY)
    failure = Failure(Cause.TLSA_ALL_UNUSABLE)
    facts = PolicyFacts(PolicyType.TLSA, "mx.example.com", (PKIX.text(),))
    assert refused.events == (PolicyFailed(DOMAIN, facts, failure, "MX.example.com"),)
    assert refused.reason.count("useless") == MAX_TOLD


def test_dane_that_is_required_and_switched_off_is_our_own_fault() -> None:
    refused = refusal(found(NoDane("DANE is switched off", WhyNoDane.OFF)), local=MANDATORY)
    assert (refused.status, refused.events, refused.failure) == ("4.3.5", (), None)


@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.parametrize("answer", [NO_STS, ENFORCE, TESTING], ids=["no-sts", "sts", "testing"])
def test_b4_a_bogus_address_is_reported(answer: StsAnswer) -> None:
    failure = Failure(Cause.ADDRESS_LOOKUP, "SERVFAIL EDE 6")
    refused = refusal(HostUnreachable(HOST, "bogus", failure, "4.4.3"), answer)
    assert (refused.reason, refused.status, refused.failure) == ("bogus", "4.4.3", failure)
    assert refused.events == (tlsa_event(failure),)


@pytest.mark.parametrize("host", [HOST, BadName("a..b", "it has an empty label")])
def test_a_host_without_addresses_is_not_reported(host: HostName | BadName) -> None:
    refused = refusal(HostUnreachable(host, "no addresses"), ENFORCE if host is HOST else OTHER_ENFORCE)
    assert (refused.status, refused.events, refused.failure) == ("4.4.4", (), None)


TLS_OFF = LocalRules(tls=TlsWanted.NO)


@pytest.mark.parametrize("dane", [NO_TLSA, USABLE, UNUSABLE, lookup_failed("SERVFAIL")])
@pytest.mark.parametrize("answer", [NO_STS, ENFORCE, OTHER_ENFORCE, TESTING])
def test_tls_no_overrides_every_policy_and_says_so(dane: Dane, answer: StsAnswer) -> None:
    made = plan(found(dane), answer, TLS_OFF)
    assert not made.tls_tried
    assert not made.tls_demanded
    assert (made.sts, made.dane) == (None, None)
    assert made.reasons[0] == 'TLS is switched off for example.com by the local rule tls = "no"'
    overrides = (not isinstance(dane, NoDane)) + isinstance(answer, StsApplies)
    assert len(made.reasons) == 1 + overrides
    assert refuse_mx_name(DOMAIN, HOST, answer, TLS_OFF) is None


def test_tls_no_makes_no_addresses_and_reports_nothing() -> None:
    bogus = HostUnreachable(HOST, "bogus", Failure(Cause.ADDRESS_LOOKUP, "SERVFAIL EDE 6"), "4.4.3")
    assert refusal(bogus, ENFORCE, TLS_OFF).events == ()


@pytest.mark.parametrize("rules", [replace(TLS_OFF, tls_verify=True), replace(TLS_OFF, dane_required=True)])
def test_tls_no_against_a_demand_of_the_same_operator_is_refused(rules: LocalRules) -> None:
    refused = refusal(found(USABLE), local=rules)
    assert (refused.status, refused.events) == ("4.3.5", ())
    assert "contradict" in refused.reason


POLICY = "MTA-STS policy of example.com"
VALID = "TLS is demanded, with a certificate that is valid for MX.example.com"
REASONS: dict[str, tuple[Dane, StsAnswer, LocalRules, tuple[str, ...]]] = {
    "none": (NO_TLSA, NO_STS, LOCAL, (
        "DANE does not apply: there are no TLSA records", "MTA-STS does not apply: there is no record",
    )),
    "both": (USABLE, sts(Mode.ENFORCE, cached=True), LOCAL, (
        "DANE: TLS is demanded, with a certificate that a TLSA record of MX.example.com matches",
        "a TLSA record does not count: 1 1 1: usage 1 is not for SMTP",
        f"{POLICY} (mode enforce, from the store): {VALID}",
    )),
    "dane-decides": (replace(USABLE, rejected=()), ENFORCE, DANE_DECIDES, (
        "DANE: TLS is demanded, with a certificate that a TLSA record of MX.example.com matches",
        f"{POLICY} (mode enforce): judged and reported, but DANE decides alone by the local rule dane_and_sts",
    )),
    "unusable": (replace(UNUSABLE, rejected=(), mx_secure=False), TESTING, LOCAL, (
        "DANE: TLS is demanded; the certificate cannot be checked, for no TLSA record of MX.example.com is usable",
        "this shows that the host is who it says, not that the domain named it",
        f"{POLICY} (mode testing): failures are reported and forbid nothing",
    )),
    "mode-none": (NO_TLSA, sts(Mode.NONE), LocalRules(TlsWanted.REQUIRED, tls_verify=True), (
        "DANE does not apply: there are no TLSA records",
        "MTA-STS does not apply: the policy of example.com is in mode none",
        "local rule: TLS is required",
        "local rule: TLS is required, with a certificate that is valid for MX.example.com",
    )),
}  # fmt: skip


@pytest.mark.parametrize("case", REASONS)
def test_reasons(case: str) -> None:
    dane, answer, local, reasons = REASONS[case]
    assert plan(found(dane), answer, local).reasons == reasons


FINDINGS = st.one_of(
    st.sampled_from(
        [
            NO_TLSA, USABLE, UNUSABLE, lookup_failed("SERVFAIL"), lookup_failed("timeout"),
            replace(USABLE, mx_secure=False), NoDane("off", WhyNoDane.OFF),
        ]
    ).map(found),
    st.sampled_from([HostUnreachable(HOST, "no addresses"), HostUnreachable(BadName("a..b", "empty label"), "bad")]),
)  # fmt: skip
ANSWERS = st.sampled_from([NO_STS, ENFORCE, TESTING, OTHER_ENFORCE, OTHER_TESTING, sts(Mode.NONE)])
RULES = st.builds(
    LocalRules, st.sampled_from(TlsWanted), st.booleans(), st.booleans(), st.sampled_from(DaneAndSts), st.booleans()
)


@given(FINDINGS, ANSWERS, RULES)
def test_what_always_holds(finding: HostFinding, answer: StsAnswer, local: LocalRules) -> None:
    made = make_plan(DOMAIN, finding, answer, local)
    if isinstance(made, Refusal):
        assert len(made.events) <= 1
        assert all(event.failure == made.failure for event in made.events)
        return
    assert isinstance(finding, HostFound)
    assert not (local.tls is TlsWanted.NO and (made.tls_demanded or made.authentication_demanded))
    assert made.tls_demanded or not made.authentication_demanded
    if local.tls is TlsWanted.NO:
        return
    assert not isinstance(finding.dane, DaneLookupFailed)
    assert made.tls_demanded or not isinstance(finding.dane, DaneRecords)
    if isinstance(answer, StsApplies) and answer.policy.mode is Mode.ENFORCE:
        assert answer.policy.allows(made.host)
        assert made.authentication_demanded
    if local.dane_required:
        assert made.dane is not None
        assert made.dane.authenticated


@pytest.mark.rfc(8689, "3")
@pytest.mark.rfc(8689, "4.2.2")
@pytest.mark.rfc(8689, "8.4")
class TestTlsOptional:
    """A message that says `TLS-Required: No`: what the domain publishes is judged and forbids nothing."""

    @staticmethod
    def make(finding: HostFinding, answer: StsAnswer = NO_STS, local: LocalRules = LOCAL) -> Plan | Refusal:
        made = make_plan(DOMAIN, finding, answer, local, tag=Tag.OPTIONAL)
        if isinstance(made, Plan):
            assert made.tag is Tag.OPTIONAL
        return made

    @pytest.mark.parametrize("dane", [NO_TLSA, USABLE, UNUSABLE, lookup_failed("SERVFAIL")])
    @pytest.mark.parametrize("answer", [NO_STS, ENFORCE, TESTING, OTHER_ENFORCE, OTHER_TESTING])
    @pytest.mark.parametrize("local", [LOCAL, DANE_DECIDES])
    def test_nothing_is_forbidden_and_all_is_judged(self, dane: Dane, answer: StsAnswer, local: LocalRules) -> None:
        made = self.make(found(dane), answer, local)
        assert isinstance(made, Plan)
        assert (made.tls_tried, made.tls_demanded, made.authentication_demanded) == (True, False, False)
        assert made.certificate_judged == (dane is USABLE or answer is not NO_STS)
        if isinstance(dane, DaneRecords):
            assert made.dane is not None
            assert made.dane.records == dane
            assert [failure.cause for failure in made.dane.standing] == [Cause.TLSA_ALL_UNUSABLE] * (dane is UNUSABLE)
        if isinstance(answer, StsApplies):
            assert made.sts is not None
            assert made.sts.policy == answer.policy, "reports show the policy as it is"
            unnamed = answer in (OTHER_ENFORCE, OTHER_TESTING)
            assert [failure.cause for failure in made.sts.standing] == [Cause.STS_MX_MISMATCH] * unnamed
        assert "TLS-Required: No" in made.reasons[-1]
        assert not any("no connection" in reason or "DANE decides alone" in reason for reason in made.reasons)

    @pytest.mark.parametrize(
        ("failed", "reported"),
        [
            (lookup_failed("SERVFAIL"), True),
            (lookup_failed("SERVFAIL EDE 6", Security.BOGUS, BASE), True),
            (lookup_failed("timeout"), False),
            (lookup_failed("dnssec-lost"), False),
        ],
    )
    def test_a_failed_tlsa_lookup_is_told_as_ever(self, failed: DaneLookupFailed, reported: bool) -> None:
        made = self.make(found(failed), ENFORCE)
        assert isinstance(made, Plan)
        assert made.dane is None
        assert made.events == refusal(found(failed), ENFORCE).events
        assert bool(made.events) == reported
        assert any(failed.reason in reason for reason in made.reasons)

    @pytest.mark.parametrize(
        ("local", "dane", "tls", "authentication"),
        [
            (LocalRules(tls=TlsWanted.REQUIRED), USABLE, True, False),
            (LocalRules(tls_verify=True), NO_TLSA, True, True),
            (MANDATORY, USABLE, True, True),
        ],
    )
    def test_what_the_operator_demands_stands(
        self, local: LocalRules, dane: Dane, tls: bool, authentication: bool
    ) -> None:
        made = self.make(found(dane), OTHER_ENFORCE, local)
        assert isinstance(made, Plan)
        assert (made.tls_demanded, made.authentication_demanded) == (tls, authentication)

    @pytest.mark.parametrize("dane", [NO_TLSA, UNUSABLE, lookup_failed("SERVFAIL"), replace(USABLE, mx_secure=False)])
    def test_mandatory_dane_is_the_operators(self, dane: Dane) -> None:
        assert self.make(found(dane), NO_STS, MANDATORY) == refusal(found(dane), NO_STS, MANDATORY)

    def test_without_an_address_there_is_no_way(self) -> None:
        gone = HostUnreachable(HOST, "it has no addresses")
        assert self.make(gone, OTHER_ENFORCE) == refusal(gone)

    def test_tls_switched_off_stays_off(self) -> None:
        made = self.make(found(USABLE), ENFORCE, LocalRules(tls=TlsWanted.NO))
        assert isinstance(made, Plan)
        assert (made.tls_tried, made.sts, made.dane) == (False, None, None)

    def test_an_mx_that_enforce_does_not_name_is_not_refused(self) -> None:
        assert refuse_mx_name(DOMAIN, HOST, OTHER_ENFORCE, LOCAL) is not None
        assert refuse_mx_name(DOMAIN, HOST, OTHER_ENFORCE, LOCAL, Tag.REQUIRE) is not None
        assert refuse_mx_name(DOMAIN, HOST, OTHER_ENFORCE, LOCAL, Tag.OPTIONAL) is None
