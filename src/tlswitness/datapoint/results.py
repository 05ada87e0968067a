"""Policy types and result types as the wire names them: the only place where these strings stand.

RFC 8460 section 4.3 and the IANA registry "STARTTLS Validation Result Types".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PolicyType(StrEnum):
    """RFC 8460 section 4.4."""

    TLSA = "tlsa"
    STS = "sts"
    NONE = "no-policy-found"


class ResultType(StrEnum):
    """Failures; a success has no result type."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"
    VALIDATION_FAILURE = "validation-failure"
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    DANE_REQUIRED = "dane-required"
    STS_POLICY_FETCH_ERROR = "sts-policy-fetch-error"
    STS_POLICY_INVALID = "sts-policy-invalid"
    STS_WEBPKI_INVALID = "sts-webpki-invalid"


@dataclass(frozen=True, slots=True)
class ResultInfo:
    """Where a result type is defined, and what it says to a mail admin."""

    section: str
    words: str


RESULTS: dict[ResultType, ResultInfo] = {
    ResultType.STARTTLS_NOT_SUPPORTED: ResultInfo("4.3.1", "the MX does not do STARTTLS"),
    ResultType.CERTIFICATE_HOST_MISMATCH: ResultInfo("4.3.1", "the certificate is for another name"),
    ResultType.CERTIFICATE_EXPIRED: ResultInfo("4.3.1", "the certificate has expired"),
    ResultType.CERTIFICATE_NOT_TRUSTED: ResultInfo("4.3.1", "the certificate chain cannot be trusted"),
    ResultType.VALIDATION_FAILURE: ResultInfo("4.3.3", "TLS could not be validated for another reason"),
    ResultType.TLSA_INVALID: ResultInfo("4.3.2.1", "no TLSA record can be used"),
    ResultType.DNSSEC_INVALID: ResultInfo("4.3.2.1", "DNS gave no valid answer under DNSSEC"),
    ResultType.DANE_REQUIRED: ResultInfo("4.3.2.1", "DANE is required here and the MX has none"),
    ResultType.STS_POLICY_FETCH_ERROR: ResultInfo("4.3.2.2", "the MTA-STS policy could not be fetched"),
    ResultType.STS_POLICY_INVALID: ResultInfo("4.3.2.2", "the MTA-STS policy is invalid"),
    ResultType.STS_WEBPKI_INVALID: ResultInfo("4.3.2.2", "the policy host's HTTPS certificate is invalid"),
}
