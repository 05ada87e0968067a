"""Causes of failure: what each is called, which result type it has, how grave it is, and its reason text.

Separate because delivery and policy only *name* a cause; what the report will call it is decided here, once
(RFC 8460 section 4.3; failure-reason-code: section 4.4). A reason is `<enhanced status code> [internal] <words>`,
the shape of the seed's `4.7.5 [internal] SSL certificate subject does not match host`. It holds nothing that differs
from session to session, or equal outcomes would not be counted together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, unique

from tlswitness.datapoint.results import ResultType as R

MAX_CODE = 64
"""Octets of the variable part of a reason: a peer chooses some of them."""

MAX_RAW_CODE = 1024
"""Characters of a code that are looked at: nobody makes us scan a longer one."""

_UNSAFE = re.compile(r"[^A-Za-z0-9 ._:/-]+")


@dataclass(frozen=True, slots=True)
class CauseInfo:
    """One row of the table below; `{}` in `words` is where the failure's code goes."""

    result_type: R
    words: str
    status: str = "4.7.5"


@unique  # two rows that are equal would silently become one
class Cause(Enum):
    """In order of severity: with several failures in one session, the first in this list names the data point."""

    # No TLS came up.
    STARTTLS_NOT_OFFERED = CauseInfo(R.STARTTLS_NOT_SUPPORTED, "STARTTLS is not offered", "4.7.4")
    STARTTLS_REFUSED = CauseInfo(R.STARTTLS_NOT_SUPPORTED, "STARTTLS was refused with {}", "4.7.4")
    STARTTLS_NO_REPLY = CauseInfo(R.STARTTLS_NOT_SUPPORTED, "no reply to STARTTLS: {}", "4.7.4")
    STARTTLS_INJECTION = CauseInfo(R.VALIDATION_FAILURE, "clear text followed the reply to STARTTLS")
    TLS_ALERT = CauseInfo(R.VALIDATION_FAILURE, "TLS alert {}")
    TLS_LOCAL = CauseInfo(R.VALIDATION_FAILURE, "TLS handshake failed: {}")
    TLS_CLOSED = CauseInfo(R.VALIDATION_FAILURE, "connection closed during TLS handshake")
    TLS_TIMEOUT = CauseInfo(R.VALIDATION_FAILURE, "timeout during TLS handshake")
    TLS_AFTER_HANDSHAKE = CauseInfo(R.VALIDATION_FAILURE, "TLS broke after the handshake: {}")
    TLS_NO_CERTIFICATE = CauseInfo(R.VALIDATION_FAILURE, "no certificate was presented")
    TLS_WEAK = CauseInfo(R.VALIDATION_FAILURE, "TLS too weak: {}")
    # The certificate under DANE.
    DANE_NO_MATCH = CauseInfo(R.VALIDATION_FAILURE, "no TLSA record matches the certificate")
    # The certificate's chain.
    CERT_SELF_SIGNED = CauseInfo(R.CERTIFICATE_NOT_TRUSTED, "SSL certificate is self-signed")
    CERT_UNKNOWN_ISSUER = CauseInfo(R.CERTIFICATE_NOT_TRUSTED, "SSL certificate issuer is unknown")
    CERT_CHAIN = CauseInfo(R.CERTIFICATE_NOT_TRUSTED, "SSL certificate chain is invalid: {}")
    CERT_PURPOSE = CauseInfo(R.CERTIFICATE_NOT_TRUSTED, "SSL certificate is not for servers")
    CERT_NOT_YET_VALID = CauseInfo(R.CERTIFICATE_NOT_TRUSTED, "SSL certificate is not yet valid")
    CERT_ISSUER_NOT_YET_VALID = CauseInfo(
        R.CERTIFICATE_NOT_TRUSTED, "SSL certificate issuer at depth {} is not yet valid"
    )
    CERT_WEAK_KEY = CauseInfo(R.CERTIFICATE_NOT_TRUSTED, "SSL certificate key is too weak: {}")
    CERT_WEAK_SIGNATURE = CauseInfo(R.CERTIFICATE_NOT_TRUSTED, "SSL certificate signature is too weak: {}")
    CERT_UNREADABLE = CauseInfo(R.CERTIFICATE_NOT_TRUSTED, "SSL certificate cannot be read")
    CERT_HOST_MISMATCH = CauseInfo(R.CERTIFICATE_HOST_MISMATCH, "SSL certificate subject does not match host")
    CERT_EXPIRED = CauseInfo(R.CERTIFICATE_EXPIRED, "SSL certificate has expired")
    CERT_ISSUER_EXPIRED = CauseInfo(R.CERTIFICATE_EXPIRED, "SSL certificate issuer at depth {} has expired")
    # A policy at one MX host.
    STS_MX_MISMATCH = CauseInfo(R.VALIDATION_FAILURE, "MX host is not in the MTA-STS policy")
    TLSA_LOOKUP = CauseInfo(R.DNSSEC_INVALID, "TLSA lookup failed: {}")
    MX_LOOKUP = CauseInfo(R.DNSSEC_INVALID, "MX lookup failed: {}")
    ADDRESS_LOOKUP = CauseInfo(R.DNSSEC_INVALID, "address lookup failed: {}")
    DANE_REQUIRED = CauseInfo(R.DANE_REQUIRED, "DANE is required here: {}")
    TLSA_ALL_UNUSABLE = CauseInfo(R.TLSA_INVALID, "no TLSA record is usable")
    # The MTA-STS policy of a domain.
    STS_CERT = CauseInfo(R.STS_WEBPKI_INVALID, "policy host certificate is invalid: {}")
    STS_GRAMMAR = CauseInfo(R.STS_POLICY_INVALID, "policy is invalid: {}")
    STS_TOO_LARGE = CauseInfo(R.STS_POLICY_INVALID, "policy is too large")
    STS_MEDIA_TYPE = CauseInfo(R.STS_POLICY_INVALID, "policy is not text/plain")
    STS_HTTP_STATUS = CauseInfo(R.STS_POLICY_FETCH_ERROR, "policy host answered with HTTP status {}")
    STS_HTTP_REDIRECT = CauseInfo(R.STS_POLICY_FETCH_ERROR, "policy host redirects with HTTP status {}")
    STS_HTTP = CauseInfo(R.STS_POLICY_FETCH_ERROR, "policy host answered with broken HTTP: {}")
    STS_TLS = CauseInfo(R.STS_POLICY_FETCH_ERROR, "TLS with the policy host failed: {}")
    STS_TIMEOUT = CauseInfo(R.STS_POLICY_FETCH_ERROR, "policy host timed out")
    STS_CONNECT = CauseInfo(R.STS_POLICY_FETCH_ERROR, "policy host cannot be reached: {}")
    STS_HOST_LOOKUP = CauseInfo(R.STS_POLICY_FETCH_ERROR, "policy host lookup failed: {}")
    STS_ADDRESS_REFUSED = CauseInfo(R.STS_POLICY_FETCH_ERROR, "policy host has no public address")
    STS_TXT_LOOKUP = CauseInfo(R.STS_POLICY_FETCH_ERROR, "MTA-STS TXT lookup failed: {}")
    STS_TXT_NONE = CauseInfo(R.STS_POLICY_FETCH_ERROR, "there is no MTA-STS TXT record")
    STS_TXT_MULTIPLE = CauseInfo(R.STS_POLICY_FETCH_ERROR, "there is more than one MTA-STS TXT record")
    STS_TXT_INVALID = CauseInfo(R.STS_POLICY_FETCH_ERROR, "MTA-STS TXT record is invalid: {}")

    @property
    def info(self) -> CauseInfo:
        return self.value


