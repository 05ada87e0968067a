"""One cached policy, and the text that it is on disk.

Separate because the store is about files and this is about their content: pure, so that every torn or foreign file
can be shown to be refused. The text is for people: a header with one fact a line, a blank line, then the policy as
served. RFC 8461 sections 3.2 (lifetime) and 5.1 (the time of the fetch is kept).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from tlswitness.names import Domain, parse_domain
from tlswitness.policy.sts.grammar import parse_policy
from tlswitness.policy.sts.model import BadPolicy, StsPolicy

MAGIC = "tlswitness MTA-STS policy, format 1"
_HEADER = re.compile(
    r"domain: (?P<domain>[^\n]{1,253})\nid: (?P<id>[A-Za-z0-9]{1,32})\n"
    r"fetched: (?P<fetched>[^\n]{1,32})\nlast used: (?P<used>[^\n]{1,32})\n\n"
)
_END = b"\n\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """A policy of any mode as it was fetched."""

    domain: Domain
    id: str
    """The id of the TXT record that led to the fetch."""
    policy: StsPolicy
    body: bytes
    """As served."""
    fetched_at: int
    """Seconds since 1970, cut to whole ones: the lifetime counts from here (RFC 8461 section 3.2)."""
    last_used: int
    """Seconds since 1970, half a day exact."""

    @property
    def expires_at(self) -> int:
        """Seconds since 1970: the first second at which the policy must not be applied any more."""
        return self.fetched_at + self.policy.max_age

    def expired(self, now: float) -> bool:
        return now >= self.expires_at


def encode(entry: Entry) -> bytes:
    """The content of the entry's file: its checksum covers all that follows."""
    header = (
        f"domain: {entry.domain}\nid: {entry.id}\n"
        f"fetched: {_date(entry.fetched_at)}\nlast used: {_date(entry.last_used)}\n\n"
    )
    rest = header.encode("ascii") + entry.body
    return f"{MAGIC}\nsha256: {hashlib.sha256(rest).hexdigest()}\n".encode("ascii") + rest


def decode(data: bytes) -> Entry | str:
    """The entry in a file's content; else what is wrong with it, in words."""
    magic, _, rest = data.partition(b"\n")
    if magic != MAGIC.encode("ascii"):
        return "the first line is not that of a policy file of format 1"
    checksum, _, rest = rest.partition(b"\n")
    if checksum != b"sha256: " + hashlib.sha256(rest).hexdigest().encode("ascii"):
        return "the checksum does not match"
    header, blank, body = rest.partition(_END)
    match = _HEADER.fullmatch((header + blank).decode("ascii", "replace"))
    if match is None:
        return "the header is not: domain, id, fetched, last used"
    domain = parse_domain(match["domain"])
    if domain != match["domain"]:
        return "the domain is not one"
    try:
        fetched_at, last_used = _seconds(match["fetched"]), _seconds(match["used"])
    except ValueError:
        return "a time is not of the form 2026-01-31T23:59:59Z"
    policy = parse_policy(body)
    if isinstance(policy, BadPolicy):
        return f"the policy is invalid: {policy.reason}"
    return Entry(Domain(match["domain"]), match["id"], policy, body, fetched_at, last_used)


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(date: str) -> int:
    return int(datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
