"""The verdict as a whole: the session, several policies at once, how long it holds, and what it costs at worst."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlswitness.delivery.verdict import Chain, judge
from tlswitness.delivery.verdict import presented as limits
from tlswitness.delivery.verdict.demand import Demand
from tlswitness.delivery.verdict.judge import judge_demand
from tlswitness.dns.answer import TlsaRecord
from tlswitness.lab.authority import DAY, KeyKind, Signer, wrong
from tlswitness.names import HostName

MX = ("mx.example.com",)
BOUND = 2.0
"""Seconds on a busy machine, for chains made to be slow; a fraction of it is usual."""


@pytest.mark.rfc(8460, "4.3.3")
def test_an_anonymous_suite(verdict_on, authority):
    verdict = verdict_on((), sts=True, tlsa=[authority.issue(MX).tlsa(3, 1, 1)], verify=True)
    for failures in (verdict.sts, verdict.tlsa, verdict.local):
        assert [failure.cause.name for failure in failures] == ["TLS_NO_CERTIFICATE"]
    assert (verdict.valid_from, verdict.valid_until) == (-math.inf, math.inf)
    assert verdict_on((), tlsa=[]).tlsa == ()


@pytest.mark.rfc(8460, "4.3.3")
@pytest.mark.parametrize(
    ("protocol", "cipher", "words"),
    [
        ("TLSv1.3", "TLS_AES_256_GCM_SHA384", set()),
        ("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", set()),
        ("TLSv1.2", "AES128-SHA", set()),
        ("TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305", set()),
        ("", "", set()),
        ("TLSv1.1", "AES128-SHA", {"TLS_WEAK TLSv1.1"}),
        ("TLSv1", "AES128-SHA", {"TLS_WEAK TLSv1"}),
        ("SSLv3", "DES-CBC3-SHA", {"TLS_WEAK SSLv3", "TLS_WEAK DES-CBC3-SHA"}),
        ("TLSv1.2", "RC4-MD5", {"TLS_WEAK RC4-MD5"}),
        ("TLSv1.2", "ECDHE-RSA-DES-CBC3-SHA", {"TLS_WEAK ECDHE-RSA-DES-CBC3-SHA"}),
        ("TLSv1.2", "NULL-SHA256", {"TLS_WEAK NULL-SHA256"}),
        ("TLSv1.2", "ADH-AES128-SHA", {"TLS_WEAK ADH-AES128-SHA"}),
        ("TLSv1.2", "TLS_DH_anon_WITH_AES_128_CBC_SHA", {"TLS_WEAK TLS_DH_anon_WITH_AES_128_CBC_SHA"}),
        ("TLSv1.2", "EXP1024-DES-CBC-SHA", {"TLS_WEAK EXP1024-DES-CBC-SHA"}),
    ],
)
def test_weak_sessions(protocol, cipher, words, authority, under_sts, under_tlsa, verdict_on):
    issued = authority.issue(MX)
    chain = Chain(issued.chain, protocol, cipher)
    assert under_sts(chain) == words
    assert under_tlsa(chain, issued.tlsa(3, 1, 1)) == words
    assert verdict_on(chain).sts is None
    assert under_tlsa(chain, wrong(issued.tlsa(3, 1, 1))) == words | {"DANE_NO_MATCH"}


@pytest.mark.rfc(8460, "4")
def test_policies_are_judged_each_by_itself(authority, verdict_on):
    issued = authority.issue(["x.example"], not_after=-1)
    verdict = verdict_on(issued, sts=True, tlsa=[issued.tlsa(3, 1, 1)])
    assert [failure.cause.name for failure in verdict.sts] == ["CERT_HOST_MISMATCH", "CERT_EXPIRED"]
    assert (verdict.tlsa, verdict.local) == ((), None)


def test_a_verdict_holds_until_a_date_passes(authority, verdict_on, now):
    issued = authority.issue(MX, not_before=-3 * DAY, not_after=3 * DAY)
    good = verdict_on(issued, sts=True)
    assert (good.sts, good.valid_from, good.valid_until) == ((), now - 3 * DAY, now + 3 * DAY)
    late = verdict_on(issued, sts=True, now=math.nextafter(now + 3 * DAY, math.inf))
    assert [failure.cause.name for failure in late.sts] == ["CERT_EXPIRED"]
    assert late.valid_from == math.nextafter(now + 3 * DAY, math.inf)
    early = verdict_on(issued, sts=True, now=now - 4 * DAY)
    assert [failure.cause.name for failure in early.sts] == ["CERT_NOT_YET_VALID"]
    assert early.valid_until == math.nextafter(now - 3 * DAY, -math.inf)


def test_dane_ee_holds_for_ever(authority, verdict_on):
    issued = authority.issue(MX, not_after=-1)
    verdict = verdict_on(issued, tlsa=[issued.tlsa(3, 1, 1)])
    assert (verdict.valid_from, verdict.valid_until) == (-math.inf, math.inf)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_same_verdict_within_its_interval(data, authority, verdict_on, now):
    offsets = st.integers(-20, 20)
    first, second, third, fourth = (data.draw(offsets) * DAY for _ in range(4))
    issuer = authority.signer("Dated", not_before=min(first, second), not_after=max(first, second))
    issued = authority.issue(MX, issuer=issuer, not_before=min(third, fourth), not_after=max(third, fourth))
    demands = {"sts": True, "tlsa": [issued.tlsa(2, 0, 0, above=data.draw(st.sampled_from([1, 2])))]}
    moment = now + data.draw(st.integers(-25, 25)) * DAY + data.draw(st.sampled_from([-1, 0, 0.5]))
    verdict = verdict_on(issued, now=moment, **demands)
    assert verdict.valid_from <= moment <= verdict.valid_until
    within = st.floats(max(verdict.valid_from, 0.0), min(verdict.valid_until, 4e9))
    assert verdict_on(issued, now=data.draw(within), **demands) == verdict


def mutated(chain: tuple[bytes, ...], cuts: list[tuple[int, int, bytes]]) -> tuple[bytes, ...]:
    certificates = [bytearray(der) for der in chain]
    for which, at, octets in cuts:
        target = certificates[which % len(certificates)]
        place = at % len(target)
        target[place : place + len(octets)] = octets
    return tuple(map(bytes, certificates))


CUTS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4096), st.binary(max_size=4)), max_size=6)
RECORDS = st.lists(
    st.builds(TlsaRecord, st.integers(0, 4), st.integers(0, 2), st.integers(0, 3), st.binary(max_size=64)), max_size=3
)


@given(cuts=CUTS, records=RECORDS)
@settings(max_examples=400, deadline=None)
def test_mutated_certificates_never_raise(cuts, records, authority, verdict_on):
    issued = authority.issue(MX).presenting(root=True)
    own = [issued.tlsa(2, 0, 0), issued.tlsa(2, 1, 0, above=1)]
    verdict = verdict_on(mutated(issued.chain, cuts), sts=True, tlsa=[*own, *records])
    assert verdict.valid_from <= authority.now <= verdict.valid_until


@given(
    certificates=st.lists(st.binary(max_size=200), max_size=4), records=RECORDS, protocol=st.text(), cipher=st.text()
)
@settings(max_examples=200, deadline=None)
def test_random_octets_never_raise(certificates, records, protocol, cipher, verdict_on):
    verdict = verdict_on(Chain(tuple(certificates), protocol, cipher), sts=True, tlsa=records, verify=True)
    assert verdict.sts


@given(records=st.lists(st.builds(TlsaRecord, st.just(2), st.integers(0, 1), st.just(0), st.binary()), max_size=3))
@settings(max_examples=50, deadline=None)
def test_random_anchors_never_raise(records, authority, verdict_on):
    verdict = verdict_on(authority.issue(MX), tlsa=records)
    assert verdict.tlsa is not None


def timed(work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def test_a_chain_of_sixty_is_judged_in_bounded_time(authority, verdict_on):
    top: Signer = authority.root
    for number in range(60):
        top = authority.signer(f"Level {number}", parent=top)
    issued = authority.issue(MX, issuer=top)
    assert len(issued.chain) == 61
    records = [issued.tlsa(2, 1, 0), issued.tlsa(2, 0, 0)]
    assert timed(lambda: verdict_on(issued, sts=True, tlsa=records)) < BOUND


def test_a_chain_of_namesakes_is_judged_in_bounded_time(authority, verdict_on):
    keys = [authority.signer("Namesake", parent=authority.unknown, key=KeyKind.RSA2048) for _ in range(60)]
    issued = authority.issue(MX, issuer=authority.signer("Namesake", parent=authority.unknown), key_ids=False)
    chain = (issued.der, *(signer.der for signer in keys))
    records = [issued.tlsa(2, 1, 0), *(wrong(issued.tlsa(2, 0, 0)) for _ in range(30))]
    assert timed(lambda: verdict_on(chain, sts=True, tlsa=records)) < BOUND


@pytest.mark.parametrize("count", [1_000, 3_000])
def test_a_certificate_of_very_many_names(count, authority, verdict_on, under_sts):
    issued = authority.issue([*(f"mx{number}.example.net" for number in range(count)), *MX], common_name="x")
    assert under_sts(issued) == (set() if len(issued.der) <= 65_536 else {"CERT_UNREADABLE"})
    assert timed(lambda: verdict_on(issued, sts=True, tlsa=[issued.tlsa(2, 0, 0)])) < BOUND


def test_certificates_beyond_the_limit_are_not_looked_at(authority, under_sts):
    leaf, middle = authority.issue(MX).chain
    junk = [authority.issue([f"{number}.example"], issuer=None).der for number in range(limits.MAX_CERTIFICATES)]
    assert under_sts((leaf, *junk[: limits.MAX_CERTIFICATES - 2], middle)) == set()
    assert under_sts((leaf, *junk[: limits.MAX_CERTIFICATES - 1], middle)) == {"CERT_UNKNOWN_ISSUER"}


def test_a_plan_and_its_demand_give_the_same(authority, plan_for, trust, now):
    issued = authority.issue(["x.example"])
    record = issued.tlsa(2, 0, 0)
    host = HostName("mx.example.com", "mx.example.com")
    plan = plan_for(sts=True, verify=True, tlsa=[record], references=[host.text])
    demand = Demand(host, sts=True, local=True, dane=True, records=(record,), references=(host,))
    chain = Chain(issued.chain)
    assert judge(chain, plan, trust, now) == judge_demand(chain, demand, trust, now)
