"""The DNS of the real servers: a root of our own, signed by BIND's tools, and below it what each test needs.

`signed.example` has an unbroken chain of trust and denies by NSEC3; `bogus.example` has one too, but signatures in it
were spoilt; `unsigned.example` is delegated without DS.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import dns.zone

NAMED = "127.0.0.2"
FORGER = 54
"""The port, at NAMED, of somebody on the way to the name servers of signed.example: unsigned data of his own."""
POSTFIX, POSTFIX_6 = "127.0.1.1", "fd00::25:1"
EXIM, EXIM_6 = "127.0.1.2", "fd00::25:2"
POSTFIX_CLEAR = "127.0.1.3"
"""Postfix without STARTTLS."""
POSTFIX_OLD = "127.0.1.4"
"""Postfix with TLS 1.0 and nothing newer."""
POSTFIX_CHOOSES = "127.0.1.9"
"""Postfix with TLS 1.2, a certificate, and its own order of cipher suites, in which those without one come first."""
POSTFIX_HASTY = "127.0.1.10"
"""Postfix that waits a second for the next command, then says 421 and closes."""
POSTFIX_STEPWISE = "127.0.1.11"
"""Postfix without PIPELINING and SIZE."""
POSTFIX_CLOSED = "127.0.1.6"
"""Postfix that turns everyone away in its greeting."""
POSTFIX_ANONYMOUS = "127.0.1.8"
"""Postfix that has no certificate and does TLS all the same."""
EXIM_UNREADY = "127.0.1.7"
"""Exim that offers STARTTLS and then finds that it has no certificate."""
NGINX, NGINX_6 = "127.0.1.5", "fd00::443:1"

MANY = 60
"""TLSA records in one RRset: more than one UDP datagram carries."""
STS = {
    "sts-good": "plain",
    "sts-second": "plain",
    "sts-gzip": "plain",
    "sts-cert": "plain",
    "sts-expired": "plain",
    "sts-redirect": "plain",
    "sts-404": "plain",
    "sts-html": "plain",
    "sts-broken": "plain",
    "sts-alert": "plain",
    "sts-name": "unnamed",
    "sts-testing": "unnamed",
    "sts-mx": "plain",
    "sts-clear": "clear",
    "sts-old": "old",
    "sts-anonymous": "anonymous",
    "sts-chooses": "chooses",
    "sts-unready": "unready",
    "sts-six": "plain",
}
"""Domains below unsigned.example with an MTA-STS record, and the MX of each."""


@dataclass(frozen=True)
class Tlsa:
    """TLSA records as text."""

    postfix_key: str
    """3 1 1"""
    exim_ca: str
    """2 0 1"""
    expired: str
    """3 1 1 of a certificate that Exim presents to those who ask for it by SNI."""
    wrong: str
    """3 1 1 of a key that nobody has."""


def write_zones(directory: Path, tlsa: Tlsa) -> tuple[dict[str, Path], Path]:
    """The files for named by zone, and the trust anchor of the root."""
    files = {
        "signed.example": _sign(directory, "signed.example", _signed(tlsa), "-3", "AABBCCDD"),
        "bogus.example": _sign(directory, "bogus.example", _bogus(tlsa), "-3", "-"),
        "unsigned.example": _write(directory, "unsigned.example", _unsigned(tlsa)),
    }
    _spoil(
        files["bogus.example"],
        "bogus.example",
        [("_25._tcp.spoilt", "TLSA"), ("mx", "MX"), ("address", "A"), ("address", "AAAA")],
    )
    below = [f"{zone} NS ns.example." for zone in ("signed", "bogus", "unsigned")]
    example = [*below, f"ns A {NAMED}", *_delegations(directory, "signed.example", "bogus.example")]
    files["example"] = _sign(directory, "example", example, "-3", "-", "-A")
    root = ["example. NS ns.example.", f"ns.example. A {NAMED}", *_delegations(directory, "example")]
    files["."] = _sign(directory, ".", root)
    (anchor,) = directory.glob("K.+*.key")
    return files, anchor


def write_forgery(directory: Path) -> Path:
    """What the forger says of signed.example: mail for `ee` and `ee2` goes to where nobody does STARTTLS."""
    place = directory / "forger"
    place.mkdir()
    lines = [
        *_mx(ee="postfix", ee2="clear"),
        *_host("postfix", POSTFIX_CLEAR),
        *_host("clear", POSTFIX_CLEAR),
    ]
    return _write(place, "signed.example", lines)


def _signed(tlsa: Tlsa) -> list[str]:
    return [
        *_mx(ee="postfix", ee2="postfix", ta="exim", ta2="exim", taname="unnamed", wrong="wrong", denied="denied"),
        *_mx(nodata="nodata", alias="mxalias", bare="mxbare", inner="mxinner", six="six"),
        "far MX 10 plain.unsigned.example.",
        "nowhere MX 0 .",
        *_mx(old="expired", both="expired", many="many"),
        *_host("expired", EXIM),
        f"_25._tcp.expired TLSA {tlsa.expired}",
        *_sts("both", NGINX),
        *_host("many", POSTFIX),
        f"_25._tcp.many TLSA {tlsa.postfix_key}",
        *(f"_25._tcp.many TLSA {tlsa.wrong[:-2]}{number:02x}" for number in range(MANY - 1)),
        "xn--bcher-kva MX 10 postfix",
        *_host("postfix", POSTFIX),
        f"_25._tcp.postfix TLSA {tlsa.postfix_key}",
        *_host("exim", EXIM),
        f"_25._tcp.exim TLSA {tlsa.exim_ca}",
        *_host("unnamed", EXIM),
        f"_25._tcp.unnamed TLSA {tlsa.exim_ca}",
        *_host("wrong", POSTFIX),
        f"_25._tcp.wrong TLSA {tlsa.wrong}",
        *_host("denied", POSTFIX),
        *_host("nodata", POSTFIX),
        '_25._tcp.nodata TXT "no TLSA here"',
        "mxalias CNAME plain.unsigned.example.",
        f"_25._tcp.mxalias TLSA {tlsa.postfix_key}",
        "mxbare CNAME plain.unsigned.example.",
        "mxinner CNAME postfix",
        f"_25._tcp.mxinner TLSA {tlsa.wrong}",
        "short CNAME ee",
        "shorter CNAME open.unsigned.example.",
        *_host("bare-host", POSTFIX),
        f"_25._tcp.bare-host TLSA {tlsa.postfix_key}",
        *_host("six", POSTFIX_6),
        f"_25._tcp.six TLSA {tlsa.postfix_key}",
    ]


def _bogus(tlsa: Tlsa) -> list[str]:
    return [
        *_mx(tlsa="spoilt", mx="fine", fine="fine", address="address"),
        "next MX 10 spoilt",
        "next MX 20 postfix.signed.example.",
        *_host("spoilt", POSTFIX),
        f"_25._tcp.spoilt TLSA {tlsa.postfix_key}",
        *_host("fine", POSTFIX),
        f"_25._tcp.fine TLSA {tlsa.postfix_key}",
        *_host("address", POSTFIX),
        *_host("address", POSTFIX_6),
    ]


def _unsigned(tlsa: Tlsa) -> list[str]:
    lines = [
        *_mx(open="plain", open2="plain", exim="exim", exim2="exim", clear="clear", six="six"),
        *_host("plain", POSTFIX),
        f"_25._tcp.plain TLSA {tlsa.wrong}",
        *_host("unnamed", POSTFIX),
        *_host("exim", EXIM),
        *_host("clear", POSTFIX_CLEAR),
        *_host("six", EXIM_6),
        *_mx(hasty="hasty", stepwise="stepwise"),
        *_host("hasty", POSTFIX_HASTY),
        *_host("stepwise", POSTFIX_STEPWISE),
        *_mx(old="old", anonymous="anonymous", unready="unready", turned="closed"),
        "turned MX 20 plain",
        *_host("old", POSTFIX_OLD),
        *_host("chooses", POSTFIX_CHOOSES),
        *_host("closed", POSTFIX_CLOSED),
        *_host("anonymous", POSTFIX_ANONYMOUS),
        *_host("unready", EXIM_UNREADY),
    ]
    for domain, host in STS.items():
        lines += [f"{domain} MX 10 {host}", *_sts(domain, NGINX_6 if domain == "sts-six" else NGINX)]
    return lines


def _mx(**hosts: str) -> list[str]:
    return [f"{domain} MX 10 {host}" for domain, host in hosts.items()]


def _host(name: str, address: str) -> list[str]:
    return [f"{name} {'AAAA' if ':' in address else 'A'} {address}"]


def _sts(domain: str, address: str) -> list[str]:
    record = f'_mta-sts.{domain} TXT "v=STSv1; id={domain.replace("-", "")}1;"'
    return [record, *_host(f"mta-sts.{domain}", address)]


def _delegations(directory: Path, *zones: str) -> list[str]:
    """The DS records that signing left behind."""
    return [line for zone in zones for line in (directory / f"dsset-{zone}.").read_text().splitlines() if line]


def _write(directory: Path, zone: str, lines: Iterable[str]) -> Path:
    head = (f"$ORIGIN {zone.rstrip('.')}.", "$TTL 300", "@ SOA ns.example. admin.example. 1 3600 900 86400 300")
    path = directory / f"{zone.strip('.') or 'root'}.zone"
    path.write_text("\n".join([*head, "@ NS ns.example.", *lines]) + "\n")
    return path


def _sign(directory: Path, zone: str, lines: Sequence[str], *denial: str) -> Path:
    """Signed with one key; with NSEC, or by `denial` with NSEC3."""
    path = _write(directory, zone, lines)
    _run(directory, "dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "-n", "ZONE", zone)
    _run(directory, "dnssec-signzone", "-q", "-S", "-z", *denial, "-o", zone, "-f", f"{path}.signed", str(path))
    signed = Path(f"{path}.signed")
    if (" NSEC3PARAM " in " ".join(signed.read_text().split())) != bool(denial):
        raise RuntimeError(f"{signed} does not deny as it should")
    return signed


def _spoil(path: Path, origin: str, owners: Iterable[tuple[str, str]]) -> None:
    """Turn over one bit in the signatures of these names and types."""
    zone = dns.zone.from_file(str(path), origin=f"{origin}.", relativize=False)
    for name, rtype in owners:
        signatures = zone.find_rdataset(f"{name}.{origin}.", "RRSIG", covers=rtype)
        (good,) = signatures
        signatures.clear()
        signatures.add(good.replace(signature=good.signature[:-1] + bytes([good.signature[-1] ^ 1])), ttl=300)
    zone.to_file(str(path), relativize=False)


def _run(directory: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
