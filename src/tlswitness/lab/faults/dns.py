"""DNS of an MX, its addresses and its TLSA records, with faults (RFC 7672 sections 2.1 and 2.2)."""

from __future__ import annotations

from collections.abc import Callable

from tlswitness.dns.answer import RecordType
from tlswitness.lab.zone import (
    BOGUS,
    NODATA,
    NXDOMAIN,
    Failing,
    Key,
    Malformed,
    Missing,
    Reply,
    Silent,
    Zone,
    insecure,
)

ALIASED = "real"
"""The host of the domain that an MX is an alias of, where it is one."""

TLSA_REPLIES: dict[str, Reply] = {
    "tlsa-denied": NXDOMAIN,
    "tlsa-denied-insecurely": Missing(secure=False),
    "tlsa-bogus": BOGUS,
    "tlsa-servfail": Failing(),
    "tlsa-notimp": Failing("NOTIMP"),
    "tlsa-malformed": Malformed(),
    "tlsa-timeout": Silent(),
}


def spoil(zone: Zone, domain: str, mx: str, address: str, fault: str) -> None:
    """Change what is published for `domain` and its MX host `mx`."""
    if fault in TLSA_REPLIES:
        zone.set(_tlsa(mx), RecordType.TLSA, TLSA_REPLIES[fault])
        return
    match fault:
        case "ok" | "ipv6":
            pass
        case "mx-insecure":
            zone.change(_exactly(domain, RecordType.MX), insecure)
        case "mx-bogus":
            zone.set(domain, RecordType.MX, BOGUS)
        case "mx-servfail":
            zone.set(domain, RecordType.MX, Failing())
        case "null-mx":
            zone.mx(domain, (0, ""))
        case "nxdomain":
            zone.remove(domain)
            zone.set(domain, None, NXDOMAIN)
        case "implicit-mx":
            zone.set(domain, RecordType.MX, NODATA)
        case "bad-mx-name":
            zone.mx(domain, (5, f"-.{domain}"), (10, mx))
        case "unsigned":
            zone.change(lambda key: key[0] == domain or key[0].endswith(f".{domain}"), insecure)
        case _:
            _spoil_host(zone, domain, mx, address, fault)


def _spoil_host(zone: Zone, domain: str, mx: str, address: str, fault: str) -> None:
    match fault:
        case "address-insecure":
            zone.address(mx, address, secure=False)
        case "address-insecure-tlsa-servfail":
            zone.address(mx, address, secure=False)
            zone.set(_tlsa(mx), RecordType.TLSA, Failing())
        case "address-bogus" | "address-servfail":
            failing = BOGUS if fault == "address-bogus" else Failing()
            zone.set(mx, RecordType.A, failing)
            zone.set(mx, RecordType.AAAA, failing)
        case "aaaa-servfail":
            zone.set(mx, RecordType.AAAA, Failing())
        case "tlsa-insecure":
            zone.change(_exactly(_tlsa(mx), RecordType.TLSA), insecure)
        case "mx-alias" | "mx-alias-insecure":
            _alias(zone, domain, mx, address, secure=fault == "mx-alias")
        case _:
            raise ValueError(f"no such DNS fault: {fault!r}")


def _alias(zone: Zone, domain: str, mx: str, address: str, *, secure: bool) -> None:
    """The MX host becomes an alias; its TLSA records go to the target where that is secure."""
    target = f"{ALIASED}.{domain}"
    records = zone.find(_tlsa(mx), RecordType.TLSA)
    zone.remove(mx)
    zone.alias(mx, target)
    zone.address(target, address, secure=secure)
    if secure:
        zone.remove(_tlsa(mx))
        zone.set(_tlsa(target), RecordType.TLSA, records)


def _exactly(name: str, rtype: RecordType) -> Callable[[Key], bool]:
    return lambda key: key == (name, rtype)


def _tlsa(host: str) -> str:
    return f"_25._tcp.{host}"
