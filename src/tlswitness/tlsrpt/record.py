"""The record: which TXT counts, its fields, and in words whatever is wrong with them (RFC 8460 section 3).

Pure. Stricter senders drop a whole record for one bad URI or one malformed extension; here the good rest is used, and
the bad is told. Whatever is not a `TlsrptRecord` means alike that nobody gets reports; the difference is for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tlswitness.tlsrpt.rua import MailRua, Rua, UnusableUri, parse_rua

VERSION = "v=TLSRPTv1"
MAX_RECORD = 4096
"""Characters: bounds what a publisher can make us read, keep and show."""
MAX_RUA = 16
"""URIs that are used: each is someone to whom a stranger makes us write (RFC 8460 section 7)."""
MAX_IGNORED = 64
"""Things passed over that are told: a hostile record has thousands."""
MAX_SHOWN = 200
"""Characters of each."""

_WSP = " \t"
_EXTENSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[!-:<>-~]+", re.ASCII)
_NEARLY_RUA = re.compile(r"rua[ \t]*=", re.IGNORECASE)
_ODD = re.compile(r"[^\t -~]")
_MEANT = re.compile(r"[ \t\"]*v[ \t]*=[ \t]*t[lsr]{3}pt|tlsrpt|(?!v=dmarc).*\brua[ \t]*=", re.IGNORECASE)
"""A TXT record that was meant for this: other case, letters swapped, or a `rua` without the version."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Something that was passed over."""

    text: str
    """Of the record, cut to MAX_SHOWN; `?` stands for what is not printable ASCII."""
    reason: str
    """In words."""

    def __str__(self) -> str:
        return f"{self.text!r} is ignored: {self.reason}"


@dataclass(frozen=True, slots=True)
class TlsrptRecord:
    """The domain wants reports."""

    rua: tuple[Rua, ...]
    """At least one, at most MAX_RUA, in their order, none twice; for the submitter to try all, or any."""
    text: str
    """The record as DNS has it, its strings joined; `?` stands for what is not printable ASCII."""
    ignored: tuple[Ignored, ...] = ()
    remarks: tuple[str, ...] = ()
    """What is odd although it can be used, in words."""


@dataclass(frozen=True, slots=True)
class NoRecord:
    """No TXT record is meant for TLSRPT."""

    ignored: tuple[Ignored, ...] = ()


@dataclass(frozen=True, slots=True)
class InvalidRecord:
    """There is one, but it names nowhere that reports could go: must be treated as none."""

    text: str
    """Cut to MAX_RECORD; `?` stands for what is not printable ASCII."""
    reason: str
    ignored: tuple[Ignored, ...] = ()


@dataclass(frozen=True, slots=True)
class SeveralRecords:
    """There is more than one: must be treated as none."""

    texts: tuple[str, ...]
    """At most MAX_IGNORED, each cut to MAX_RECORD; `?` stands for what is not printable ASCII."""


RecordOutcome = TlsrptRecord | NoRecord | InvalidRecord | SeveralRecords


def parse_records(texts: Sequence[str]) -> RecordOutcome:
    """What the TXT records at `_smtp._tls.<domain>`, each joined to one text, come to. Never raises.

    SPEC: of several records the RFC discards those that do not begin with `v=TLSRPTv1;`. Its grammar also allows blanks
    before the semicolon (cf. erratum 6285), so a record that can be used is never discarded.
    """
    counted = [text for text in texts if _counts(text)]
    others = [text for text in texts if not _counts(text)]
    if len(counted) > 1:
        return SeveralRecords(tuple(_shown(text) for text in counted[:MAX_IGNORED]))
    meant = counted[0] if counted else next((text for text in others if _MEANT.match(text[:MAX_RECORD])), None)
    foreign = tuple(
        _ignored(text, "it does not begin with `v=TLSRPTv1;`") for text in others[:MAX_IGNORED] if text is not meant
    )
    if meant is None:
        return NoRecord(foreign)
    if _has_version(meant):
        return _read(meant, foreign)
    return InvalidRecord(_shown(meant), _version_fault(meant[:MAX_RECORD]), foreign)


