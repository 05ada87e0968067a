"""What is kept of findings stays bounded, and numbers stay right."""

import pytest

from tlswitness.datapoint import DataPoint, Finding, Policy, PolicyType
from tlswitness.hooks.host.lua.findings import KeptFindings


def finding(name):
    policy = Policy(policy_type=PolicyType.STS, policy_domain=f"{name}.example")
    return Finding(DataPoint(epoch=0, type=1, policy=policy))


class Kept(dict):
    """What stands on the other side."""

    def __init__(self):
        super().__init__()
        self.made = 0

    def keep(self, number, text):
        assert number not in self
        self.made += 1
        self[number] = text

    def forget(self, number):
        del self[number]


@pytest.fixture
def kept():
    return Kept()


def test_equal_findings_have_one_number(kept):
    numbers = KeptFindings(kept.keep, kept.forget)
    assert numbers.number(finding("a")) == numbers.number(finding("a"))
    assert numbers.number(finding("a")) != numbers.number(finding("b"))
    assert kept.made == 2


def test_ever_new_findings_stay_bounded_and_numbers_are_right(kept):
    numbers = KeptFindings(kept.keep, kept.forget, limit=10)
    for name in range(1000):
        each = finding(name)
        assert kept[numbers.number(each)] == each.text.encode()
        assert len(kept) == len(numbers) <= 20
    assert max(kept) <= 21


def test_what_is_in_use_stays(kept):
    numbers = KeptFindings(kept.keep, kept.forget, limit=10)
    common = finding("common")
    first = numbers.number(common)
    for name in range(1000):
        numbers.number(finding(name))
        assert numbers.number(common) == first
    assert kept.made == 1001


def test_long_texts_count_for_more(kept):
    numbers = KeptFindings(kept.keep, kept.forget, limit=1000, max_text=1000)
    for name in range(100):
        numbers.number(finding(f"{name}" + "x" * 200))
        assert len(kept) <= 10


def test_what_could_not_be_kept_is_tried_anew(kept):
    numbers = KeptFindings(kept.keep, kept.forget)
    numbers.number(finding("a"))
    numbers.clear()
    assert not kept
    assert not len(numbers)

    def fail(number, text):
        raise MemoryError

    failing = KeptFindings(fail, kept.forget)
    for _ in range(3):
        with pytest.raises(MemoryError):
            failing.number(finding("a"))
        assert not len(failing)
