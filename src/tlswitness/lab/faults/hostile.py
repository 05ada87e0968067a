"""What domains publish that mean harm: circles, crowds, floods, answers to what was not asked.

Separate from the faults of honest domains (`dns`, `policies`), which are mistakes: nobody makes these by mistake. Each
costs a client that has no limits its time or its memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from tlswitness.dns.answer import MxRecord, RecordType, TlsaRecord
from tlswitness.lab.policyhost import Flood, Serve, redirect
from tlswitness.lab.zone import HungUp, NeverWhole, Records, Reply, Stuffed, WrongId, WrongName, WrongQuestion, Zone
from tlswitness.policy.sts.exchange import PATH

CHAIN = 40
"""Aliases of a long chain."""
CROWD = 200
"""MX records of a domain that has too many."""
STUFFING = 1_100
"""Records beside the good ones: about what fits into 64 KiB."""
MANY_PATTERNS = 5_000
"""`mx` lines of a policy, in not quite 64 KiB."""
HUGE_TXT = 60_000
"""Octets."""
NO_HOSTS = (
    "has space.{domain}",
    "-dash.{domain}",
    "192.0.2.1",
    "[192.0.2.1]",
    "gr\u00fc\u00dfe.{domain}",
    "a\x00b.{domain}",
    "*.{domain}",
    ".".join(["x" * 60] * 4),
)
"""What MX records name that is no host; the last one is, but too long a one to have TLSA records, or to exist."""

_OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
FLOODS: Mapping[str, Flood] = {
    "header-flood": Flood(_OK, b"X-More: and more\r\n" * 1000),
    "header-line": Flood(_OK + b"X-More: ", b"x" * 16_384),
    "interim-flood": Flood(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 500),
    "endless-body": Flood(_OK + b"Connection: close\r\n\r\nversion: STSv1\r\nx-more: ", b"x" * 16_384),
    "endless-chunks": Flood(_CHUNKED, b"1\r\nx\r\n" * 2000),
    "chunk-header": Flood(_CHUNKED + b"1;x=", b"x" * 16_384),
    "drip-headers": Flood(_OK + b"X-More: ", b"x", pause=0.2),
}
"""Responses without end, of a policy host."""

_MX_REPLIES: Mapping[str, Reply] = {
    "mx-wrong-id": WrongId(),
    "mx-wrong-question": WrongQuestion(),
    "mx-wrong-name": WrongName((MxRecord(10, "mx.elsewhere.test"),)),
    "mx-never-whole": NeverWhole(),
    "mx-hung-up": HungUp(),
}
_TLSA_REPLIES: Mapping[str, Reply] = {
    "tlsa-wrong-id": WrongId(),
    "tlsa-wrong-question": WrongQuestion(),
    "tlsa-wrong-name": WrongName((TlsaRecord(3, 1, 1, bytes(32)),)),
    "tlsa-never-whole": NeverWhole(),
    "tlsa-hung-up": HungUp(),
}


BODIES: Mapping[str, Callable[[bytes], bytes]] = {
    "many-mx": lambda good: good + b"".join(b"mx: %d.x\n" % number for number in range(MANY_PATTERNS)),
    "slow-mx": lambda good: good + b"mx: " + b"a-" * 30_000 + b"\r\n",
}
"""Policies made of a good one."""


def spoil(zone: Zone, domain: str, mx: str, address: str, fault: str) -> bool:
    """Change what is published for `domain` and its MX host `mx`; False where the fault is none of these."""
    tlsa = f"_25._tcp.{mx}"
    if fault in _MX_REPLIES:
        zone.set(domain, RecordType.MX, _MX_REPLIES[fault])
        return True
    if fault in _TLSA_REPLIES:
        zone.set(tlsa, RecordType.TLSA, _TLSA_REPLIES[fault])
        return True
    match fault:
        case "mx-loop" | "address-loop" | "tlsa-loop":
            _circle(zone, {"mx-loop": domain, "address-loop": mx, "tlsa-loop": tlsa}[fault], domain)
        case "mx-chain" | "address-chain" | "tlsa-chain":
            _chain(zone, {"mx-chain": domain, "address-chain": mx, "tlsa-chain": tlsa}[fault], domain)
        case "mx-stuffed":
            zone.set(domain, RecordType.MX, Stuffed((MxRecord(10, mx),), signatures=STUFFING))
        case "mx-additional":
            zone.set(domain, RecordType.MX, Stuffed((MxRecord(10, mx),), additional=STUFFING))
        case _:
            return _crowd(zone, domain, mx, address, fault)
    return True


def publish_txt(zone: Zone, domain: str, record_id: str, fault: str) -> bool:
    """The `_mta-sts` record of `domain`; False where the fault is none of these."""
    name, good = f"_mta-sts.{domain}", f"v=STSv1; id={record_id};"
    match fault:
        case "loop":
            _circle(zone, name, domain)
        case "chain":
            zone.txt(name, good)
            _chain(zone, name, domain)
        case "huge":
            zone.txt(name, f"{good} x={'y' * HUGE_TXT};")
        case _:
            return False
    return True


def policy_host(host: str, fault: str) -> Flood | Serve | None:
    """What the policy host `host` does; None where the fault is none of these."""
    if fault == "redirect-loop":
        return redirect(302, f"https://{host}{PATH}")
    return FLOODS.get(fault)


def _crowd(zone: Zone, domain: str, mx: str, address: str, fault: str) -> bool:
    """More MXs than anybody needs, or such as are none."""
    match fault:
        case "mx-crowd":
            names = [f"mx{number}.{domain}" for number in range(CROWD)]
            zone.mx(domain, *((10, name) for name in names))
            for name in names:
                zone.address(name, address)
        case "no-hosts":
            zone.mx(domain, *_no_hosts(domain), (10, mx))
        case "no-hosts-alone":
            zone.mx(domain, *_no_hosts(domain))
        case _:
            return False
    return True


def _no_hosts(domain: str) -> list[tuple[int, str]]:
    return [(5, name.format(domain=domain)) for name in NO_HOSTS]


def _circle(zone: Zone, name: str, domain: str) -> None:
    """The name becomes an alias of an alias of itself."""
    zone.remove(name)
    zone.alias(name, f"_circle.{domain}")
    zone.alias(f"_circle.{domain}", name)


def _chain(zone: Zone, name: str, domain: str) -> None:
    """The name becomes the first of a long chain of aliases, at whose end stands what it had."""
    links = [name, *(f"_link{number}.{domain}" for number in range(CHAIN))]
    for rtype in (RecordType.A, RecordType.MX, RecordType.TLSA, RecordType.TXT):
        if isinstance(reply := zone.find(name, rtype), Records):
            zone.set(links[-1], rtype, reply)
    zone.remove(name)
    for link, target in pairwise(links):
        zone.alias(link, target)
