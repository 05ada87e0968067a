"""Certificates of MX hosts and policy hosts, right and wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tlswitness.lab.authority import DAY, Authority, Digest, Issued, KeyKind, Purpose, Signer
from tlswitness.lab.table import Setup

MANY_NAMES = 1_000
LONG = 60
"""Certificates of a chain."""


def mx(authority: Authority, name: str, setup: Setup) -> Issued:
    """The certificate of an MX host. Under DANE-TA the server presents the anchor too (RFC 7671 section 5.2.2)."""
    issued = _mx(authority, name, setup.certificate)
    anchored = "dane-ta" in setup.policies and issued.issuers
    issued = issued.presenting(intermediates=setup.certificate != "missing-intermediate", root=bool(anchored))
    return _stuffed(authority, issued) if setup.certificate == "stuffed-chain" else issued


def _mx(authority: Authority, name: str, fault: str) -> Issued:
    match fault:
        case "ok" | "missing-intermediate" | "stuffed-chain":
            return authority.issue([name])
        case "expired":
            return _expired(authority, name)
        case "not-yet-valid":
            return authority.issue([name], not_before=DAY)
        case "wrong-purpose":
            return authority.issue([name], purpose=Purpose.CLIENT)
        case "weak-key":
            return authority.issue([name], key=KeyKind.RSA1024)
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
        case "many-names":
            return authority.issue([*(f"host{number}.{name}" for number in range(MANY_NAMES)), name])
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
        case "long-chain":
            return authority.issue([name], issuer=_deep(authority))
        case "weak-signature":
            return authority.issue([name], issuer=authority.signer("Lab RSA", key=KeyKind.RSA2048), digest=Digest.SHA1)
        case _:
            return authority.issue([name], issuer=_bad_issuer(authority, fault))


def _stuffed(authority: Authority, good: Issued) -> Issued:
    """The good chain, and behind it certificates that have nothing to do with it."""
    others = [authority.signer(f"Lab Other {number}").der for number in range(LONG - len(good.presented))]
    return replace(good, presented=(*good.presented, *others))


def _deep(authority: Authority) -> Signer:
    """The last of many issuers, each below the one before."""
    signer = authority.root
    for number in range(LONG - 1):
        signer = authority.signer(f"Lab Depth {number}", parent=signer)
    return signer


def _bad_issuer(authority: Authority, fault: str) -> Signer:
    match fault:
        case "expired-intermediate":
            return authority.expired_intermediate
        case "issuer-no-ca":
            return authority.signer("Lab No CA", ca=False)
        case "path-length":
            return authority.signer("Lab Too Deep", parent=authority.signer("Lab Last", path_length=0))
        case "name-constraints":
            return authority.signer("Lab Elsewhere", permitted=["elsewhere.test"])
        case _:
            raise ValueError(f"no such certificate: {fault!r}")


def policy_host(authority: Authority, name: str, fault: str) -> Issued:
    """The certificate of a policy host: good, unless the fault is one of POLICY_HOST_FAULTS."""
    make = POLICY_HOST_FAULTS.get(fault)
    return make(authority, name) if make else authority.issue([name])


def _expired(authority: Authority, name: str) -> Issued:
    return authority.issue([name], not_before=-60 * DAY, not_after=-DAY)


POLICY_HOST_FAULTS: Mapping[str, Callable[[Authority, str], Issued]] = {
    "cert-expired": _expired,
    "cert-wrong-name": lambda authority, name: authority.issue([f"not-{name}"]),
    "cert-unknown-issuer": lambda authority, name: authority.issue([name], issuer=authority.unknown),
    "cert-self-signed": lambda authority, name: authority.issue([name], issuer=None),
}
