"""The table of causes: every reason text is unique, stable and of one shape."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlswitness.datapoint.failure import MAX_CODE, Cause, Failure, by_severity, safe_code

REASONS = Path(__file__).parent / "reasons.txt"
SHAPE = re.compile(r"4\.[0-9]\.[0-9]{1,2} \[internal\] [A-Za-z0-9 ./:_-]+")


def test_reasons_are_stable() -> None:
    """Reports of two days compare by these texts. A new cause gets a line in the table; a changed one is a decision."""
    table = [f"{cause.name} | {Failure(cause).result_type} | {Failure(cause, 'CODE').reason}" for cause in Cause]
    known = [line for line in REASONS.read_text().splitlines() if not line.startswith("#")]
    assert table == known, f"{REASONS.name} says otherwise"


@pytest.mark.rfc(8460, "4.3")
@pytest.mark.parametrize("cause", Cause, ids=lambda cause: cause.name)
@pytest.mark.parametrize("code", ["", "454 4.7.0"])
def test_reason_has_the_shape_of_the_seed(cause: Cause, code: str) -> None:
    failure = Failure(cause, code)
    assert SHAPE.fullmatch(failure.reason)
    assert failure.reason.endswith(failure.words)
    assert (Failure(cause, "CODE").reason != Failure(cause).reason) is ("{}" in cause.info.words)


def test_reasons_are_unique() -> None:
    reasons = [Failure(cause, code).reason for cause in Cause for code in ("", "x")]
    with_code = [cause for cause in Cause if "{}" in cause.info.words]
    assert len(set(reasons)) == len(Cause) + len(with_code)


def test_host_mismatch_is_exactly_the_seeds() -> None:
    failure = Failure(Cause.CERT_HOST_MISMATCH)
    assert failure.result_type == "certificate-host-mismatch"
    assert failure.reason == "4.7.5 [internal] SSL certificate subject does not match host"


@pytest.mark.rfc(8460, "8")
@pytest.mark.parametrize(
    ("code", "safe"),
    [
        ("454 4.7.0", "454 4.7.0"),
        ("SERVFAIL EDE 6", "SERVFAIL EDE 6"),
        ("", "unknown"),
        ("\r\n{}", "unknown"),
        ("user@example.org", "unknown"),
        ("550 <user@example.org> unknown user", "550 unknown user"),
        ("a  b\tc", "a b c"),
        ("é", "unknown"),
        ("x" * 5000, "x" * MAX_CODE),
        ("x" * 63 + " y", "x" * 63),
    ],
)
def test_codes_are_safe(code: str, safe: str) -> None:
    assert safe_code(code) == safe


@given(st.text(st.characters()))
def test_any_code_is_safe_at_once(code: str) -> None:
    assert safe_code(safe_code(code)) == safe_code(code)
    assert SHAPE.fullmatch(Failure(Cause.TLS_ALERT, code).reason)


@given(st.lists(st.builds(Failure, st.sampled_from(Cause), st.sampled_from(["", "a", "a\n", "b"])), max_size=8))
def test_order_of_severity_never_depends_on_luck(failures: list[Failure]) -> None:
    ordered = by_severity(tuple(failures))
    reasons = [failure.reason for failure in ordered]
    assert set(reasons) == {failure.reason for failure in failures}
    assert len(set(reasons)) == len(reasons)
    assert by_severity(tuple(reversed(failures)) * 2) == ordered
    ranks = [list(Cause).index(failure.cause) for failure in ordered]
    assert all(before <= after for before, after in itertools.pairwise(ranks))


def test_the_gravest_failure_comes_first() -> None:
    expired, refused = Failure(Cause.CERT_EXPIRED), Failure(Cause.STARTTLS_REFUSED, "454")
    assert by_severity((expired, refused, expired)) == (refused, expired)
