"""Data points as they are to be, member by member; only the epoch is left out."""

from __future__ import annotations

from dataclasses import dataclass

from tests.real.support import zones


@dataclass(frozen=True)
class Peer:
    """A server as a session sees it."""

    address: str
    helo: str
    source: str
    """Where connections to it come from."""


POSTFIX = Peer(zones.POSTFIX, "postfix.example", "127.0.0.1")
POSTFIX_6 = Peer(zones.POSTFIX_6, "postfix.example", zones.POSTFIX_6)
POSTFIX_CLEAR = Peer(zones.POSTFIX_CLEAR, "postfix.example", "127.0.0.1")
POSTFIX_OLD = Peer(zones.POSTFIX_OLD, "postfix.example", "127.0.0.1")
POSTFIX_ANONYMOUS = Peer(zones.POSTFIX_ANONYMOUS, "postfix.example", "127.0.0.1")
POSTFIX_CHOOSES = Peer(zones.POSTFIX_CHOOSES, "postfix.example", "127.0.0.1")
POSTFIX_HASTY = Peer(zones.POSTFIX_HASTY, "postfix.example", "127.0.0.1")
POSTFIX_STEPWISE = Peer(zones.POSTFIX_STEPWISE, "postfix.example", "127.0.0.1")
EXIM_UNREADY = Peer(zones.EXIM_UNREADY, "exim.example", "127.0.0.1")
EXIM = Peer(zones.EXIM, "exim.example", "127.0.0.1")
EXIM_6 = Peer(zones.EXIM_6, "exim.example", zones.EXIM_6)

NO_STARTTLS = ("starttls-not-supported", "4.7.4 [internal] STARTTLS is not offered")
REFUSED = ("starttls-not-supported", "4.7.4 [internal] STARTTLS was refused with 454")
TOO_OLD = ("validation-failure", "4.7.5 [internal] TLS alert protocol version")
NO_SUITE = ("validation-failure", "4.7.5 [internal] TLS alert handshake failure")
EXPIRED = ("certificate-expired", "4.7.5 [internal] SSL certificate has expired")
HOST_MISMATCH = ("certificate-host-mismatch", "4.7.5 [internal] SSL certificate subject does not match host")
NO_MATCH = ("validation-failure", "4.7.5 [internal] no TLSA record matches the certificate")
MX_MISMATCH = ("validation-failure", "4.7.5 [internal] MX host is not in the MTA-STS policy")


def none(domain: str) -> dict:
    return {"policy-type": "no-policy-found", "policy-domain": domain}


def tlsa(base: str, *records: str) -> dict:
    policy: dict = {"policy-type": "tlsa", "policy-domain": base}
    return policy | ({"policy-string": list(records)} if records else {})


def sts(domain: str, mx: str | None = None, mode: str = "enforce", lines: tuple[str, ...] = ()) -> dict:
    """`mx` is that of the policy that applies; without one there is none, but the `lines` of an invalid one may be."""
    policy: dict = {"policy-type": "sts", "policy-domain": domain}
    if mx is not None:
        strings = ["version: STSv1", f"mode: {mode}", f"mx: {mx}", "max_age: 86400"]
        return policy | {"policy-string": strings, "mx-host": [mx]}
    return policy | ({"policy-string": list(lines)} if lines else {})


def session(
    policy: dict, mx: str, peer: Peer, failure: tuple[str, str] | None = None, recipient: str | None = None
) -> dict:
    """The point of a session; `recipient` is the recipient domain, which those under tlsa name."""
    return (
        {"type": 0 if failure else 1, "policy": policy}
        | _failure(failure)
        | {
            "sending-mta-ip": peer.source,
            "receiving-mx-hostname": mx,
            "receiving-ip": peer.address,
            "receiving-mx-helo": peer.helo,
        }
        | ({"recipient-domain": recipient} if recipient else {})
    )


def before(policy: dict, failure: tuple[str, str], mx: str | None = None, recipient: str | None = None) -> dict:
    """The point of a failure before any session."""
    return (
        {"type": 0, "policy": policy}
        | _failure(failure)
        | ({"receiving-mx-hostname": mx} if mx else {})
        | ({"recipient-domain": recipient} if recipient else {})
    )


def _failure(failure: tuple[str, str] | None) -> dict:
    return {"result-type": failure[0], "failure-reason-code": failure[1]} if failure else {}