def _counts(text: str) -> bool:
    return text.startswith(f"{VERSION};") or (_has_version(text) and isinstance(_read(text, ()), TlsrptRecord))


def _has_version(text: str) -> bool:
    return text.startswith(VERSION) and text.partition(";")[0].rstrip(_WSP) == VERSION


def _version_fault(text: str) -> str:
    begin = text.lstrip(_WSP + '"')
    if begin.startswith(VERSION + "\\"):
        return "there is a backslash before the semicolon: it belongs into a zone file, not into the record"
    if begin.startswith(VERSION) and begin != text:
        return "something stands before `v=TLSRPTv1`"
    if begin.startswith(VERSION):
        return "there is no semicolon behind `v=TLSRPTv1`"
    if begin.lower().startswith(VERSION.lower()):
        return "the version is `v=TLSRPTv1`, in exactly these capitals"
    return "it does not begin with `v=TLSRPTv1;`"


def _read(text: str, foreign: tuple[Ignored, ...]) -> RecordOutcome:
    if len(text) > MAX_RECORD:
        return InvalidRecord(_shown(text), f"it is longer than {MAX_RECORD} characters", foreign)
    fields = [field.strip(_WSP) for field in text.split(";")][1:]
    if fields and not fields[-1]:
        fields.pop()  # the optional delimiter at the end
    values = [field.removeprefix("rua=") for field in fields if field.startswith("rua=")]
    extensions = [_ignored(field, fault) for field in fields if (fault := _extension_fault(field))]
    if not values:
        return InvalidRecord(_shown(text), "it has no `rua`", (*extensions, *foreign)[:MAX_IGNORED])
    rua: dict[Rua, None] = {}
    unusable = []
    for uri in _uris(values):
        found = parse_rua(uri)
        if isinstance(found, UnusableUri):
            unusable.append(_ignored(uri, found.reason))
        elif len(rua) == MAX_RUA and found not in rua:
            unusable.append(_ignored(uri, f"it is beyond the first {MAX_RUA}"))
        else:
            rua[found] = None
    ignored = (*unusable, *extensions, *foreign)[:MAX_IGNORED]
    if not rua:
        return InvalidRecord(_shown(text), "no URI of its `rua` can be used", ignored)
    return TlsrptRecord(tuple(rua), _shown(text), ignored, tuple(_remarks(text, values, tuple(rua))))


def _uris(values: list[str]) -> Iterator[str]:
    """SPEC: the grammar allows several `rua` fields and says nothing of what they mean: their union."""
    for value in values:
        yield from (uri.strip(_WSP) for uri in value.split(","))


def _extension_fault(field: str) -> str | None:
    """None for `rua`, and for unknown fields that fit the grammar: those are ignored in silence."""
    if field.startswith("rua="):
        return None
    if _NEARLY_RUA.match(field):
        return "the field is `rua=`, in small letters and without blanks"
    if not field:
        return "it is an empty field"
    return None if _EXTENSION.fullmatch(field) else "it is not of the form name=value"


def _remarks(text: str, values: list[str], rua: tuple[Rua, ...]) -> Iterator[str]:
    if not text.startswith(f"{VERSION};"):
        yield "a blank stands before the first semicolon: some senders do not take that for a record"
    if text[-1] in _WSP and not text.rstrip(_WSP).endswith(";"):
        yield "blanks stand at the end"
    if any(value.startswith((" ", "\t")) for value in values):
        yield "a blank stands behind `rua=`"
    if len(values) > 1:
        yield "there is more than one `rua` field: other senders may use only one of them"
    for each in rua:
        if not isinstance(each, MailRua):
            continue
        if each.asks_for_fields:
            yield f"of {each.uri} only the address is used: no header fields, no body"
        if each.uri.partition("?")[0].endswith("."):
            yield f"the domain of {each.uri} ends in a dot"
        if not each.local_part.isascii():
            yield f"the address of {each.uri} needs servers with SMTPUTF8"


def _ignored(text: str, reason: str) -> Ignored:
    return Ignored(_shown(text, MAX_SHOWN), reason)


def _shown(text: str, limit: int = MAX_RECORD) -> str:
    return _ODD.sub("?", text[:limit])
