import time

import pytest

from tlswitness.lab.authority import Authority, Issued, wrong
from tlswitness.lab.faults.tlsa import NEEDS_RECORDS, records
from tlswitness.lab.table import Setup
from tlswitness.policy.dane import unusable


@pytest.fixture(scope="module")
def issued() -> Issued:
    return Authority(time.time()).issue(["mx.example.test"])


@pytest.mark.parametrize(
    ("setup", "kinds", "usable"),
    [
        (Setup(), [], []),
        (Setup(policies=("dane-ee",)), [(3, 1, 1)], [True]),
        (Setup(policies=("dane-ta", "enforce")), [(2, 0, 1)], [True]),
        (Setup(policies=("dane-unusable",)), [(0, 0, 1)], [False]),
        (Setup(tlsa="usage-1"), [(1, 1, 1)], [False]),
        (Setup(tlsa="matching-9"), [(3, 1, 9)], [False]),
        (Setup(tlsa="bad-length"), [(3, 1, 1)], [False]),
        (Setup(tlsa="bad-der"), [(3, 0, 0)], [False]),
        (Setup(tlsa="mixed"), [(3, 1, 1), (1, 1, 1)], [True, False]),
        (Setup(tlsa="agility", policies=("dane-ee",)), [(3, 1, 1), (3, 1, 2)], [True, True]),
    ],
)
def test_kinds(issued, setup, kinds, usable):
    found = records(setup, issued)
    assert [(record.usage, record.selector, record.matching_type) for record in found] == kinds
    assert [unusable(record) is None for record in found] == usable


@pytest.mark.parametrize("fault", sorted(NEEDS_RECORDS))
def test_faults_that_need_records_have_them(issued, fault):
    assert records(Setup(dns=fault), issued) == (issued.tlsa(3, 1, 1),)


def test_wrong_ones(issued):
    assert records(Setup(tlsa="wrong", policies=("dane-ta",)), issued) == (wrong(issued.tlsa(2, 0, 1)),)
    weaker, stronger = records(Setup(tlsa="agility"), issued)
    assert weaker == issued.tlsa(3, 1, 1)
    assert stronger != issued.tlsa(3, 1, 2)


def test_an_unknown_fault_is_refused(issued):
    with pytest.raises(ValueError, match="no such TLSA records: 'wrng'"):
        records(Setup(tlsa="wrng"), issued)
