"""Strategies and fixtures for data points."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import strategies as st

from tlswitness.datapoint import (
    Cause,
    DataPoint,
    Failure,
    FurtherFailure,
    JsonObject,
    Judged,
    Member,
    Policy,
    PolicyFacts,
    PolicyFailed,
    PolicyType,
    ResultType,
    SessionEnded,
)
from tlswitness.datapoint.model import FURTHER_MEMBERS, POINT_MEMBERS, POLICY_MEMBERS

DATA = Path(__file__).parent.parent / "data"

_text = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
_line = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)
_name = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8)
_token = st.sampled_from([*ResultType, "a-type-of-tomorrow"])
_lines = st.lists(_text, max_size=4).map(tuple)


def _members(values: st.SearchStrategy, known: frozenset[str] = frozenset()) -> st.SearchStrategy:
    pairs = st.tuples(_name.filter(lambda name: name not in known), values)
    found = st.lists(pairs, max_size=3, unique_by=lambda pair: pair[0])
    return found.map(lambda pairs: tuple(Member(*pair) for pair in pairs))


_scalar = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _text
)
_json = st.recursive(
    _scalar,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | _members(inner).map(JsonObject),
    max_leaves=6,
)
_further = st.builds(FurtherFailure, _token, st.none() | _line, _members(_json, FURTHER_MEMBERS))
_policy = st.builds(
    Policy,
    policy_type=st.sampled_from(PolicyType),
    policy_domain=_line,
    policy_string=_lines,
    mx_host=_lines,
    unknown=_members(_json, POLICY_MEMBERS),
)


@st.composite
def _points(draw: st.DrawFn) -> DataPoint:
    failed = draw(st.booleans())
    optional = st.none() | _line
    return DataPoint(
        epoch=draw(st.integers(0, 253_402_300_799)),
        type=0 if failed else 1,
        policy=draw(_policy),
        result_type=draw(_token) if failed else None,
        failure_reason_code=draw(optional) if failed else None,
        sending_mta_ip=draw(optional),
        receiving_mx_hostname=draw(optional),
        receiving_ip=draw(optional),
        receiving_mx_helo=draw(optional),
        additional_information=draw(optional),
        recipient_domain=draw(optional),
        tlsrpt_record=draw(optional),
        further_failures=draw(st.lists(_further, max_size=2).map(tuple)),
        unknown=draw(_members(_json, POINT_MEMBERS)),
    )


# Whatever a policy, a greeting or a producer's mistake may hold: lone surrogates, controls, nothing at all.
_wild = st.text(st.characters(), max_size=20)
_failure = st.builds(Failure, st.sampled_from(Cause), st.sampled_from(["", "404", "454 4.7.0", "x\ty"]) | _wild)
_facts = st.builds(PolicyFacts, st.sampled_from(PolicyType), _wild, *[st.lists(_wild, max_size=3).map(tuple)] * 2)
_judged = st.builds(Judged, _facts, st.lists(_failure, max_size=4).map(tuple))
_session = st.builds(
    SessionEnded, _wild, st.lists(_judged, min_size=1, max_size=2).map(tuple), _wild, _wild, _wild, st.none() | _wild
)
_failed = st.builds(PolicyFailed, _wild, _facts, _failure, st.none() | _wild)


@pytest.fixture(scope="session")
def any_point() -> st.SearchStrategy[DataPoint]:
    """Any valid data point, those of foreign sources too."""
    return _points()


@pytest.fixture(scope="session")
def any_outcome() -> st.SearchStrategy[SessionEnded | PolicyFailed]:
    """Any reportable outcome, the worst ones too."""
    return _session | _failed


@pytest.fixture(scope="session")
def any_json() -> st.SearchStrategy[object]:
    """Any JSON value as a library decodes it, and some that none does."""
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | _wild
    return st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_wild, inner, max_size=3))


@pytest.fixture(scope="session")
def momentum_lines() -> tuple[str, str]:
    """The JSON of the two paniclog lines: a success and a failure."""
    log = (DATA / "momentum_paniclog.txt").read_text()
    success, failure = (line.split("report:   ")[1] for line in log.splitlines() if "tls report" in line)
    return success, failure


@pytest.fixture(scope="session")
def momentum_examples() -> tuple[str, str]:
    """The two indented examples: a success and a failure."""
    return (DATA / "momentum_success.json").read_text(), (DATA / "momentum_failure.json").read_text()


@pytest.fixture
def point() -> DataPoint:
    """A failure with every member that the model knows."""
    return DataPoint(
        epoch=1,
        type=0,
        policy=Policy(
            policy_type=PolicyType.TLSA,
            policy_domain="mx.example.org",
            policy_string=("3 1 1 ab",),
            mx_host=("mx.example.org",),
            unknown=(Member("p", 1.0),),
        ),
        result_type=ResultType.VALIDATION_FAILURE,
        failure_reason_code="reason",
        sending_mta_ip="192.0.2.1",
        receiving_mx_hostname="MX.example.org",
        receiving_ip="192.0.2.2",
        receiving_mx_helo="helo.example.org",
        additional_information="https://example.org/",
        recipient_domain="example.org",
        tlsrpt_record="v=TLSRPTv1; rua=mailto:r@example.org",
        further_failures=(FurtherFailure(ResultType.CERTIFICATE_EXPIRED, "old", (Member("f", None),)),),
        unknown=(Member("u", JsonObject((Member("a/b", ()), Member("c", JsonObject())))),),
    )
