"""MTA-STS publication, right and wrong: the TXT record, the policy host, the body."""

from __future__ import annotations

from tlswitness.dns.answer import RecordType
from tlswitness.lab.faults import hostile
from tlswitness.lab.faults.certificates import POLICY_HOST_FAULTS
from tlswitness.lab.policyhost import (
    Alert,
    Behaviour,
    Close,
    Reset,
    Serve,
    Silent,
    Speak,
    gzipped,
    policy_text,
    redirect,
)
from tlswitness.lab.table import Cell, Setup
from tlswitness.lab.zone import BOGUS, NODATA, NXDOMAIN, Failing, Zone
from tlswitness.lab.zone import Silent as NoAnswer

MAX_AGE = 86_400
"""Seconds; a scenario in which a policy expires waits so long, on its own clock."""
TOO_LARGE = 70_000
BOMB = 50_000_000
PRIVATE = "10.255.255.1"
WELL_SERVED = {"ok", "nxdomain", "no-address", "refused", "private", *POLICY_HOST_FAULTS}
"""What is wrong with these policy hosts is their name or their certificate."""


def publishes(cell: Cell) -> bool:
    """Whether the domain of a cell has MTA-STS at all."""
    setup = cell.setup
    return cell.row.startswith("A") or setup.cached or bool({"enforce", "testing"} & set(setup.policies))


def publish_txt(zone: Zone, domain: str, record_id: str, fault: str) -> None:
    """The `_mta-sts` record (RFC 8461 section 3.1)."""
    name = f"_mta-sts.{domain}"
    good = f"v=STSv1; id={record_id};"
    match fault:
        case "ok":
            zone.txt(name, good)
        case "absent":
            pass
        case "nodata":
            zone.set(name, RecordType.TXT, NODATA)
        case "servfail":
            zone.set(name, RecordType.TXT, Failing())
        case "bogus":
            zone.set(name, RecordType.TXT, BOGUS)
        case "timeout":
            zone.set(name, RecordType.TXT, NoAnswer())
        case "two":
            zone.txt(name, good, "v=STSv1; id=another;")
        case "no-id":
            zone.txt(name, "v=STSv1;")
        case "long-id":
            zone.txt(name, f"v=STSv1; id={'1' * 33};")
        case "bad-id":
            zone.txt(name, f"v=STSv1; id={record_id}-2;")
        case "version":
            zone.txt(name, f"v=STSv2; id={record_id};")
        case _:
            raise ValueError(f"no such TXT record: {fault!r}")


def publish_host(zone: Zone, host: str, address: str, nowhere: str, setup: Setup) -> None:
    """The policy host's name."""
    match setup.policyhost:
        case "nxdomain":
            zone.set(host, None, NXDOMAIN)
        case "no-address":
            zone.set(host, None, NODATA)
        case "refused":
            zone.address(host, nowhere)
        case "private":
            zone.address(host, PRIVATE)
        case _:
            zone.address(host, address)


def behaviour(setup: Setup, mx_names: tuple[str, ...]) -> Behaviour:
    """What the policy host does when it is asked."""
    body = _body(setup, mx_names)
    match setup.policyhost:
        case "silent":
            return Silent()
        case "tls-alert":
            return Alert()
        case "tls-reset":
            return Close()
        case "tcp-reset":
            return Reset()
        case "not-http":
            return Speak(b"* OK this is not HTTP\r\n\r\n")
        case "too-large":
            return Serve(body + b"x-filler: " + b"x" * TOO_LARGE + b"\r\n")
        case "gzip-bomb":
            return gzipped(body + b"x-filler: " + b"x" * BOMB)
        case "drip":
            return Serve(body, piece=1, pause=0.2)
        case "media-type":
            return Serve(body, media_type="text/html")
        case fault if fault.startswith("http-"):
            status = int(fault.removeprefix("http-"))
            return redirect(status, "https://elsewhere.test/") if 300 <= status < 400 else Serve(body, status)
        case fault if fault in WELL_SERVED:
            return Serve(body)
        case _:
            raise ValueError(f"no such policy host: {setup.policyhost!r}")


def _body(setup: Setup, mx_names: tuple[str, ...]) -> bytes:
    mode = "testing" if "testing" in setup.policies else "enforce"
    good = policy_text(*mx_names, mode=mode, max_age=MAX_AGE)
    if setup.body in hostile.BODIES:
        return hostile.BODIES[setup.body](good)
    bodies = {
        "": good,
        "no-version": good.partition(b"\r\n")[2],
        "no-mode": good.replace(b"mode: " + mode.encode() + b"\r\n", b""),
        "no-max-age": good.replace(f"max_age: {MAX_AGE}\r\n".encode(), b""),
        "no-mx": policy_text(mode=mode, max_age=MAX_AGE),
        "no-colon": good + b"that is all\r\n",
        "unknown-mode": policy_text(*mx_names, mode="strict", max_age=MAX_AGE),
        "version": policy_text(*mx_names, version="STSv2", max_age=MAX_AGE),
        "not-utf8": good + b"x-greeting: Gr\xfc\xdfe\r\n",
        "max-age": policy_text(*mx_names, max_age=99_999_999),
        "mode-none": policy_text(mode="none", max_age=MAX_AGE),
        "wildcard": policy_text(f"*.{mx_names[0].partition('.')[2]}", mode=mode, max_age=MAX_AGE),
        "other-mx": policy_text("mx.elsewhere.test", mode=mode, max_age=MAX_AGE),
    }
    if setup.body not in bodies:
        raise ValueError(f"no such policy: {setup.body!r}")
    return bodies[setup.body]
