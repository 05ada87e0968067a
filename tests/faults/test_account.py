"""Each rule of the account can fail."""

import pytest
from tools.faults.account import Policy, Said, SaidBySend, mail_faults, store_faults

ONE, TWO, THREE = (Policy("d.test", number, number) for number in (1, 2, 3))


def said(*lines):
    account = Said()
    for line in lines:
        account.hear(line)
    return account


def words(policy):
    return f"{policy.domain} {policy.id} {policy.version}"


def put(policy):
    return f"put {words(policy)}"


def kept(policy):
    return f"kept {words(policy)}"


@pytest.mark.parametrize(
    ("word", "accepted", "fault"),
    [
        ("Delivered", True, False),
        ("Delivered", False, True),
        ("Deferred", True, True),
        ("Deferred", False, False),
        ("Failed", True, True),
        ("Failed", False, False),
        ("Uncertain", True, False),
        ("Uncertain", False, False),
    ],
)
def test_what_is_said_of_a_message(word, accepted, fault):
    outcomes = said("up", f"mail m1 {word}").outcomes
    assert bool(list(mail_faults(outcomes, {"m1"} if accepted else {"m2"}))) == fault


@pytest.mark.parametrize(
    ("lines", "before", "possible"),
    [
        ([], ONE, {ONE}),
        ([put(TWO)], ONE, {ONE, TWO}),
        ([put(ONE)], None, {ONE, None}),
        ([put(TWO), kept(TWO)], ONE, {TWO}),
        ([put(TWO), kept(TWO), put(THREE)], ONE, {TWO, THREE}),
        ([put(TWO), kept(TWO), put(THREE), kept(THREE)], ONE, {THREE}),
        ([put(TWO), put(THREE), kept(TWO)], ONE, {TWO, THREE}),
        ([put(TWO), put(THREE), kept(TWO), kept(THREE)], ONE, {TWO, THREE}),
        ([put(TWO), kept(TWO), put(TWO), kept(TWO)], ONE, {TWO}),
    ],
    ids=lambda value: "" if isinstance(value, Policy | set) else None,
)
def test_what_the_disk_may_hold(lines, before, possible):
    account = said(*lines)
    now = account.possible({"d.test": before} if before else {})
    for policy in (ONE, TWO, THREE, None):
        found = {"d.test": policy} if policy else {}
        assert bool(list(store_faults(now, found))) == (policy not in possible)


def test_a_policy_that_nobody_wrote():
    assert list(store_faults({}, {"d.test": ONE}))


def test_a_body_that_is_older_than_its_id():
    old = Policy("d.test", 2, 1)
    assert list(store_faults({"d.test": {old}}, {"d.test": old}))


def test_the_numbers():
    account = said("up", put(ONE), kept(ONE), put(TWO))
    assert (account.up, account.kept, account.in_a_put) == (True, 1, True)
    assert not said(put(ONE), kept(ONE)).in_a_put


def test_what_is_no_line():
    with pytest.raises(ValueError, match="said 'Traceback'"):
        said("Traceback")


def test_what_send_prints():
    account = SaidBySend()
    for line in (
        "2026-01-01T00:00:00Z info delivery: domain=d1.test relay=mx[127.0.0.1]:25 verdict=ok dsn=2.0.0 seconds=0.1",
        "2026-01-01T00:00:00Z info delivery: domain=d2.test relay=none verdict=unreachable dsn=4.4.1 seconds=0.1",
        "data point: {}",
        "a@d1.test: delivered to mx[127.0.0.1]:25 over TLSv1.3: 2.0.0 ok",
        "b@d2.test: deferred: 4.4.1 no",
        "c@d2.test: deferred: 4.4.2 lost; the server may have it all the same",
        "d@d2.test: failed: 5.1.1 no",
    ):
        account.hear(line)
    assert account.attempts == {"d1.test"}
    assert account.outcomes == {
        "a@d1.test": "Delivered",
        "b@d2.test": "Deferred",
        "c@d2.test": "Uncertain",
        "d@d2.test": "Failed",
    }
    with pytest.raises(ValueError, match="Traceback"):
        account.hear("Traceback (most recent call last):")
