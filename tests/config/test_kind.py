from datetime import UTC, date, datetime

import pytest

from tlswitness.config.kind import Choice, Count, FilePath, Flag, ListOf, Moment, Refused, Seconds, Text, one_of
from tlswitness.config.model import TlsWanted


@pytest.mark.parametrize(
    ("kind", "given", "read"),
    [
        (Flag(), True, True),
        (Choice(TlsWanted), "Required", TlsWanted.REQUIRED),
        (Count(1, 9), 9, 9),
        (Seconds(0, 9), 3, 3.0),
        (Seconds(0, 9), 0.5, 0.5),
        (Text(), "a b", "a b"),
        (ListOf(Count(1, 9)), [1, 2], (1, 2)),
        (ListOf(Count(1, 9)), 1, (1,)),
        (ListOf(Count(1, 9)), [], ()),
        (Moment(), date(2027, 1, 31), datetime(2027, 2, 1, tzinfo=UTC)),
        (Moment(), datetime(2027, 1, 31, 12), datetime(2027, 1, 31, 12, tzinfo=UTC)),
    ],
)
def test_read(kind, given, read):
    assert kind.read(given) == read
    assert type(kind.read(given)) is type(read)
    assert kind.read(kind.show(read)) == read


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Flag(), 1),
        (Flag(), "yes"),
        (Choice(TlsWanted), "always"),
        (Choice(TlsWanted), 1),
        (Count(1, 9), 0),
        (Count(1, 9), 10),
        (Count(1, 9), True),
        (Count(1, 9), 2.0),
        (Seconds(0, 9), -1),
        (Seconds(0, 9), float("nan")),
        (Seconds(0, 9), float("inf")),
        (Seconds(0, 9), True),
        (Seconds(0, 9), "3"),
        (Text(), "a\nb"),
        (Text(), 3),
        (FilePath("a file"), ""),
        (FilePath("a file"), "a\0b"),
        (Moment(), "2027-01-31"),
        (Moment(), date(9999, 12, 31)),
    ],
)
def test_refused(kind, given):
    [refused] = kind.read(given)
    assert refused.value is given
    assert kind.allowed


def test_a_list_names_each_bad_item():
    assert ListOf(Count(1, 9)).read([1, 99, 2, "x"]) == [Refused(99), Refused("x")]


def test_one_of():
    assert one_of(["a"]) == "a"
    assert one_of(["a", "b", "c"]) == "a, b or c"
