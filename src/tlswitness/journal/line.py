"""The lines of a segment: how each is written, and how it is read again.

Separate because they are the format, and all else is about files. A segment is text, one line a fact, so that `grep`
and a pair of eyes can read it:

    tlswitness-journal 1 SEGMENT CHAIN NUMBER CREATED CHECK   the first line: which segment this is
    = NUMBER {"type":1,"policy":...} CHECK                    a finding, the first time that it is needed
    EPOCH NUMBER CHECK                                        a session: when, and which finding
    @ SERIAL BEFORE OCTETS BODY "SOURCE" "POSITION" CHECK     the OCTETS that follow are one, up to this position
    . CHECK                                                   the writer has closed the segment
    ! CHECK                                                   its writer died; recovery has closed it

CHECK is the CRC-32 of the line up to the space before it, begun with that of the segment's id, in eight hex digits: a
line that strays into another segment, where its number means something else, does not pass. BODY is that of the octets.
In a batch with a position the sessions' checks begin otherwise: where the line that holds them together is lost, they
are not taken for others.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

from tlswitness.datapoint.finding import Finding
from tlswitness.datapoint.limits import MAX_EPOCH

VERSION = "tlswitness-journal 1"
CLOSED = b"."
CUT = b"!"
MAX_MARK = 1024
"""Characters of a source's name and of its position: both are kept in memory, for each source."""

MAX_KEPT = 2048
"""Octets of a finding that is kept when it has been read: some strangers' are huge."""

_CHECK = 9
"""Octets of a check with the space before it."""
_HEAD = re.compile(r"tlswitness-journal 1 ([0-9a-f]{16}) ([a-z0-9_]{1,40}) (\d{1,10}) (\d{1,12})")
_SESSION = re.compile(rb"(\d{1,12}) (\d{1,8})")
_FINDING = re.compile(rb"= (\d{1,8}) (\{.*\})")
_MARK = re.compile(rb'@ (\d{1,18}) (\d{1,18}) (\d{1,9}) ([0-9a-f]{8}) (".*") (".*")')


@dataclass(frozen=True, slots=True)
class Head:
    """The first line."""

    segment: str
    chain: str
    number: int
    created: int
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Session:
    """One session: when, and the number of its finding in this segment."""

    epoch: int
    number: int
    member: bool = False
    """Whether it belongs to a batch with a position."""


@dataclass(frozen=True, slots=True)
class Defined:
    """A finding gets its number."""

    number: int
    finding: Finding


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a source has come, and how many octets behind this line belong to it."""

    serial: int
    """Counts the batches of a source over all segments: the highest is its last."""
    before: int
    """The serial of the batch before it in this segment, 0 for the first: where that does not count, this does not."""
    octets: int
    body: int
    """CRC-32 of these octets."""
    source: str
    position: str


@dataclass(frozen=True, slots=True)
class End:
    """Nothing follows."""

    cut: bool
    """Whether recovery wrote it, because the writer could not."""


@dataclass(frozen=True, slots=True)
class Bad:
    """Not a line as they are written here."""

    reason: str


Line = Session | Defined | Mark | End | Bad


@lru_cache(4096)
def seed_of(segment: str) -> int:
    """Where the checksums of a segment begin."""
    return crc32(segment.encode())


@lru_cache(4096)
def member_seed(seed: int) -> int:
    """Where those of sessions in a batch with a position begin."""
    return crc32(b"@", seed)


def checked(text: bytes, seed: int) -> bytes:
    """`text` as a whole line, with its checksum and newline."""
    return b"%b %08x\n" % (text, crc32(text, seed))


def head_line(head: Head) -> bytes:
    text = f"{VERSION} {head.segment} {head.chain} {head.number} {head.created}"
    return checked(text.encode(), seed_of(head.segment))


def session_line(epoch: int, number: int, seed: int) -> bytes:
    return checked(b"%d %d" % (epoch, number), seed)


def finding_line(number: int, finding: Finding, seed: int) -> bytes:
    return checked(b"= %d %b" % (number, finding.text.encode()), seed)


def mark_line(mark: Mark, seed: int) -> bytes:
    names = f"{json.dumps(mark.source)} {json.dumps(mark.position)}".encode()
    return checked(b"@ %d %d %d %08x %b" % (mark.serial, mark.before, mark.octets, mark.body, names), seed)


def end_line(seed: int, *, cut: bool = False) -> bytes:
    return checked(CUT if cut else CLOSED, seed)


def read_head(line: bytes) -> Head | Bad:
    """The first line of a segment, without its newline."""
    text = line[:-_CHECK].decode("ascii", "replace")
    found = _HEAD.fullmatch(text)
    if found is None:
        return Bad("not the first line of a journal segment of this version")
    head = Head(found[1], found[2], int(found[3]), int(found[4]))
    return head if line + b"\n" == head_line(head) else Bad("its checksum is wrong")


def read_line(line: bytes, seed: int) -> Line:
    """Any other line, without its newline. Never raises, whatever the octets are."""
    text = line[:-_CHECK]
    member = False
    if line[-_CHECK:] != b" %08x" % crc32(text, seed):
        member = line[-_CHECK:] == b" %08x" % crc32(text, member_seed(seed))
        if not member:
            return Bad("its checksum is wrong")
    if found := _SESSION.fullmatch(text):
        epoch = int(found[1])
        return Session(epoch, int(found[2]), member) if epoch <= MAX_EPOCH else Bad(f"the epoch {epoch} is too large")
    if member:
        return Bad("no session, with a session's checksum")
    if found := _FINDING.fullmatch(text):
        return _defined(int(found[1]), found[2])
    if found := _MARK.fullmatch(text):
        return _mark(found)
    if text in (CLOSED, CUT):
        return End(cut=text == CUT)
    return Bad("no line that this version knows")


def _defined(number: int, text: bytes) -> Defined | Bad:
    finding = _finding(text) if len(text) <= MAX_KEPT else _decoded(text)
    return Defined(number, finding) if isinstance(finding, Finding) else Bad(finding)


def _decoded(text: bytes) -> Finding | str:
    """The finding, or why it is none."""
    try:
        finding = Finding.decode(text.decode())
    except UnicodeDecodeError:
        return "not UTF-8"
    return finding if isinstance(finding, Finding) else str(finding)


_finding = lru_cache(8192)(_decoded)
"""Each segment says again what it needs: most findings have been read before, and one object serves all."""


def _mark(found: re.Match[bytes]) -> Mark | Bad:
    try:
        source, position = json.loads(found[5]), json.loads(found[6])
    except ValueError:
        return Bad("source and position are not JSON strings")
    return Mark(int(found[1]), int(found[2]), int(found[3]), int(found[4], 16), str(source), str(position))
