"""Names that are known to lead to a secure TLSA RRset, so that losing validation cannot take them down to clear text.

Separate because it must also know the way: without validation the MX RRset and the addresses look insecure, and the
TLSA records behind them would never be asked for. So the MX domain and the aliases of a protected host are protected
too.
What is known has no TTL: it lasts until a resolver that has just been tested says otherwise. Bounded; in memory only,
so that a process begins without. RFC 7672 section 2.1.2 (no downgrade by lookup errors).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

from tlswitness.dns.answer import Answer, Found, LookupFailed, MxRecord, RecordType

MAX_NAMES = 20_000
"""Hosts, MX domains and aliases kept, each; the least recently seen go first. Strangers' domains fill this."""
MAX_LINKS = 64
"""MX hosts kept for one domain, and TLSA records of one host."""

_T = TypeVar("_T")
ADDRESS_TYPES = frozenset({RecordType.A, RecordType.AAAA, RecordType.CNAME})


class KnownSecure:
    """What secure answers have shown."""

    def __init__(self, max_names: int = MAX_NAMES) -> None:
        self._max_names = max_names
        self._hosts: OrderedDict[str, None] = OrderedDict()
        self._records: OrderedDict[str, frozenset[int]] = OrderedDict()
        self._exchanges: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._aliases: OrderedDict[str, str] = OrderedDict()
        self._zones: OrderedDict[str, str] = OrderedDict()

    def learn(self, name: str, rtype: RecordType, answer: Answer) -> None:
        """Take in a secure answer for `name` (lower case); other answers are for `unlearn` or for nothing."""
        if not isinstance(answer, Found):
            if rtype in (RecordType.TLSA, RecordType.MX):
                self.unlearn(name, rtype, answer)
            return
        self._keep(self._zones, name, answer.zone)
        if rtype is RecordType.TLSA:
            self._keep(self._hosts, tlsa_host(name), None)
            self._keep(self._records, name, _records(answer))
        elif rtype is RecordType.MX:
            self._keep(self._exchanges, name, _exchanges(answer))
        elif rtype in ADDRESS_TYPES and answer.chain:
            self._keep(self._aliases, name, answer.chain[-1].target.lower())
        elif rtype in (RecordType.A, RecordType.AAAA):
            self._aliases.pop(name, None)

    def unlearn(self, name: str, rtype: RecordType, answer: Answer) -> None:
        """Take in an insecure answer for `name` (lower case) of a resolver that validates: what was signed is no more.

        An alias that leads out of the signed zone leaves its own name's TLSA records what they are.
        """
        if rtype is RecordType.TLSA:
            self._hosts.pop(tlsa_host(name), None)
            self._records.pop(name, None)
        elif rtype is RecordType.MX:
            self._exchanges.pop(name, None)
        elif rtype in ADDRESS_TYPES and not isinstance(answer, LookupFailed) and not answer.chain:
            self._aliases.pop(name, None)
            self._hosts.pop(name, None)

    def zone(self, name: str) -> str:
        """The zone that signed what a secure answer for `name` (lower case) brought; "" where that is not known."""
        return self._zones.get(name, "")

    def gives_up(self, name: str, rtype: RecordType, answer: Answer) -> bool:
        """Whether a secure answer for `name` (lower case) opens a way around TLSA records that are known.

        A server that has begun to set AD on everything would let a forger deny records, add his own, or name another
        host. New records, MXs and aliases are rare enough.
        """
        if not self.protects(name, rtype):
            return False
        if rtype is RecordType.TLSA:
            new_records, known_records = _records(answer), self._records.get(name)
            return not new_records or (known_records is not None and not new_records <= known_records)
        if rtype is RecordType.MX:
            known, new = self._exchanges.get(name, ()), _exchanges(answer)
            return not set(new).issubset(known or (name,)) or not any(map(self._protects_host, new or (name,)))
        # The walk asks for TLSA records at the end of the aliases first, then at the name itself.
        leads = isinstance(answer, Found) and rtype is not RecordType.CNAME
        return leads and _end(answer) != self._aliases.get(name)

    def protects(self, name: str, rtype: RecordType) -> bool:
        """Whether an insecure answer for `name` (lower case) would open a way around a host's TLSA records."""
        if not self._hosts:
            return False
        if rtype is RecordType.TLSA:
            return tlsa_host(name) in self._hosts
        if rtype in ADDRESS_TYPES:
            return self._protects_host(name)
        if rtype is RecordType.MX:
            return self._protects_host(name) or any(map(self._protects_host, self._exchanges.get(name, ())))
        return False

    def _protects_host(self, host: str) -> bool:
        return host in self._hosts or self._aliases.get(host) in self._hosts

    def _keep(self, table: OrderedDict[str, _T], name: str, value: _T) -> None:
        table[name] = value
        table.move_to_end(name)
        if len(table) > self._max_names:
            table.popitem(last=False)


def _records(answer: Answer) -> frozenset[int]:
    """Enough to tell a record that is new; of many always the same ones."""
    records = answer.records if isinstance(answer, Found) else ()
    return frozenset(sorted(map(hash, records))[:MAX_LINKS])


def _exchanges(answer: Answer) -> tuple[str, ...]:
    """The hosts in an order that does not depend on the server's."""
    records = [record for record in answer.records if isinstance(record, MxRecord)] if isinstance(answer, Found) else []
    hosts = sorted((record.preference, record.exchange.lower()) for record in records)
    return tuple(host for _, host in hosts[:MAX_LINKS])


def _end(answer: Answer) -> str | None:
    return answer.chain[-1].target.lower() if isinstance(answer, Found) and answer.chain else None


def tlsa_host(name: str) -> str:
    """`mx.example.com` of `_25._tcp.mx.example.com` (RFC 6698 section 3)."""
    labels = name.split(".")
    return ".".join(labels[2:]) if len(labels) > 2 and all(label[:1] == "_" for label in labels[:2]) else name
