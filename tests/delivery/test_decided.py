"""What is remembered of a decision, and for how long."""

from dataclasses import replace

import pytest

from tlswitness.datapoint.failure import Cause, Failure
from tlswitness.delivery.course import Course, Literal, NoCourse
from tlswitness.delivery.decided import HOLD, MAX_DESTINATIONS, Decisions
from tlswitness.delivery.pool import Key
from tlswitness.delivery.settings import Destination, Sender
from tlswitness.lab.fakes import FakeResolver, VirtualClock
from tlswitness.names import BadName, Domain, HostName
from tlswitness.policy.dane import NextHop
from tlswitness.policy.plan import LocalRules, Plan, Refusal, Tag
from tlswitness.policy.sts.model import StsAbsent

DOMAIN = Domain("example.com")
MX = HostName("mx.example.com", "mx.example.com")
DESTINATION = Destination(DOMAIN, Sender("us.example.org"))
COURSE = Course(NextHop(DOMAIN, DOMAIN, secure=True), (MX,), 25)
STS = StsAbsent(DOMAIN, "no record")
PLAN = Plan(DOMAIN, MX, ("192.0.2.1",), 25, LocalRules(), None, None)


def test_for_a_moment_and_no_longer():
    clock = VirtualClock()
    decisions = Decisions(clock, FakeResolver())
    decisions.of(DESTINATION).keep_course(None, COURSE)
    clock.advance(HOLD - 0.01)
    assert decisions.of(DESTINATION).course(None) is COURSE
    clock.advance(0.01)
    assert decisions.of(DESTINATION).course(None) is None


def test_what_is_asked_for_all_the_time_is_decided_again_all_the_same():
    clock = VirtualClock()
    decisions = Decisions(clock, FakeResolver())
    decisions.of(DESTINATION).keep_sts(DOMAIN, STS)
    ages = []
    for step in range(1, 30):
        clock.advance(HOLD / 8)
        if decisions.of(DESTINATION).sts(DOMAIN) is None:
            ages.append(step)
            decisions.of(DESTINATION).keep_sts(DOMAIN, STS)
    assert ages == [8, 16, 24]


def test_other_settings_decide_anew():
    decisions = Decisions(VirtualClock(), FakeResolver())
    decisions.of(DESTINATION).keep_sts(DOMAIN, STS)
    assert decisions.of(replace(DESTINATION, dane=False)).sts(DOMAIN) is None


def test_what_was_learnt_from_a_resolver_that_is_believed_otherwise_now_is_forgotten():
    resolver = FakeResolver()
    decisions = Decisions(VirtualClock(), resolver)
    decisions.of(DESTINATION).keep_sts(DOMAIN, STS)
    resolver.generation += 1
    assert decisions.of(DESTINATION).sts(DOMAIN) is None


@pytest.mark.parametrize("over", ["time", "trust"])
def test_a_delivery_that_takes_long_is_given_nothing_old(over):
    """It was at another host meanwhile, and what others decided about the next one does not count any more."""
    clock, resolver = VirtualClock(), FakeResolver()
    held = Decisions(clock, resolver).of(DESTINATION)
    held.keep_course(None, COURSE)
    held.keep_sts(DOMAIN, STS)
    held.keep_plan(COURSE, STS, PLAN)
    if over == "time":
        clock.advance(HOLD)
    else:
        resolver.generation += 1
    assert (held.course(None), held.sts(DOMAIN), held.plan(MX, COURSE, STS)) == (None, None, None)


def test_what_keeps_mail_from_going_or_is_to_be_told_is_not_remembered():
    decided = Decisions(VirtualClock(), FakeResolver()).of(DESTINATION)
    for nowhere in (NoCourse("4.4.3", "no answer"), Literal("192.0.2.1", 25), replace(COURSE, by_chance=True)):
        decided.keep_course(None, nowhere)
    assert decided.course(None) is None
    decided.keep_sts(DOMAIN, replace(STS, failure=Failure(Cause.STS_HTTP_STATUS, "404")))
    assert decided.sts(DOMAIN) is None
    decided.keep_plan(COURSE, STS, Refusal(DOMAIN, MX, "no address", "4.4.4"))
    assert decided.plan(MX, COURSE, STS) is None


def test_a_plan_is_one_of_its_course_and_policy():
    decided = Decisions(VirtualClock(), FakeResolver()).of(DESTINATION)
    decided.keep_plan(COURSE, STS, PLAN)
    assert decided.plan(MX, COURSE, STS) is PLAN
    assert decided.plan(MX, replace(COURSE, by_chance=True), STS) is PLAN  # only the order of the hosts is another
    assert decided.plan(MX, COURSE, replace(STS)) is None
    assert decided.plan(MX, replace(COURSE, port=2525), STS) is None
    assert decided.plan(MX, replace(COURSE, next_hop=NextHop(DOMAIN, DOMAIN, secure=False)), STS) is None
    assert decided.plan(BadName("mx_example", "bad"), COURSE, STS) is None


def test_messages_that_travel_alike_share_a_key():
    decided = Decisions(VirtualClock(), FakeResolver()).of(DESTINATION)
    decided.keep_plan(COURSE, STS, PLAN)
    key = decided.key(PLAN, "192.0.2.1")
    assert key == Key.of(DESTINATION, PLAN, "192.0.2.1")
    assert decided.key(PLAN, "192.0.2.1") is key
    assert decided.key(replace(PLAN), "192.0.2.1") == key
    assert decided.key(PLAN, "192.0.2.2") != key


def test_mail_to_ever_new_domains_does_not_fill_the_memory():
    decisions = Decisions(VirtualClock(), FakeResolver())
    for number in range(3 * MAX_DESTINATIONS):
        decisions.of(Destination(Domain(f"d{number}.example"), DESTINATION.sender))
    assert len(decisions._by_domain) <= MAX_DESTINATIONS


def test_what_is_newer_counts():
    decisions = Decisions(VirtualClock(), FakeResolver())
    decisions.of(DESTINATION).keep_sts(DOMAIN, STS)
    decisions.forget(DOMAIN)
    decisions.forget(DOMAIN)
    assert decisions.of(DESTINATION).sts(DOMAIN) is None


def test_plans_for_tagged_messages_are_not_mixed_up_with_others():
    decided = Decisions(VirtualClock(), FakeResolver()).of(DESTINATION)
    for tag in (Tag.OPTIONAL, Tag.REQUIRE):
        decided.keep_plan(COURSE, STS, replace(PLAN, tag=tag))
        assert decided.plan(MX, COURSE, STS, tag) is None
        assert decided.plan(MX, COURSE, STS) is None
    decided.keep_plan(COURSE, STS, PLAN)
    assert decided.plan(MX, COURSE, STS) is PLAN
    assert decided.plan(MX, COURSE, STS, Tag.REQUIRE) is None
    tagged = replace(PLAN, tag=Tag.REQUIRE)
    assert decided.key(tagged, "192.0.2.1") != decided.key(PLAN, "192.0.2.1")
