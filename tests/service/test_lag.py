import pytest

from tlswitness.service.lag import SAMPLES, Lags


@pytest.fixture
def lags():
    return Lags()


def test_who_is_at_the_end_is_not_behind(lags):
    assert lags.seconds(5.0, 0) == 0.0
    assert lags.seconds(5.0, 7) == 0.0, "nothing has been seen yet"
    lags.look(0.0, {"a": 100})
    assert lags.seconds(50.0, 0) == 0.0


def test_what_was_there_before_counts_from_the_first_look(lags):
    lags.look(10.0, {"a": 100})
    lags.look(20.0, {"a": 100})
    assert lags.seconds(25.0, 60) == 15.0
    assert lags.seconds(25.0, 100) == 15.0


def test_the_last_moment_at_which_it_was_at_the_end(lags):
    for now, octets in [(0, 100), (5, 200), (10, 200), (15, 300), (20, 400)]:
        lags.look(now, {"a": octets})
    assert lags.seconds(20, 1) == 5, "at 15 it was at the end at the latest"
    assert lags.seconds(20, 100) == 5
    assert lags.seconds(20, 101) == 10, "nothing was written from 5 to 10"
    assert lags.seconds(20, 299) == 20


def test_new_segments_grow_it_and_old_ones_that_go_do_not_shrink_it(lags):
    lags.look(0, {"a": 100})
    lags.look(5, {"a": 150, "b": 50})
    lags.look(10, {"b": 60})
    assert lags.seconds(10, 10) == 5
    assert lags.seconds(10, 11) == 10


def test_it_is_bounded_and_remembers_long_ago_less_well(lags):
    for now in range(10 * SAMPLES):
        lags.look(now, {"a": now + 1})
    assert len(lags._times) <= SAMPLES
    end = 10 * SAMPLES - 1
    assert lags.seconds(end, 3) == 3
    for behind in (10, 150, 1500, 15_000):
        assert behind <= lags.seconds(end, behind) <= behind * 1.03 + 1
