"""The walk, told every kind of answer."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.dns.answer import (
    Alias,
    Answer,
    Denial,
    Denied,
    Found,
    LookupFailed,
    Record,
    RecordType,
    Security,
    TlsaRecord,
)
from tlswitness.lab.fakes import FakeResolver
from tlswitness.names import BadName, Domain, HostName, parse_host
from tlswitness.policy.dane import (
    DaneLookupFailed,
    DaneRecords,
    HostFinding,
    HostFound,
    HostUnreachable,
    HostWalk,
    NextHop,
    NoDane,
    Question,
    WalkRules,
    WhyNoDane,
    run,
    walk,
)
from tlswitness.policy.dane.walk import MAX_ADDRESSES

SECURE, INSECURE = Security.SECURE, Security.INSECURE
EE = TlsaRecord(3, 1, 1, b"\x11" * 32)
PKIX = TlsaRecord(1, 1, 1, b"\x22" * 32)
SERVFAIL = LookupFailed(Security.FAILED, "SERVFAIL")
BOGUS = LookupFailed(Security.BOGUS, "SERVFAIL EDE 6", "mx.example.com by 127.0.0.1")
TIMEOUT = LookupFailed(Security.FAILED, "timeout")
NODATA = Denied(Denial.NODATA, SECURE, 60)
NXDOMAIN = Denied(Denial.NXDOMAIN, INSECURE, 60)

HOST = HostName("MX.example.com", "mx.example.com")
EXPANDED = HostName("host.example.net", "host.example.net")
NEXT = NextHop(Domain("example.com"), Domain("example.com"), secure=True)
UNSIGNED = NextHop(Domain("example.com"), Domain("example.com"), secure=False)
A, AAAA, CNAME, TLSA = RecordType.A, RecordType.AAAA, RecordType.CNAME, RecordType.TLSA
HOST_TLSA = ("_25._tcp.mx.example.com", TLSA)
EXPANDED_TLSA = ("_25._tcp.host.example.net", TLSA)
CHAIN = (
    Alias("mx.example.com", "middle.example.org"),
    Alias("middle.example.org", "host.example.net"),
)

Zone = Mapping[Question, Answer]


def found(*records: Record, security: Security = SECURE, chain: tuple[Alias, ...] = ()) -> Found:
    return Found(records, security, 60, chain)


def drive(steps: HostWalk, zone: Zone) -> tuple[HostFinding, list[Question]]:
    """The finding, and the questions in their order; what the zone lacks is denied."""
    asked: list[Question] = []
    try:
        questions = next(steps)
        while True:
            asked += questions
            questions = steps.send(tuple(zone.get(question, NODATA) for question in questions))
    except StopIteration as done:
        finding: HostFinding = done.value
        return finding, asked


def host_zone(
    a: Answer = NODATA, aaaa: Answer = NODATA, tlsa: Answer = NODATA, others: Zone | None = None
) -> dict[Question, Answer]:
    zone: dict[Question, Answer] = {(HOST.key, A): a, (HOST.key, AAAA): aaaa, HOST_TLSA: tlsa}
    return {**zone, **(others or {})}


GOOD_A = found("192.0.2.1")
GOOD_AAAA = found("2001:db8::1")
PLAIN_A = found("192.0.2.1", security=INSECURE)
ALIAS_A = found("192.0.2.1", chain=CHAIN)
PLAIN_ALIAS_A = found("192.0.2.1", chain=CHAIN, security=INSECURE)
GOOD_TLSA = found(EE)


@pytest.mark.rfc(7672, "2.2.2")
def test_both_families_are_asked_at_once_and_before_tlsa() -> None:
    steps = walk(HOST, NEXT)
    assert next(steps) == ((HOST.key, AAAA), (HOST.key, A))
    assert steps.send((GOOD_AAAA, GOOD_A)) == (HOST_TLSA,)


@pytest.mark.rfc(7672, "2.2")
def test_a_secure_rrset_is_found_with_the_host_as_base() -> None:
    finding, asked = drive(walk(HOST, NEXT), host_zone(GOOD_A, GOOD_AAAA, found(EE, PKIX, EE)))
    references = (HOST, HostName("example.com", "example.com"))
    rejected = ("1 1 1: usage 1 is not for SMTP",)
    assert finding == HostFound(
        HOST, ("2001:db8::1", "192.0.2.1"), DaneRecords(HOST, (PKIX, EE), (EE,), references, rejected)
    )
    assert asked == [(HOST.key, AAAA), (HOST.key, A), HOST_TLSA]


@pytest.mark.rfc(7672, "2.2")
def test_a_secure_rrset_without_usable_records_is_still_a_promise_of_tls() -> None:
    finding, _ = drive(walk(HOST, NEXT), host_zone(GOOD_A, tlsa=found(PKIX)))
    assert isinstance(finding, HostFound)
    assert isinstance(finding.dane, DaneRecords)
    assert finding.dane.usable == ()
    assert finding.dane.records == (PKIX,)


NO_DANE = {
    "off": (NEXT, WalkRules(use_dane=False), host_zone(GOOD_A, tlsa=GOOD_TLSA), WhyNoDane.OFF, 0),
    "B1": (UNSIGNED, WalkRules(), host_zone(GOOD_A, tlsa=GOOD_TLSA), WhyNoDane.MX_INSECURE, 0),
    "B3": (NEXT, WalkRules(), host_zone(PLAIN_A, tlsa=GOOD_TLSA), WhyNoDane.ADDRESS_INSECURE, 0),
    "B3-broken-balancer": (NEXT, WalkRules(), host_zone(PLAIN_A, tlsa=SERVFAIL), WhyNoDane.ADDRESS_INSECURE, 0),
    "B3-aaaa-failed": (NEXT, WalkRules(), host_zone(PLAIN_A, aaaa=SERVFAIL), WhyNoDane.ADDRESS_INSECURE, 0),
    "B5-nodata": (NEXT, WalkRules(), host_zone(GOOD_A), WhyNoDane.NO_TLSA, 1),
    "B5-nxdomain": (
        NEXT, WalkRules(), host_zone(GOOD_A, tlsa=Denied(Denial.NXDOMAIN, SECURE, 60)), WhyNoDane.NO_TLSA, 1,
    ),
    "B6-rrset": (
        NEXT, WalkRules(), host_zone(GOOD_A, tlsa=found(EE, security=INSECURE)), WhyNoDane.TLSA_INSECURE, 1,
    ),
    "B6-denial": (NEXT, WalkRules(), host_zone(GOOD_A, tlsa=NXDOMAIN), WhyNoDane.TLSA_INSECURE, 1),
    "alias-insecure": (
        NEXT,
        WalkRules(),
        host_zone(PLAIN_ALIAS_A, tlsa=GOOD_TLSA, others={(HOST.key, CNAME): found("x.example", security=INSECURE)}),
        WhyNoDane.ADDRESS_INSECURE,
        0,
    ),
    "alias-gone": (
        NEXT,
        WalkRules(),
        host_zone(PLAIN_ALIAS_A, tlsa=GOOD_TLSA, others={(HOST.key, CNAME): NODATA}),
        WhyNoDane.ADDRESS_INSECURE,
        0,
    ),
    "two-candidates-denied": (NEXT, WalkRules(), host_zone(ALIAS_A), WhyNoDane.NO_TLSA, 2),
}  # fmt: skip


@pytest.mark.rfc(7672, "2.2.1")
@pytest.mark.rfc(7672, "2.2.2")
@pytest.mark.rfc(7672, "9.1")
@pytest.mark.parametrize("case", NO_DANE)
def test_no_dane(case: str) -> None:
    next_hop, rules, zone, why, tlsa_questions = NO_DANE[case]
    finding, asked = drive(walk(HOST, next_hop, rules), zone)
    assert isinstance(finding, HostFound)
    assert isinstance(finding.dane, NoDane)
    assert finding.dane.why is why
    assert finding.dane.reason
    assert [rtype for _, rtype in asked].count(TLSA) == tlsa_questions


@pytest.mark.rfc(7672, "2.2.2")
def test_no_dane_says_what_was_asked() -> None:
    finding, _ = drive(walk(HOST, NEXT), host_zone(ALIAS_A, tlsa=NXDOMAIN))
    assert isinstance(finding, HostFound)
    assert finding.dane == NoDane(
        "there are no TLSA records of _25._tcp.host.example.net; "
        "there are no TLSA records of _25._tcp.mx.example.com, and that is not signed with DNSSEC",
        WhyNoDane.TLSA_INSECURE,
    )


BASES = {
    "B11-expanded-first": (
        host_zone(ALIAS_A, tlsa=GOOD_TLSA, others={EXPANDED_TLSA: GOOD_TLSA}), EXPANDED, [EXPANDED_TLSA],
    ),
    "expanded-denied": (host_zone(ALIAS_A, tlsa=GOOD_TLSA), HOST, [EXPANDED_TLSA, HOST_TLSA]),
    "expanded-insecure": (
        host_zone(ALIAS_A, tlsa=GOOD_TLSA, others={EXPANDED_TLSA: found(EE, security=INSECURE)}),
        HOST,
        [EXPANDED_TLSA, HOST_TLSA],
    ),
    "expanded-unusable-is-the-base": (
        host_zone(ALIAS_A, tlsa=GOOD_TLSA, others={EXPANDED_TLSA: found(PKIX)}), EXPANDED, [EXPANDED_TLSA],
    ),
    "B12-initial-alias-secure": (
        host_zone(PLAIN_ALIAS_A, tlsa=GOOD_TLSA, others={(HOST.key, CNAME): found("middle.example.org")}),
        HOST,
        [(HOST.key, CNAME), HOST_TLSA],
    ),
    "a-secure-aaaa-insecure": (
        host_zone(GOOD_A, found("2001:db8::1", security=INSECURE), GOOD_TLSA), HOST, [HOST_TLSA],
    ),
    "aaaa-secure-a-insecure": (host_zone(PLAIN_A, GOOD_AAAA, GOOD_TLSA), HOST, [HOST_TLSA]),
    "B4a-aaaa-failed": (host_zone(GOOD_A, SERVFAIL, GOOD_TLSA), HOST, [HOST_TLSA]),
    "aaaa-bogus": (host_zone(GOOD_A, BOGUS, GOOD_TLSA), HOST, [HOST_TLSA]),
    "tlsa-is-an-alias": (
        host_zone(GOOD_A, tlsa=found(EE, chain=(Alias(HOST_TLSA[0], "tlsa.example.org"),))), HOST, [HOST_TLSA],
    ),
    "alias-to-a-bad-name": (
        host_zone(found("192.0.2.1", chain=(Alias(HOST.key, "a b.example"),)), tlsa=GOOD_TLSA), HOST, [HOST_TLSA],
    ),
    "alias-to-itself": (
        host_zone(found("192.0.2.1", chain=(Alias(HOST.key, "mx.EXAMPLE.com."),)), tlsa=GOOD_TLSA), HOST, [HOST_TLSA],
    ),
}  # fmt: skip


@pytest.mark.rfc(7672, "2.2.3")
@pytest.mark.rfc(7672, "2.2.2")
@pytest.mark.rfc(7671, "7")
@pytest.mark.parametrize("case", BASES)
def test_the_base_domain(case: str) -> None:
    zone, base, questions = BASES[case]
    finding, asked = drive(walk(HOST, NEXT), zone)
    assert isinstance(finding, HostFound)
    assert isinstance(finding.dane, DaneRecords)
    assert finding.dane.base == base
    assert finding.dane.facts().domain == base.key
    assert asked[2:] == questions


@pytest.mark.rfc(7672, "2.2.3")
def test_the_port_is_part_of_the_name() -> None:
    zone = host_zone(GOOD_A, others={("_2525._tcp.mx.example.com", TLSA): GOOD_TLSA})
    finding, asked = drive(walk(HOST, NEXT, WalkRules(port=2525)), zone)
    assert isinstance(finding, HostFound)
    assert isinstance(finding.dane, DaneRecords)
    assert asked[-1] == ("_2525._tcp.mx.example.com", TLSA)


def test_a_name_with_no_room_for_the_service_labels_has_no_tlsa_records() -> None:
    host = parse_host(".".join(["a" * 49] * 5))
    assert isinstance(host, HostName)
    finding, asked = drive(walk(host, NEXT), {(host.key, A): GOOD_A})
    assert isinstance(finding, HostFound)
    assert isinstance(finding.dane, NoDane)
    assert TLSA not in [rtype for _, rtype in asked]


FAILED_TLSA = {
    "B7-bogus": (host_zone(GOOD_A, tlsa=BOGUS), HOST, "SERVFAIL EDE 6"),
    "B7s-servfail": (host_zone(GOOD_A, tlsa=SERVFAIL), HOST, "SERVFAIL"),
    "B7n-notimp": (host_zone(GOOD_A, tlsa=LookupFailed(Security.FAILED, "NOTIMP")), HOST, "NOTIMP"),
    "B7l-loop": (host_zone(GOOD_A, tlsa=LookupFailed(Security.FAILED, "cname-loop")), HOST, "cname-loop"),
    "B7t-timeout": (host_zone(GOOD_A, tlsa=TIMEOUT), HOST, "timeout"),
    "B7m-empty": (host_zone(GOOD_A, tlsa=found()), HOST, "malformed"),
    "B7m-other-records": (host_zone(GOOD_A, tlsa=found("192.0.2.1")), HOST, "malformed"),
    "expanded-failed": (
        host_zone(ALIAS_A, tlsa=GOOD_TLSA, others={EXPANDED_TLSA: SERVFAIL}), EXPANDED, "SERVFAIL",
    ),
    "original-failed": (host_zone(ALIAS_A, tlsa=SERVFAIL), HOST, "SERVFAIL"),
    "cname-failed": (
        host_zone(PLAIN_ALIAS_A, tlsa=GOOD_TLSA, others={(HOST.key, CNAME): SERVFAIL}), HOST, "CNAME SERVFAIL",
    ),
}  # fmt: skip


@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.rfc(7672, "10")
@pytest.mark.parametrize("case", FAILED_TLSA)
def test_a_failed_lookup_forbids_the_host(case: str) -> None:
    zone, candidate, code = FAILED_TLSA[case]
    finding, asked = drive(walk(HOST, NEXT), zone)
    assert isinstance(finding, HostFound)
    assert isinstance(finding.dane, DaneLookupFailed)
    assert finding.dane.candidate == candidate
    assert finding.dane.failure == Failure(Cause.TLSA_LOOKUP, code)
    assert asked[-1][0] in finding.dane.reason


def test_the_reason_of_a_failure_is_safe_to_log() -> None:
    nasty = LookupFailed(Security.BOGUS, "SERVFAIL EDE 6", "bad\r\n250 ok\x1b[2J" + "x" * 1000)
    finding, _ = drive(walk(HOST, NEXT), host_zone(GOOD_A, tlsa=nasty))
    assert isinstance(finding, HostFound)
    assert isinstance(finding.dane, DaneLookupFailed)
    assert finding.dane.reason.isprintable()
    assert len(finding.dane.reason) < 400


UNREACHABLE = {
    "no-addresses": (host_zone(), None, "4.4.4", "MX.example.com has no addresses"),
    "nxdomain": (host_zone(NXDOMAIN, NXDOMAIN), None, "4.4.4", "MX.example.com has no addresses"),
    "B4-bogus": (host_zone(BOGUS, BOGUS), "SERVFAIL EDE 6", "4.4.3", "AAAA lookup of mx.example.com failed"),
    "B4-one-bogus": (host_zone(BOGUS, TIMEOUT), "SERVFAIL EDE 6", "4.4.3", "the A lookup of mx.example.com failed"),
    "B4s-servfail": (host_zone(SERVFAIL, SERVFAIL), None, "4.4.3", "SERVFAIL"),
    "a-failed-aaaa-denied": (host_zone(TIMEOUT, NODATA), None, "4.4.3", "timeout"),
    "no-real-address": (host_zone(found("nonsense", EE)), None, "4.4.4", "has no addresses"),
}


@pytest.mark.rfc(7672, "2.1.2")
@pytest.mark.rfc(7672, "2.2.2")
@pytest.mark.parametrize("case", UNREACHABLE)
def test_unreachable(case: str) -> None:
    zone, code, status, words = UNREACHABLE[case]
    finding, asked = drive(walk(HOST, NEXT), zone)
    assert isinstance(finding, HostUnreachable)
    assert finding.failure == (Failure(Cause.ADDRESS_LOOKUP, code) if code else None)
    assert finding.status == status
    assert words in finding.reason
    assert len(asked) == 2


def test_without_dane_a_bogus_address_is_no_failure_of_dane() -> None:
    finding, _ = drive(walk(HOST, NEXT, WalkRules(use_dane=False)), host_zone(BOGUS, BOGUS))
    assert isinstance(finding, HostUnreachable)
    assert finding.failure is None


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".example", "192.0.2.1", "bad host.example", ""])
def test_a_bad_name_is_unreachable_and_nothing_is_asked(name: str) -> None:
    bad = parse_host(name)
    assert isinstance(bad, BadName)
    finding, asked = drive(walk(bad, NEXT), {})
    assert isinstance(finding, HostUnreachable)
    assert finding.host == bad
    assert bad.reason in finding.reason
    assert asked == []


def test_addresses_are_canonical_bounded_and_unique() -> None:
    many = [f"192.0.2.{index}" for index in range(100)]
    zone = host_zone(found(*many), found("2001:DB8:0:0::1", "2001:db8::1", "not an address"))
    finding, _ = drive(walk(HOST, NEXT), zone)
    assert isinstance(finding, HostFound)
    assert finding.addresses == ("2001:db8::1", *many[:MAX_ADDRESSES])


REFERENCES = {
    "mx": (NEXT, HOST, GOOD_A, ["mx.example.com", "example.com"]),
    "expanded-next-hop": (
        NextHop(Domain("exchange.example.org"), Domain("example.com"), secure=True),
        HOST,
        GOOD_A,
        ["mx.example.com", "exchange.example.org", "example.com"],
    ),
    "expanded-host": (NEXT, HOST, ALIAS_A, ["host.example.net", "example.com"]),
    "erratum-6283": (UNSIGNED, HOST, ALIAS_A, ["host.example.net"]),
    "implicit-mx": (NEXT, HostName("example.com", "example.com"), GOOD_A, ["example.com"]),
    "implicit-mx-expanded": (
        NextHop(Domain("example.com"), Domain("host.example.net"), secure=True),
        HostName("example.com", "example.com"),
        ALIAS_A,
        ["host.example.net", "example.com"],
    ),
}


@pytest.mark.rfc(7672, "3.2.2")
@pytest.mark.rfc(7671, "10.2")
@pytest.mark.parametrize("case", REFERENCES)
def test_reference_names(case: str) -> None:
    next_hop, host, address, names = REFERENCES[case]
    zone = {
        (host.key, A): address,
        (f"_25._tcp.{host.key}", TLSA): GOOD_TLSA,
        EXPANDED_TLSA: GOOD_TLSA,
    }
    finding, _ = drive(walk(host, next_hop, WalkRules(insecure_mx=True)), zone)
    assert isinstance(finding, HostFound)
    assert isinstance(finding.dane, DaneRecords)
    assert [reference.key for reference in finding.dane.references] == names
    assert finding.dane.mx_secure is next_hop.secure


async def test_run_asks_a_resolver() -> None:
    resolver = FakeResolver(host_zone(GOOD_A, GOOD_AAAA, GOOD_TLSA))
    finding = await run(walk(HOST, NEXT), resolver)
    assert isinstance(finding, HostFound)
    assert isinstance(finding.dane, DaneRecords)
    assert resolver.questions == [(HOST.key, AAAA), (HOST.key, A), HOST_TLSA]


async def test_run_asks_nothing_for_a_bad_name() -> None:
    resolver = FakeResolver()
    assert isinstance(await run(walk(BadName("a..b", "it has an empty label"), NEXT), resolver), HostUnreachable)
    assert resolver.questions == []


NAMES = st.sampled_from(["mx.example.com", "host.example.net", "a..b", "", "x" * 300, "mx.EXAMPLE.com."])
SECURITIES = st.sampled_from([SECURE, INSECURE])
CHAINS = st.lists(st.builds(Alias, NAMES, NAMES), max_size=3).map(tuple)
RECORDS = st.one_of(
    st.sampled_from(["192.0.2.1", "2001:db8::1", "fe80::1%eth0", "nonsense", ""]),
    st.text(max_size=20),
    st.builds(TlsaRecord, st.integers(0, 4), st.integers(0, 2), st.integers(0, 3), st.sampled_from([b"", b"x" * 32])),
)
ANSWERS = st.one_of(
    st.builds(Found, st.lists(RECORDS, max_size=4).map(tuple), SECURITIES, st.just(60), CHAINS),
    st.builds(Denied, st.sampled_from(list(Denial)), SECURITIES, st.just(60), CHAINS),
    st.builds(
        LookupFailed,
        st.sampled_from([Security.BOGUS, Security.FAILED]),
        st.sampled_from(["SERVFAIL", "timeout"]),
        st.text(max_size=30),
    ),
)
# Weighted towards answers that lead on, or few walks would get as far as TLSA.
LIKELY = st.one_of(ANSWERS, st.sampled_from([GOOD_A, ALIAS_A, PLAIN_ALIAS_A, GOOD_TLSA, NODATA, NXDOMAIN, SERVFAIL]))


@given(
    st.data(),
    st.sampled_from([NEXT, UNSIGNED]),
    st.builds(WalkRules, st.just(25), st.booleans(), st.booleans()),
    st.sampled_from([HOST, BadName("a..b", "it has an empty label")]),
)
def test_any_answers(data: st.DataObject, next_hop: NextHop, rules: WalkRules, host: HostName | BadName) -> None:
    told: list[tuple[Question, Answer]] = []
    steps = walk(host, next_hop, rules)
    try:
        questions = next(steps)
        while True:
            answers = tuple(data.draw(LIKELY) for _ in questions)
            told += zip(questions, answers, strict=True)
            questions = steps.send(answers)
    except StopIteration as done:
        finding = done.value
    assert len(told) <= 4
    assert len({question for question, _ in told}) == len(told)
    tlsa = [answer for (_, rtype), answer in told if rtype is TLSA]
    failed = [answer for (_, rtype), answer in told if rtype in (TLSA, CNAME) and isinstance(answer, LookupFailed)]
    if tlsa:
        assert rules.use_dane
        assert next_hop.secure or rules.insecure_mx
    if isinstance(finding, HostUnreachable):
        assert not tlsa
        return
    assert isinstance(finding, HostFound)
    assert finding.addresses
    match finding.dane:
        case DaneRecords() as dane:
            assert any(_secure(answer) for (_, rtype), answer in told if rtype in (A, AAAA, CNAME))
            assert isinstance(tlsa[-1], Found)
            assert tlsa[-1].secure
            assert dane.records
            assert set(dane.records) <= set(tlsa[-1].records)
            assert not failed
        case DaneLookupFailed():
            assert failed or _secure(tlsa[-1])
        case NoDane():
            assert not failed
            assert not any(_secure(answer) for answer in tlsa)


def _secure(answer: Answer) -> bool:
    return isinstance(answer, Found) and answer.secure
