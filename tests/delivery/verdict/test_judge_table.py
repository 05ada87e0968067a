"""Every single fault and every pair of faults of a chain, under each policy, against what is expected of it.

The expectations are written down by hand, fault by fault; a pair is expected to give both, with the exceptions listed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from itertools import combinations

import pytest

from tlswitness.lab.authority import DAY, Authority, Issued, KeyKind, Purpose, wrong

Faults = frozenset[str]

# Fault: what it gives under sts, and under a DANE-TA record of the root that the server presents.
EXPECTED: Mapping[str, tuple[set[str], set[str]]] = {
    "expired": ({"CERT_EXPIRED"}, {"CERT_EXPIRED"}),
    "not yet valid": ({"CERT_NOT_YET_VALID"}, {"CERT_NOT_YET_VALID"}),
    "wrong name": ({"CERT_HOST_MISMATCH"}, {"CERT_HOST_MISMATCH"}),
    "CN only": ({"CERT_HOST_MISMATCH"}, set()),
    "self-signed": ({"CERT_SELF_SIGNED"}, {"DANE_NO_MATCH"}),
    "unknown issuer": ({"CERT_UNKNOWN_ISSUER"}, set()),
    "missing intermediate": ({"CERT_UNKNOWN_ISSUER"}, {"DANE_NO_MATCH"}),
    "expired intermediate": ({"CERT_ISSUER_EXPIRED 1"}, {"CERT_ISSUER_EXPIRED 1"}),
    "wrong purpose": ({"CERT_PURPOSE"}, {"CERT_PURPOSE"}),
    "weak key": ({"CERT_WEAK_KEY RSA 1024"}, {"CERT_WEAK_KEY RSA 1024"}),
}

IMPOSSIBLE = {
    frozenset({"expired", "not yet valid"}): "validity would have to end before it begins",
    frozenset({"self-signed", "unknown issuer"}): "it is its own issuer",
    frozenset({"self-signed", "missing intermediate"}): "it has none",
    frozenset({"self-signed", "expired intermediate"}): "it has none",
}

# Pairs that under sts give other than both.
STS_EXCEPTIONS = {
    # What is not there cannot have expired.
    frozenset({"missing intermediate", "expired intermediate"}): {"CERT_UNKNOWN_ISSUER"},
}

KINDS = [(3, 1, 1), (3, 0, 1), (2, 0, 1), (2, 1, 1), (2, 1, 0)]


def fault_sets() -> list[Faults]:
    singles = [frozenset({fault}) for fault in EXPECTED]
    pairs = [frozenset(pair) for pair in combinations(EXPECTED, 2)]
    return [frozenset(), *singles, *(pair for pair in pairs if pair not in IMPOSSIBLE)]


FAULT_SETS = fault_sets()


def name(faults: Faults) -> str:
    return " + ".join(sorted(faults)) or "none"


def expected_under_sts(faults: Faults) -> set[str]:
    if faults in STS_EXCEPTIONS:
        return STS_EXCEPTIONS[faults]
    return set().union(*(EXPECTED[fault][0] for fault in faults))


def expected_under_ta(faults: Faults) -> set[str]:
    every = set().union(*(EXPECTED[fault][1] for fault in faults))
    return {"DANE_NO_MATCH"} if "DANE_NO_MATCH" in every else every


@pytest.fixture(scope="module")
def certificate_with(authority: Authority) -> Callable[[Faults], Issued]:
    stranger = authority.unknown
    issuers = {
        (False, False): authority.intermediate,
        (False, True): authority.expired_intermediate,
        (True, False): authority.signer("Stranger Intermediate", parent=stranger),
        (True, True): authority.signer(
            "Stranger Expired Intermediate", parent=stranger, not_before=-90 * DAY, not_after=-DAY
        ),
    }

    @cache
    def make(faults: Faults) -> Issued:
        not_before, not_after = -DAY, 90 * DAY
        if "expired" in faults:
            not_before, not_after = -90 * DAY, -1
        if "not yet valid" in faults:
            not_before = 1
        issuer = issuers["unknown issuer" in faults, "expired intermediate" in faults]
        return authority.issue(
            ["mx.example.net" if "wrong name" in faults else "mx.example.com"],
            san="CN only" not in faults,
            not_before=not_before,
            not_after=not_after,
            purpose=Purpose.CLIENT if "wrong purpose" in faults else Purpose.SERVER,
            key=KeyKind.RSA1024 if "weak key" in faults else KeyKind.EC,
            issuer=None if "self-signed" in faults else issuer,
        )

    return make


def as_served(issued: Issued, faults: Faults, *, root: bool) -> Issued:
    return issued.presenting(intermediates="missing intermediate" not in faults, root=root)


def test_the_table_is_whole():
    assert len(FAULT_SETS) == 1 + 10 + 45 - len(IMPOSSIBLE)


@pytest.mark.rfc(8461, "4.2")
@pytest.mark.rfc(8460, "4.3.1")
@pytest.mark.rfc(8461, "4")
@pytest.mark.parametrize("faults", FAULT_SETS, ids=name)
def test_under_sts(faults, certificate_with, under_sts):
    issued = certificate_with(faults)
    assert under_sts(as_served(issued, faults, root=False)) == expected_under_sts(faults)


@pytest.mark.rfc(8461, "4.2")
@pytest.mark.parametrize("faults", FAULT_SETS, ids=name)
def test_under_sts_with_the_root_presented(faults, certificate_with, under_sts):
    issued = certificate_with(faults)
    assert under_sts(as_served(issued, faults, root=True)) == expected_under_sts(faults)


@pytest.mark.parametrize("faults", FAULT_SETS, ids=name)
def test_under_no_policy_nothing_fails(faults, certificate_with, verdict_on):
    verdict = verdict_on(as_served(certificate_with(faults), faults, root=False))
    assert (verdict.sts, verdict.tlsa, verdict.local) == (None, None, None)


@pytest.mark.rfc(7672, "3.1.1")
@pytest.mark.rfc(7671, "5.1")
@pytest.mark.rfc(7672, "3.2")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind[0] == 3], ids=str)
@pytest.mark.parametrize("faults", FAULT_SETS, ids=name)
def test_under_dane_ee(faults, kind, certificate_with, under_tlsa):
    issued = certificate_with(faults)
    served, record = as_served(issued, faults, root=False), issued.tlsa(*kind)
    assert under_tlsa(served, record) == set()
    assert under_tlsa(served, wrong(record)) == {"DANE_NO_MATCH"}


@pytest.mark.rfc(7672, "3.1.2")
@pytest.mark.rfc(7671, "5.2")
@pytest.mark.rfc(7672, "3.2")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind[0] == 2], ids=str)
@pytest.mark.parametrize("faults", FAULT_SETS, ids=name)
def test_under_dane_ta(faults, kind, certificate_with, under_tlsa):
    issued = certificate_with(faults)
    served, record = as_served(issued, faults, root=True), issued.tlsa(*kind)
    assert under_tlsa(served, record) == expected_under_ta(faults)
    assert under_tlsa(served, wrong(record)) == {"DANE_NO_MATCH"}


@pytest.mark.rfc(7671, "5.2")
@pytest.mark.rfc(7671, "8")
@pytest.mark.parametrize("one", KINDS, ids=str)
@pytest.mark.parametrize("other", KINDS, ids=str)
@pytest.mark.parametrize("faults", [frozenset(), *(frozenset({fault}) for fault in EXPECTED)], ids=name)
def test_one_right_record_among_wrong_ones_is_enough(faults, one, other, certificate_with, under_tlsa):
    issued = certificate_with(faults)
    served = as_served(issued, faults, root=True)
    expected = set() if one[0] == 3 else expected_under_ta(faults)
    right, bad = issued.tlsa(*one), wrong(issued.tlsa(*other))
    assert under_tlsa(served, right, bad) == under_tlsa(served, bad, right) == expected
