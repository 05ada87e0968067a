"""The result types are those of the registry, and each can be named by some cause."""

from __future__ import annotations

import pytest

from tlswitness.datapoint import RESULTS, Cause, PolicyType, ResultType

REGISTRY = {
    "starttls-not-supported",
    "certificate-host-mismatch",
    "certificate-expired",
    "tlsa-invalid",
    "dnssec-invalid",
    "dane-required",
    "certificate-not-trusted",
    "sts-policy-invalid",
    "sts-webpki-invalid",
    "sts-policy-fetch-error",
    "validation-failure",
}


@pytest.mark.rfc(8460, "6.6")
def test_result_types_are_those_of_the_registry() -> None:
    assert {str(result) for result in ResultType} == REGISTRY


@pytest.mark.rfc(8460, "4.4")
def test_policy_types() -> None:
    assert {str(kind) for kind in PolicyType} == {"tlsa", "sts", "no-policy-found"}


@pytest.mark.parametrize("result", ResultType)
def test_result_type_is_explained_and_can_be_named(result: ResultType) -> None:
    assert RESULTS[result].section.startswith("4.3.")
    assert RESULTS[result].words
    assert any(cause.info.result_type is result for cause in Cause)
