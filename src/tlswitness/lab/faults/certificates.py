"""Certificates of MX hosts and policy hosts, right and wrong."""

from __future__ import annotations

from tlswitness.lab.authority import DAY, Authority, Issued, Purpose
from tlswitness.lab.table import Setup


def mx(authority: Authority, name: str, setup: Setup) -> Issued:
    """The certificate of an MX host. Under DANE-TA the server presents the anchor too (RFC 7671 section 5.2.2)."""
    issued = _mx(authority, name, setup.certificate)
    anchored = "dane-ta" in setup.policies and issued.issuers
    return issued.presenting(intermediates=setup.certificate != "missing-intermediate", root=bool(anchored))


def _mx(authority: Authority, name: str, fault: str) -> Issued:
    match fault:
        case "ok" | "missing-intermediate":
            return authority.issue([name])
        case "expired":
            return _expired(authority, name)
        case "not-yet-valid":
            return authority.issue([name], not_before=DAY)
        case "wrong-purpose":
            return authority.issue([name], purpose=Purpose.CLIENT)
        case "weak-key":
            return authority.issue([name], key="rsa1024")
        case _:
            return _misnamed(authority, name, fault) or _misissued(authority, name, fault)


def _misnamed(authority: Authority, name: str, fault: str) -> Issued | None:
    match fault:
        case "wrong-name":
            return authority.issue([f"not-{name}"])
        case "expired-wrong-name":
            return _expired(authority, f"not-{name}")
        case "cn-only":
            return authority.issue([name], san=False)
        case "wildcard":
            return authority.issue([f"*.{name.partition('.')[2]}"])
        case _:
            return None


def _misissued(authority: Authority, name: str, fault: str) -> Issued:
    match fault:
        case "unknown-issuer":
            return authority.issue([name], issuer=authority.unknown)
        case "self-signed":
            return authority.issue([name], issuer=None)
        case "expired-intermediate":
            return authority.issue([name], issuer=authority.expired_intermediate)
        case _:
            raise ValueError(f"no such certificate: {fault!r}")


def policy_host(authority: Authority, name: str, fault: str) -> Issued:
    """The certificate of a policy host: `cert-...` faults, else a good one."""
    match fault:
        case "cert-expired":
            return _expired(authority, name)
        case "cert-wrong-name":
            return authority.issue([f"not-{name}"])
        case "cert-unknown-issuer":
            return authority.issue([name], issuer=authority.unknown)
        case "cert-self-signed":
            return authority.issue([name], issuer=None)
        case _:
            return authority.issue([name])


def _expired(authority: Authority, name: str) -> Issued:
    return authority.issue([name], not_before=-60 * DAY, not_after=-DAY)
