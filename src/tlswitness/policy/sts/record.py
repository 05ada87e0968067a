"""The `_mta-sts` TXT record: its grammar, and which of several counts (RFC 8461 section 3.1).

Pure, and separate from the policy file, whose grammar differs in everything but the idea of keys and values. The record
only tells whether to fetch: a bad one never removes a cached policy, and what follows from it is for the service.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tlswitness.datapoint.failure import Cause, Failure

VERSION = "v=STSv1"
MAX_RECORD = 4096
"""Characters: a record needs fewer than 60. Bounds what a publisher of ever more extensions can make us read."""

_WSP = " \t"
_ID = re.compile(r"[A-Za-z0-9]{1,32}", re.ASCII)
_FIELD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[!-:<>-~]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class StsRecord:
    """There is one record, and it is valid: the domain has a policy, to be fetched if the id is new."""

    id: str
    """1 to 32 letters and digits, without any order: another id is another policy."""


@dataclass(frozen=True, slots=True)
class NoRecord:
    """No TXT record is meant for MTA-STS: none at all, foreign ones, or those of another version."""


@dataclass(frozen=True, slots=True)
class BadRecord:
    """There is no record to go by: must be treated as if the domain had no policy to fetch."""

    failure: Failure


RecordAnswer = StsRecord | NoRecord | BadRecord


def parse_record(texts: Sequence[str]) -> RecordAnswer:
    """What the TXT records at `_mta-sts.<domain>`, each joined to one text, come to.

    SPEC: of several records the RFC discards those that do not begin with `v=STSv1;`. Its grammar also allows blanks
    before the semicolon (erratum 6285), so a record that is valid by the grammar is never discarded.
    """
    read = [(text, _read(text)) for text in texts]
    candidates = [found for text, found in read if isinstance(found, StsRecord) or text.startswith(f"{VERSION};")]
    if len(candidates) > 1:
        return BadRecord(Failure(Cause.STS_TXT_MULTIPLE))
    if not candidates:
        candidates = [found for text, found in read if _is_meant(text)]
    match candidates:
        case [StsRecord() as record]:
            return record
        case [str(fault), *_]:
            return BadRecord(Failure(Cause.STS_TXT_INVALID, fault))
        case _:
            return NoRecord()


def _is_meant(text: str) -> bool:
    """A slip of this version: other case, leading blanks, no semicolon. Another version is none of ours."""
    begin = text[: 2 * len(VERSION)].lstrip().lower()
    return begin.startswith(VERSION.lower()) and not begin[len(VERSION) :][:1].isdigit()


def _read(text: str) -> StsRecord | str:
    """The record, or a stable token that names what is wrong with it."""
    if len(text) > MAX_RECORD:
        return "too long"
    version, *fields = text.split(";")
    if version.rstrip(_WSP) != VERSION:
        return "bad version"
    if fields and not fields[-1].strip(_WSP):
        fields.pop()  # the optional delimiter at the end, blanks included
    elif text[-1] in _WSP:
        return "blank at the end"
    record_id: str | None = None
    for field in fields:
        bare = field.strip(_WSP)
        if bare.startswith("id=") and record_id is None:  # the first counts (RFC 8461 section 3.2)
            record_id = bare[3:]
        elif not _FIELD.fullmatch(bare):
            return "bad field" if bare else "empty field"
    if record_id is None:
        return "no id"
    return StsRecord(record_id) if _ID.fullmatch(record_id) else "bad id"
