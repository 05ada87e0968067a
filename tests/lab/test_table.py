"""The table is whole, and says nothing that cannot be read."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.datapoint import ResultType
from tlswitness.lab.table import ExpectedPoint, Mail, Where, cells, expected
from tlswitness.names import Domain, parse_domain

DEMANDED = {
    **{f"A{number}": {"nocache", "cache"} for number in range(1, 18)},
    **{f"B{number}": {"opportunistic", "mandatory", "sts"} for number in range(1, 11)},
    **{f"C{number}": {"none", "enforce", "testing", "dane", "unusable"} for number in range(1, 17)},
    **{f"D{number}": {"none", "enforce", "testing", "dane", "ta"} for number in range(1, 12)},
    **{f"S6-{number}": {"both", "dane-decides"} for number in (1, 2, 3, 5)},
    "S6-4": {"both-testing"},
    "S6-6": {"sts"},
}
"""The events of RFC 8460 section 4.3, RFC 8461 sections 3.3 and 5, RFC 7672 section 2.2; the policies of each."""


@pytest.mark.parametrize(("row", "columns"), DEMANDED.items(), ids=DEMANDED)
def test_each_event_has_a_cell_for_each_policy(row, columns):
    found = {cell.id.partition("/")[2] for cell in cells() if cell.row == row}
    assert columns <= found


@pytest.mark.parametrize("cell", cells(), ids=lambda cell: cell.id)
def test_a_cell_is_shown_or_says_why_not(cell):
    assert (cell.mail is None) == (cell.not_shown is not None)
    assert cell.mail is not None or not cell.points
    assert isinstance(parse_domain(cell.domain), str)
    for point in cell.points:
        assert expected(str(point)) == point


def test_names_are_unique():
    assert len({cell.id for cell in cells()}) == len({cell.domain for cell in cells()}) == len(cells())


def test_a_variant_stands_behind_its_event():
    rows = list(dict.fromkeys(cell.row for cell in cells()))
    by_base = defaultdict(list)
    for row in rows:
        by_base[row.rstrip("abcdefghijklmnopqrstuvwxyz")].append(row)
    for base, variants in by_base.items():
        assert variants[0] == base
        start = rows.index(base)
        assert rows[start : start + len(variants)] == variants


def test_every_result_type_is_expected_somewhere():
    assert {point.result for cell in cells() for point in cell.points} == {*ResultType, "success"}


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("sts success", ExpectedPoint("sts", "success")),
        ("tlsa[real] success", ExpectedPoint("tlsa", "success", base="real")),
        ("tlsa dnssec-invalid (a: B 6) @host", ExpectedPoint("tlsa", "dnssec-invalid", "a: B 6", where=Where.HOST)),
        ("sts a (b) + c + d @domain", ExpectedPoint("sts", "a", "b", ("c", "d"), Where.DOMAIN)),
    ],
)
def test_notation(text, point):
    assert expected(text) == point
    assert str(point) == text


@given(st.text(max_size=60))
def test_what_is_no_point_is_refused(text):
    with pytest.raises(ValueError, match="not a point"):
        expected(f"{text}!")


def test_words_for_mail():
    assert all(mail.words for mail in Mail)


def test_domain():
    (cell,) = (cell for cell in cells() if cell.id == "S6-1/dane-decides")
    assert cell.domain == Domain("s6-1-dane-decides.test")
