"""Answers by name and type until their TTL ends.

Separate because its bounds are what keeps strangers' records from filling our memory. The clock is passed in.
RFC 2308 sections 5 (denials) and 7 (failures, kept for a moment only), RFC 7671 section 13 (TLSA within its TTL).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tlswitness.dns.answer import Answer, Denied, Found, LookupFailed, Record, RecordType, TlsaRecord, TxtRecord

MAX_ENTRIES = 20_000
"""Answers kept; the least recently used go first."""
MAX_OCTETS = 32 * 1024 * 1024
"""About what all answers may take: one TXT RRset of a stranger's can have 64 KiB."""
MAX_TTL = 3_600
"""Seconds; the resolver behind keeps records longer, and a mistake in one should not last here."""
FAILURE_TTL = 1.0
"""Seconds; enough to keep a burst of deliveries from asking the same dead server, no more."""

_ENTRY_OCTETS = 300
_RECORD_OCTETS = 120

Key = tuple[str, RecordType]
"""The name in lower case without a trailing dot, and the type."""


@dataclass(slots=True)
class _Entry:
    answer: Answer
    expires: float
    whole_seconds: int
    octets: int


class AnswerCache:
    """A bounded LRU cache of answers."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        max_entries: int = MAX_ENTRIES,
        max_octets: int = MAX_OCTETS,
        max_ttl: int = MAX_TTL,
        failure_ttl: float = FAILURE_TTL,
    ) -> None:
        self._clock = clock
        self._max_entries = max_entries
        self._max_octets = max_octets
        self._max_ttl = max_ttl
        self._failure_ttl = failure_ttl
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._octets = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Answer | None:
        """The answer with the TTL that is left of it, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        left = entry.expires - self._clock()
        if left <= 0:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        seconds = int(left)
        if seconds != entry.whole_seconds:
            entry.answer = _with_ttl(entry.answer, seconds)
            entry.whole_seconds = seconds
        return entry.answer

    def put(self, key: Key, answer: Answer) -> None:
        """Keep `answer` for its TTL, within bounds; a TTL of 0 is not kept."""
        self._drop(key)
        ttl = self._failure_ttl if isinstance(answer, LookupFailed) else min(answer.ttl, self._max_ttl)
        octets = _octets(answer)
        if ttl <= 0 or octets > self._max_octets:
            return
        self._entries[key] = _Entry(answer, self._clock() + ttl, -1, octets)
        self._octets += octets
        while len(self._entries) > self._max_entries or self._octets > self._max_octets:
            self._drop(next(iter(self._entries)))

    def forget_unproven(self, keys: Iterable[Key] | None = None) -> None:
        """Drop what is not secure, of all or of `keys`: it was learnt when the resolver said nothing of security."""
        wanted = tuple(self._entries) if keys is None else keys
        for key in [key for key in wanted if key in self._entries and not self._entries[key].answer.secure]:
            self._drop(key)

    def clear(self) -> None:
        """Drop everything."""
        self._entries.clear()
        self._octets = 0

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._octets -= entry.octets


def _with_ttl(answer: Answer, ttl: int) -> Answer:
    match answer:
        case Found():
            return Found(answer.records, answer.security, ttl, answer.chain, answer.zone)
        case Denied():
            return Denied(answer.denial, answer.security, ttl, answer.chain)
        case LookupFailed():
            return answer


def _octets(answer: Answer) -> int:
    if not isinstance(answer, Found):
        return _ENTRY_OCTETS
    return _ENTRY_OCTETS + sum(_RECORD_OCTETS + _data_octets(record) for record in answer.records)


def _data_octets(record: Record) -> int:
    match record:
        case TlsaRecord():
            return len(record.data)
        case TxtRecord():
            return sum(len(string) + 33 for string in record.strings)
        case str():
            return len(record)
        case _:
            return len(record.exchange)