_SEVERITY = {cause: rank for rank, cause in enumerate(Cause)}


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that was wrong, as delivery or policy named it."""

    cause: Cause
    code: str = ""
    """The variable part: a stable token such as `404`, `454 4.7.0`, `handshake failure`, `SERVFAIL EDE 6`. Never
    anything that differs from session to session, never a peer's free text."""

    @property
    def result_type(self) -> R:
        return self.cause.info.result_type

    @property
    def words(self) -> str:
        """What is wrong, without status code: for people."""
        return self.cause.info.words.replace("{}", safe_code(self.code))

    @property
    def reason(self) -> str:
        """The `failure-reason-code`."""
        return f"{self.cause.info.status} [internal] {self.words}"


def safe_code(code: str) -> str:
    """`code` cut to what may stand in a reason: bounded, printable ASCII, no mail address."""
    # A server's reply may quote the recipient or the sender (RFC 8460 section 8).
    words = " ".join(word for word in code[:MAX_RAW_CODE].split() if "@" not in word)
    return " ".join(_UNSAFE.sub(" ", words).split())[:MAX_CODE].strip() or "unknown"


def by_severity(failures: tuple[Failure, ...]) -> tuple[Failure, ...]:
    """Each failure once, gravest first; equal causes by their reason, so that the order never depends on luck.

    Failures that read the same are the same, whatever their codes held.
    """
    distinct = {failure.reason: failure for failure in sorted(failures, key=lambda f: (_SEVERITY[f.cause], f.code))}
    return tuple(sorted(distinct.values(), key=lambda f: (_SEVERITY[f.cause], f.reason)))
