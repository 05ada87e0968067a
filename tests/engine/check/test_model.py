import pytest

from tlswitness.dns.trust import TrustReport, TrustState
from tlswitness.engine.check import Check, Fate, Finding, Prospect, Severity

PROBLEM = Finding(Severity.PROBLEM, "x", "wrong")
LATER = Finding(Severity.PROBLEM, "y", "perhaps", temporary=True)


@pytest.mark.parametrize(
    ("findings", "problems", "undecided"),
    [
        ((), False, False),
        ((PROBLEM,), True, False),
        ((LATER,), False, True),
        ((PROBLEM, LATER), True, True),
        ((Finding(Severity.WARNING, "z", "weak"), Finding(Severity.NOTE, "z", "nice")), False, False),
    ],
)
def test_what_counts_as_a_problem(make, findings, problems, undecided):
    trust = TrustReport(TrustState.VALIDATING, ())
    check = Check(make.domain, make.now, trust, (), Prospect(Fate.DELIVERED, "", ""), findings)
    assert (check.problems, check.undecided) == (problems, undecided)


def test_the_hosts_of_a_way_are_those_of_its_last_pass(make):
    way = make.way(make.host())
    assert way.hosts == way.passes[-1].hosts
    assert make.way(passes=()).hosts == ()


def test_the_sessions_of_a_try(make):
    assert len(make.tried().sessions()) == 1
    assert make.tried(broken="not connected").sessions() == ()
