from tools.requirements import DEMANDS, PAGE, Demand, faults, main, page, read


def test_each_demand_is_shown_or_explained_and_the_page_is_current():
    demands = read(DEMANDS)
    assert list(faults(demands)) == []
    assert page(demands) == PAGE.read_text(encoding="utf-8")
    assert main(["--check"]) == 0


def test_what_does_not_fit(tmp_path):
    (tmp_path / "test_a.py").write_text("class TestA:\n    async def test_b(self): ...\n")
    good = Demand("X-1", "8461 3", "MUST", "it", ("test_a::test_b", "row D9", "cell D2/dane"))
    assert list(faults([good], tmp_path)) == []
    bad = [
        Demand("X-1", "8461 3", "MUST", "it", ("test_a::test_c", "test_b::test_b", "row Z9", "cell D9/none")),
        Demand("X-1", "8461 3", "MUST", "it", (), "why"),
        Demand("X-2", "8461 3", "MUST", "it"),
        Demand("X-3", "8461 3", "MUST", "it", ("row D9",), "why"),
    ]
    assert list(faults(bad, tmp_path)) == [
        "X-1: there is no 'test_a::test_c'",
        "X-1: there is no 'test_b::test_b'",
        "X-1: there is no 'row Z9'",
        "X-1: there is no 'cell D9/none'",
        "X-1: there are two of it",
        "X-2: either something shows it, or a `choice` says why nothing does",
        "X-3: either something shows it, or a `choice` says why nothing does",
    ]


def test_a_row_of_the_page():
    demands = [
        Demand("X-1", "8461 3", "MUST", "a|b", ("d/test_a::test_b", "row D9")),
        Demand("X-2", "8461 3", "MAY", "c", (), "why"),
    ]
    *_, first, second = page(demands).splitlines()
    assert first == "| X-1 | 8461 3 | MUST | a\\|b | [test_b](../tests/d/test_a.py), row D9 |"
    assert second == "| X-2 | 8461 3 | MAY | c | on purpose not: why |"
