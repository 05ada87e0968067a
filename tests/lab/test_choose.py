import pytest

from tlswitness.lab.choose import choose
from tlswitness.lab.table import cells


def ids(*names: str) -> list[str]:
    return [cell.id for cell in choose(names)]


def test_all_without_a_name():
    assert choose([]) == cells()


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["C3/enforce"], ["C3/enforce"]),
        (["c3/ENFORCE"], ["C3/enforce"]),
        (["c3-enforce.test"], ["C3/enforce"]),
        (["s6-6"], ["S6-6/sts"]),
        (["S6-?/dane-decides"], ["S6-1/dane-decides", "S6-2/dane-decides", "S6-3/dane-decides", "S6-5/dane-decides"]),
        (["D9/ta", "A1", "A1/*"], ["A1/nocache", "A1/cache", "D9/ta"]),
    ],
)
def test_names(names, found):
    assert ids(*names) == found


def test_a_row_is_not_its_variants():
    assert all(name.startswith("C2/") for name in ids("C2"))


@pytest.mark.parametrize(
    ("name", "hint"),
    [("C3/enforced", "did you mean C3/enforce"), ("qwertzuiop", "`--list` shows all"), ("", "`--list`")],
)
def test_unknown(name, hint):
    with pytest.raises(LookupError, match=hint):
        choose(["C3", name])
