import pytest

from tlswitness.datapoint import Cause
from tlswitness.engine.check.findings.advice import LOOKUP, advice, code


@pytest.mark.parametrize("cause", Cause)
def test_each_cause_has_advice(cause):
    text = advice(cause, "example.com", "mx.example.com")
    assert text.endswith((".", ").", "letters and digits."))
    assert "{" not in text
    assert text[0].isupper() or text.startswith("https://")


def test_names_are_filled_in():
    assert "mx: mx.example.com" in advice(Cause.STS_MX_MISMATCH, "example.com", "mx.example.com")
    assert "_mta-sts.example.com" in advice(Cause.STS_TXT_INVALID, "example.com")
    assert advice(Cause.TLSA_LOOKUP, "example.com") == LOOKUP


def test_a_name_with_braces_is_only_a_name():
    assert "{domain}" in advice(Cause.CERT_HOST_MISMATCH, "example.com", "{domain}")


def test_codes():
    assert code(Cause.STS_MX_MISMATCH) == "sts-mx-mismatch"
    assert len({code(cause) for cause in Cause}) == len(Cause)
