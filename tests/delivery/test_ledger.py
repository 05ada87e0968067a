"""Nobody is forgotten, nobody is settled twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.delivery.ledger import Ledger
from tlswitness.delivery.outcome import Deferred, Delivered, Failed, Relay, TlsFacts
from tlswitness.delivery.smtp.transaction import Later, Never, Taken

A, B, C = "a@example.com", "b@example.com", "c@example.com"
MX = Relay("mx.example.com", "192.0.2.1", 25)
TLS = TlsFacts("TLSv1.3", "X", ("sts",))


def test_at_first_nothing_has_been_tried():
    ledger = Ledger((A, B))
    assert ledger.open == (A, B)
    assert ledger.outcomes() == (
        Deferred(A, "4.4.1", "no host could be reached"),
        Deferred(B, "4.4.1", "no host could be reached"),
    )


def test_each_result_settles_its_own_recipient():
    ledger = Ledger((A, B, C))
    ledger.depart((A, B, C), MX)
    ledger.arrive((A, B, C), [Taken("2.0.0", "250 ok"), Never("5.1.1", "550 no"), Later("4.2.1", "450 busy")], MX, TLS)
    assert ledger.open == (C,)
    assert not ledger.closed
    assert ledger.outcomes() == (
        Delivered(A, "2.0.0", "250 ok", MX, TLS),
        Failed(B, "5.1.1", "550 no", MX),
        Deferred(C, "4.2.1", "450 busy", MX),
    )


def test_a_deferral_says_what_was_said_of_this_recipient():
    ledger = Ledger((A, B))
    ledger.depart((A, B), MX)
    ledger.arrive((A, B), [Later("4.2.1", "450 a is busy"), Later("4.2.2", "452 b is full")], MX)
    assert [outcome.text for outcome in ledger.outcomes()] == ["450 a is busy", "452 b is full"]


def test_what_stands_in_the_way_of_all_is_said_of_all():
    ledger = Ledger((A, B))
    ledger.depart((A, B), MX)
    ledger.arrive((A, B), [Taken("2.0.0", "250 ok"), Later("4.2.1", "450 busy")], MX)
    ledger.note("4.7.5", "certificate", MX)
    assert ledger.outcomes()[1] == Deferred(B, "4.7.5", "certificate", MX)
    assert isinstance(ledger.outcomes()[0], Delivered)


def test_who_may_have_been_served_is_settled():
    ledger = Ledger((A, B))
    ledger.depart((A, B), MX)
    ledger.arrive((A, B), [Later("4.4.2", "closed", uncertain=True), Later("4.2.1", "450 busy")], MX)
    assert ledger.open == (B,)
    ledger.note("4.4.1", "refused")
    assert ledger.outcomes() == (
        Deferred(A, "4.4.2", "closed", MX, uncertain=True),
        Deferred(B, "4.4.1", "refused"),
    )


def test_an_end_in_flight_is_uncertain_for_those_in_flight_alone():
    ledger = Ledger((A, B, C))
    ledger.depart((A,), MX)
    ledger.arrive((A,), [Taken("2.0.0", "250 ok")], MX)
    ledger.depart((B,), MX)
    ledger.break_off("4.4.7", "too long")
    assert ledger.outcomes() == (
        Delivered(A, "2.0.0", "250 ok", MX),
        Deferred(B, "4.4.7", "too long", MX, uncertain=True),
        Deferred(C, "4.4.7", "too long"),
    )


def test_an_end_between_transactions_is_uncertain_for_nobody():
    ledger = Ledger((A,))
    ledger.depart((A,), MX)
    ledger.arrive((A,), [Later("4.2.1", "450 busy")], MX)
    ledger.break_off("4.4.7", "too long")
    assert ledger.outcomes() == (Deferred(A, "4.4.7", "too long"),)


def test_a_rejection_is_for_those_that_are_open():
    ledger = Ledger((A, B))
    ledger.depart((A,), MX)
    ledger.arrive((A,), [Taken("2.0.0", "250 ok")], MX)
    ledger.reject("5.1.10", "null MX")
    assert ledger.closed
    assert ledger.outcomes() == (Delivered(A, "2.0.0", "250 ok", MX), Failed(B, "5.1.10", "null MX"))


def test_the_same_recipient_twice_is_one():
    ledger = Ledger((A, B, A))
    assert ledger.open == (A, B)
    ledger.depart((A,), MX)
    ledger.arrive((A,), [Taken("2.0.0", "250 ok")], MX)
    assert [type(outcome) for outcome in ledger.outcomes()] == [Delivered, Deferred, Delivered]


class TestForGood:
    """Obstacles that are there to stay: only where nothing else was met is it a bounce."""

    def test_nothing_else(self):
        ledger = Ledger((A, B))
        ledger.note("5.7.10", "no TLS")
        ledger.note("5.7.30", "no REQUIRETLS", MX)
        assert ledger.hopeless
        assert ledger.outcomes()[0] == Deferred(A, "4.7.30", "no REQUIRETLS", MX), "not before all has been tried"
        ledger.conclude()
        assert ledger.outcomes() == tuple(Failed(who, "5.7.30", "no REQUIRETLS", MX) for who in (A, B))

    @pytest.mark.parametrize("order", [1, -1])
    def test_something_that_may_pass(self, order):
        ledger = Ledger((A,))
        for status, text in [("5.7.30", "no REQUIRETLS"), ("4.4.1", "refused")][::order]:
            ledger.note(status, text)
        assert not ledger.hopeless
        ledger.conclude()
        assert ledger.outcomes() == (Deferred(A, "4.4.1", "refused"),), "that is what is waited for"

    def test_who_was_put_off_waits_and_the_others_do_not(self):
        ledger = Ledger((A, B, C))
        ledger.depart((A, B, C), MX)
        ledger.arrive((A, B, C), [Later("4.2.1", "450 busy"), Taken("2.0.0", "250 ok"), Never("5.1.1", "550 no")], MX)
        ledger.note("5.7.30", "no REQUIRETLS")
        assert not ledger.hopeless
        ledger.conclude()
        assert ledger.outcomes() == (
            Deferred(A, "4.2.1", "450 busy", MX),
            Delivered(B, "2.0.0", "250 ok", MX),
            Failed(C, "5.1.1", "550 no", MX),
        )

    def test_without_obstacles_there_is_nothing_to_conclude(self):
        ledger = Ledger((A,))
        ledger.conclude()
        assert not ledger.hopeless
        assert ledger.outcomes() == (Deferred(A, "4.4.1", "no host could be reached"),)

    @given(st.lists(st.sampled_from(["4.4.1", "5.7.30", "5.7.10", "later"]), max_size=8))
    def test_never_an_early_bounce(self, met):
        ledger = Ledger((A,))
        for what in met:
            if what == "later":
                ledger.depart((A,), MX)
                ledger.arrive((A,), [Later("4.2.1", "450 busy")], MX)
            else:
                ledger.note(what, "an obstacle")
        hopeless = ledger.hopeless
        ledger.conclude()
        for_good = bool(met) and all(what.startswith("5") for what in met)
        assert hopeless == for_good
        assert isinstance(ledger.outcomes()[0], Failed if for_good else Deferred)


RESULTS = st.sampled_from(
    [
        Taken("2.0.0", "ok"),
        Never("5.0.0", "no"),
        Later("4.0.0", "later"),
        Later("4.4.2", "lost", uncertain=True),
    ]
)


@pytest.mark.parametrize("ending", [None, "note", "break_off"])
@given(rounds=st.lists(st.lists(RESULTS, min_size=3, max_size=3), max_size=6))
def test_whatever_happens_the_first_settlement_stands(ending, rounds):
    ledger = Ledger((A, B, C))
    settled = {}
    for results in rounds:
        part = ledger.open
        ledger.depart(part, MX)
        ledger.arrive(part, results[: len(part)], MX)
        answered = zip(part, results, strict=False)
        settled |= {who: result for who, result in answered if not isinstance(result, Later) or result.uncertain}
    if ending:
        getattr(ledger, ending)("4.9.9", "the end")
    outcomes = {outcome.recipient: outcome for outcome in ledger.outcomes()}
    assert list(outcomes) == [A, B, C]
    assert set(ledger.open) == {A, B, C} - set(settled)
    for recipient, result in settled.items():
        assert (outcomes[recipient].status, outcomes[recipient].text) == (result.status, result.text)
        assert isinstance(outcomes[recipient], Delivered) == isinstance(result, Taken)
    for recipient in ledger.open:
        assert isinstance(outcomes[recipient], Deferred)
        assert not outcomes[recipient].uncertain
