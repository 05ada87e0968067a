"""What to do about each cause of failure.

Separate because it is a table: one row for each cause that a report can name (RFC 8460 section 4.3).
"""

from __future__ import annotations

from tlswitness.datapoint import Cause

_CERTIFICATE = "Install a certificate for {mx} from a public CA, with the intermediates, and let it renew itself."
_TLS = "Look into the TLS log of {mx}: it should take TLS 1.2 and 1.3 from anybody, without client certificates."
_TXT = 'Publish exactly one TXT record at _mta-sts.{domain}: "v=STSv1; id=20260131;", with 1 to 32 letters and digits.'
_POLICY_HOST = "https://mta-sts.{domain}/.well-known/mta-sts.txt must answer with status 200 and the policy."
_DNS = "See what the zone's name servers answer, and whether its signatures are valid (`delv` tells)."

_ADVICE: dict[Cause, str] = {
    Cause.STARTTLS_NOT_OFFERED: "Switch TLS on at {mx}, for all clients, and see that no firewall rewrites EHLO.",
    Cause.STARTTLS_REFUSED: "See that {mx} can read its certificate and key: it offers STARTTLS and then refuses it.",
    Cause.STARTTLS_NO_REPLY: "See what {mx}, or a firewall before it, does with STARTTLS.",
    Cause.STARTTLS_INJECTION: "Somebody, or a broken proxy, writes into the session: look at the path, update {mx}.",
    Cause.TLS_ALERT: _TLS,
    Cause.TLS_LOCAL: _TLS,
    Cause.TLS_CLOSED: _TLS,
    Cause.TLS_TIMEOUT: _TLS,
    Cause.TLS_AFTER_HANDSHAKE: _TLS,
    Cause.TLS_NO_CERTIFICATE: _CERTIFICATE,
    Cause.TLS_WEAK: "Switch TLS 1.2 and 1.3 on at {mx}, and old protocols and suites off.",
    Cause.DANE_NO_MATCH: "Publish a TLSA record for the new certificate before it is installed, and remove the old one"
    " two TTLs later.",
    Cause.CERT_SELF_SIGNED: _CERTIFICATE,
    Cause.CERT_UNKNOWN_ISSUER: "Let {mx} present its intermediate certificates too; its issuer must be a public CA.",
    Cause.CERT_CHAIN: _CERTIFICATE,
    Cause.CERT_PURPOSE: "The certificate is not made for TLS servers: get one with the purpose serverAuth.",
    Cause.CERT_NOT_YET_VALID: "Install a certificate that is valid already, and look at the clocks.",
    Cause.CERT_ISSUER_NOT_YET_VALID: "Install the right intermediate certificates at {mx}.",
    Cause.CERT_WEAK_KEY: "Get a certificate with an RSA key of 2048 bits or more, or with P-256.",
    Cause.CERT_WEAK_SIGNATURE: "Get a certificate that is signed with SHA-256 or better.",
    Cause.CERT_UNREADABLE: _CERTIFICATE,
    Cause.CERT_HOST_MISMATCH: "Get a certificate whose subjectAltName has {mx}: the common name does not count.",
    Cause.CERT_EXPIRED: "Renew the certificate now, restart the service, and let both happen by themselves.",
    Cause.CERT_ISSUER_EXPIRED: "Install the present intermediate certificates at {mx}.",
    Cause.STS_MX_MISMATCH: "Add `mx: {mx}` to the policy and give the TXT record a new id, or take the MX out of DNS.",
    Cause.TLSA_LOOKUP: _DNS,
    Cause.MX_LOOKUP: _DNS,
    Cause.ADDRESS_LOOKUP: _DNS,
    Cause.DANE_REQUIRED: "Your own `dane_required` asks for DANE, and {mx} has none: drop the rule, or talk to them.",
    Cause.TLSA_ALL_UNUSABLE: "Publish a record `3 1 1` with the SHA-256 digest of the key of {mx}.",
    Cause.STS_CERT: "Install a certificate from a public CA for mta-sts.{domain}: the policy is not used without.",
    Cause.STS_GRAMMAR: "Correct the policy: `version: STSv1`, `mode:`, `max_age:` and one `mx:` for each MX.",
    Cause.STS_TOO_LARGE: "Make the policy smaller than 64 KiB.",
    Cause.STS_MEDIA_TYPE: "Serve the policy with `Content-Type: text/plain`.",
    Cause.STS_HTTP_STATUS: _POLICY_HOST,
    Cause.STS_HTTP_REDIRECT: f"{_POLICY_HOST} No sender follows a redirect.",
    Cause.STS_HTTP: _POLICY_HOST,
    Cause.STS_TLS: "Let mta-sts.{domain} take TLS 1.2 and 1.3.",
    Cause.STS_TIMEOUT: "Let mta-sts.{domain} answer within seconds.",
    Cause.STS_CONNECT: "Let port 443 of mta-sts.{domain} be open to everybody.",
    Cause.STS_HOST_LOOKUP: "Give mta-sts.{domain} an address.",
    Cause.STS_ADDRESS_REFUSED: "Give mta-sts.{domain} a public address.",
    Cause.STS_TXT_LOOKUP: _DNS,
    Cause.STS_TXT_NONE: f"{_TXT} To end MTA-STS, serve a policy of mode none first.",
    Cause.STS_TXT_MULTIPLE: _TXT,
    Cause.STS_TXT_INVALID: _TXT,
}


LOOKUP = _DNS
"""For lookups that fail without being anybody's proven fault."""


def advice(cause: Cause, domain: str, mx: str = "the MX") -> str:
    """One or two sentences."""
    return _ADVICE[cause].format(domain=domain, mx=mx)


def code(cause: Cause) -> str:
    """The finding's word for a cause."""
    return cause.name.lower().replace("_", "-")
